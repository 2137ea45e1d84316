//! Waits between attempts, and says an error once, not with every attempt.

use std::time::Duration;

use tokio::time::Instant;

/// An error that does not change is said again after this: whoever looks at the log's end shall find it.
const REPEAT: Duration = Duration::from_secs(60);

/// Attempts at one thing.
#[derive(Debug)]
pub(crate) struct Attempts {
    first: Duration,
    longest: Duration,
    next: Duration,
    said: Option<(String, Instant)>,
}

impl Attempts {
    /// Waits from `first` on, each twice as long as the one before, up to `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
            said: None,
        }
    }

    /// Notes a failure: how long to wait.
    pub(crate) fn failed(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.longest);
        wait
    }

    /// Whether this error is news.
    pub(crate) fn is_news(&mut self, error: &str) -> bool {
        let known = self
            .said
            .as_ref()
            .is_some_and(|(said, when)| said == error && when.elapsed() < REPEAT);
        if !known {
            self.said = Some((error.to_owned(), Instant::now()));
        }
        !known
    }

    /// Notes a success: the next failure is a first one.
    pub(crate) fn succeeded(&mut self) {
        self.next = self.first;
        self.said = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_error_is_said_once_a_minute_and_waits_double() {
        let mut attempts = Attempts::new(Duration::from_secs(1), Duration::from_secs(3));
        assert!(attempts.is_news("a"));
        assert!(!attempts.is_news("a"));
        assert!(attempts.is_news("b"));
        tokio::time::advance(REPEAT).await;
        assert!(attempts.is_news("b"));
        let waits: Vec<u64> = (0..3).map(|_| attempts.failed().as_secs()).collect();
        assert_eq!(waits, [1, 2, 3]);
        attempts.succeeded();
        assert_eq!(attempts.failed().as_secs(), 1);
        assert!(attempts.is_news("b"));
    }
}
