//! How soon a broken watch is tried again.

use std::time::Duration;

/// Waits before a watch is opened again after an error: 100 ms, doubled up to 2 s.
///
/// kube's own goes up to 30 s and is made for thousands of clients of one API server. Here an API server is often just
/// starting, or a CRD just being made, and somebody waits for it.
#[derive(Clone, Debug)]
pub struct WatchBackoff {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

impl Default for WatchBackoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        Some(wait)
    }
}

impl kube::runtime::utils::Backoff for WatchBackoff {
    fn reset(&mut self) {
        self.next = FIRST;
    }
}
