//! Waits for a level, with a deadline and the last thing seen; never for an edge, never by sleeping blindly.

use std::{fmt::Display, future::Future, time::Duration};

/// Time between two looks at the world.
const POLL: Duration = Duration::from_millis(100);

/// Asks `look` until it yields a value, and panics with what it said last when `deadline` has passed.
///
/// `look` returns `Err` with a description of the state that is not good enough yet.
#[track_caller]
pub fn eventually<T, E, Look, Answer>(deadline: Duration, what: &str, look: Look) -> impl Future<Output = T>
where
    E: Display,
    Look: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    poll(deadline, what.to_owned(), look)
}

async fn poll<T, E, Look, Answer>(deadline: Duration, what: String, mut look: Look) -> T
where
    E: Display,
    Look: FnMut() -> Answer,
    Answer: Future<Output = Result<T, E>>,
{
    let started = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(POLL);
    let mut last = "nothing was seen".to_owned();
    while started.elapsed() < deadline {
        ticks.tick().await;
        let left = deadline.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(state)) => last = state.to_string(),
            Err(_) => last = format!("{last} (and the last look did not return)"),
        }
    }
    panic!("waited {deadline:?} for {what}; last state: {last}")
}

/// `Ok` when `condition` holds, else the rendered state as the reason to go on waiting.
pub fn ready_when(condition: bool, state: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(state()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn returns_the_first_good_value() {
        let mut looks = 0;
        let value = eventually(Duration::from_secs(5), "the third look", || {
            looks += 1;
            let seen = looks;
            async move {
                if seen == 3 {
                    Ok(seen)
                } else {
                    Err(format!("look {seen}"))
                }
            }
        })
        .await;
        assert_eq!(value, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "for the moon; last state: still dark")]
    async fn says_what_it_saw_last() {
        eventually(Duration::from_millis(150), "the moon", || async {
            Err::<(), _>("still dark")
        })
        .await;
    }
}
