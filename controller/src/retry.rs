//! What an error means for the queue.

use std::{collections::BTreeMap, time::Duration};

use kube::runtime::controller::Action;
use parking_lot::Mutex;

/// When to reconcile again after an error. An error type says so in one exhaustive match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Only a change of the object can help.
    OnChange,
    /// At once: somebody else wrote in between.
    Now,
    /// After this long.
    After(Duration),
    /// Later and later, while it keeps failing.
    Backoff,
}

/// Even "at once" leaves the other side time to finish its write.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Counts failures in a row per object and says how long to wait; made once per controller.
#[derive(Debug)]
pub struct Failures {
    first: Duration,
    longest: Duration,
    counts: Mutex<BTreeMap<String, u32>>,
}

impl Default for Failures {
    fn default() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(60))
    }
}

impl Failures {
    /// The first wait and the longest; each is twice the one before.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, counts: Mutex::default() }
    }

    /// Notes a failure of the object `key` and says when to try again.
    pub fn failed(&self, key: &str, retry: Retry) -> Action {
        match retry {
            Retry::OnChange => Action::await_change(),
            Retry::Now => Action::requeue(AT_ONCE),
            Retry::After(wait) => Action::requeue(wait),
            Retry::Backoff => Action::requeue(self.next(key)),
        }
    }

    /// Notes a success: the next failure is a first one.
    pub fn succeeded(&self, key: &str) {
        self.counts.lock().remove(key);
    }

    /// Notes a failure and returns how long to wait.
    pub fn next(&self, key: &str) -> Duration {
        let mut counts = self.counts.lock();
        let count = counts.entry(key.to_owned()).or_insert(0);
        let wait = self.first.saturating_mul(2u32.saturating_pow(*count)).min(self.longest);
        *count = count.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_a_success() {
        let failures = Failures::new(Duration::from_secs(1), Duration::from_secs(5));
        let waits: Vec<u64> = (0..4).map(|_| failures.next("a").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5]);
        assert_eq!(failures.next("b").as_secs(), 1);
        failures.succeeded("a");
        assert_eq!(failures.next("a").as_secs(), 1);
        for _ in 0..100 {
            failures.next("a");
        }
        assert_eq!(failures.next("a").as_secs(), 5);
    }

    #[test]
    fn each_retry_is_its_action() {
        let failures = Failures::new(Duration::from_secs(1), Duration::from_secs(5));
        assert_eq!(failures.failed("a", Retry::OnChange), Action::await_change());
        assert_eq!(failures.failed("a", Retry::After(Duration::from_secs(9))), Action::requeue(Duration::from_secs(9)));
        assert_eq!(failures.failed("a", Retry::Backoff), Action::requeue(Duration::from_secs(1)));
    }
}
