//! Renders an error with all its causes, once, on one line.
//!
//! Our errors name the failed step and leave the cause to `source()`; whoever logs or prints one wraps it in an
//! [`ErrorChain`]. Foreign errors often repeat their cause in their own text: what was already said is not said again.

#![forbid(unsafe_code)]

use std::{error::Error, fmt};

/// Displays an error and its causes as `step: cause: cause of the cause`.
#[derive(Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = text_of(self.0);
        formatter.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = text_of(error);
            if !text.is_empty() && !said.contains(&text) {
                write!(formatter, ": {text}")?;
                said = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

/// What an error says, without the `Debug` form of its cause that some (kube's) put in parentheses behind it.
fn text_of(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    match error.source() {
        Some(cause) => text.replace(&format!(" ({cause:?})"), ""),
        None => text,
    }
}

impl fmt::Debug for ErrorChain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Step(&'static str, Option<Box<Step>>);

    impl fmt::Display for Step {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Step {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|step| step as &dyn Error)
        }
    }

    #[track_caller]
    fn check(texts: &[&'static str], expected: &str) {
        let error = texts
            .iter()
            .rev()
            .fold(None, |cause, text| Some(Box::new(Step(text, cause))));
        assert_eq!(ErrorChain(error.unwrap().as_ref()).to_string(), expected);
    }

    #[test]
    fn causes_are_joined_and_never_doubled() {
        check(&["failed to connect"], "failed to connect");
        check(&["failed to connect", "timed out"], "failed to connect: timed out");
        check(
            &["failed: io: refused", "io: refused", "refused"],
            "failed: io: refused",
        );
        check(&["failed: io", "io", "refused"], "failed: io: refused");
        check(&["step", "", "refused"], "step: refused");
    }

    #[test]
    fn the_debug_form_of_a_cause_is_left_out() {
        check(&["api: refused (Step(\"refused\", None))", "refused"], "api: refused");
    }
}
