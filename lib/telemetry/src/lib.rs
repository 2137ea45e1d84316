//! Logging of every process, set up one way: to standard error, as text or as JSON.
//!
//! In: `RUST_LOG` (which lines; default `info`) and `KUBECEPTION_LOG_FORMAT` (`text`, `json`, or `auto`: JSON unless
//! standard error is a terminal). Absent: metrics and traces.

#![forbid(unsafe_code)]

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The environment variable that chooses the [`Format`].
pub const FORMAT_VARIABLE: &str = "KUBECEPTION_LOG_FORMAT";

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
    /// [`Format::Text`] on a terminal, [`Format::Json`] otherwise.
    Auto,
}

impl Format {
    /// Reads the name of a format; anything unknown is the default, for a process must not fail over its log.
    pub fn parse(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "auto" => Self::Auto,
            _ => Self::Text,
        }
    }

    fn is_json(self, terminal: bool) -> bool {
        match self {
            Self::Text => false,
            Self::Json => true,
            Self::Auto => !terminal,
        }
    }
}

/// Sets up logging from the environment. Calling it again changes nothing.
pub fn init() {
    let format = std::env::var(FORMAT_VARIABLE)
        .map(|name| Format::parse(&name))
        .unwrap_or_default();
    init_with(format, "info");
}

/// Sets up logging in a given format; `RUST_LOG` wins over `default_filter`. Calling it again changes nothing.
pub fn init_with(format: Format, default_filter: &str) {
    let terminal = std::io::stderr().is_terminal();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default_filter));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that somebody was first, such as another test: then his setup stands.
    let _ = if format.is_json(terminal) {
        subscriber
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    } else {
        subscriber.with_ansi(terminal).try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_leniently() {
        for (name, format) in [
            ("json", Format::Json),
            (" JSON ", Format::Json),
            ("auto", Format::Auto),
            ("xml", Format::Text),
        ] {
            assert_eq!(Format::parse(name), format, "{name}");
        }
    }

    #[test]
    fn auto_is_text_for_people_only() {
        assert!(!Format::Auto.is_json(true));
        assert!(Format::Auto.is_json(false));
        assert!(!Format::Text.is_json(false));
    }

    #[test]
    fn a_second_setup_is_harmless() {
        init();
        init_with(Format::Json, "debug");
        tracing::info!("still alive");
    }
}
