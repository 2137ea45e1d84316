//! What an error means for the queue.

use std::{collections::BTreeMap, time::Duration};

use kube::runtime::controller::Action;
use parking_lot::Mutex;
use tokio::time::Instant;

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
///
/// A reconcile that failed wrote so into the object's status, and that write comes back as an event. [`Failures::pending`]
/// tells it from a real change, so that it does not cut the wait short.
#[derive(Debug)]
pub struct Failures {
    first: Duration,
    longest: Duration,
    entries: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    count: u32,
    /// Until when to wait, and for which state of the object; `None`: until it changes.
    until: Option<Instant>,
    wish: String,
}

impl Default for Failures {
    fn default() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(60))
    }
}

impl Failures {
    /// The first wait and the longest; each is twice the one before.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            entries: Mutex::default(),
        }
    }

    /// Notes a failure of the object `key` and says when to try again.
    pub fn failed(&self, key: &str, retry: Retry) -> Action {
        self.failed_with(key, "", retry)
    }

    /// The same for [`Failures::pending`]: `wish` is what the user wants of the object, see [`wish_of`].
    pub fn failed_with(&self, key: &str, wish: &str, retry: Retry) -> Action {
        let wait = match retry {
            Retry::OnChange => None,
            Retry::Now => Some(AT_ONCE),
            Retry::After(wait) => Some(wait),
            Retry::Backoff => Some(self.next(key)),
        };
        let mut entries = self.entries.lock();
        let entry = entries.entry(key.to_owned()).or_default();
        entry.until = wait.map(|wait| Instant::now() + wait);
        wish.clone_into(&mut entry.wish);
        wait.map_or_else(Action::await_change, Action::requeue)
    }

    /// What to return at once instead of reconciling: the object failed, what it wants is the same, the wait is not over.
    pub fn pending(&self, key: &str, wish: &str) -> Option<Action> {
        let entries = self.entries.lock();
        let entry = entries.get(key).filter(|entry| entry.wish == wish)?;
        match entry.until {
            None => Some(Action::await_change()),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                (!left.is_zero()).then(|| Action::requeue(left))
            }
        }
    }

    /// Notes a success: the next failure is a first one.
    pub fn succeeded(&self, key: &str) {
        self.entries.lock().remove(key);
    }

    /// Notes a failure and returns how long to wait.
    pub fn next(&self, key: &str) -> Duration {
        let mut entries = self.entries.lock();
        let entry = entries.entry(key.to_owned()).or_default();
        let wait = self
            .first
            .saturating_mul(2u32.saturating_pow(entry.count))
            .min(self.longest);
        entry.count = entry.count.saturating_add(1);
        wait
    }
}

/// What the user wants of an object, as far as metadata tell: its generation, its annotations, whether it shall go.
pub fn wish_of(object: &impl kube::Resource) -> String {
    let meta = object.meta();
    let annotations = meta.annotations.clone().unwrap_or_default();
    format!(
        "{:?} {:?} {} {annotations:?}",
        meta.uid,
        meta.generation,
        meta.deletion_timestamp.is_some()
    )
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
        assert_eq!(
            failures.failed("a", Retry::After(Duration::from_secs(9))),
            Action::requeue(Duration::from_secs(9))
        );
        assert_eq!(
            failures.failed("a", Retry::Backoff),
            Action::requeue(Duration::from_secs(1))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_cut_short_only_by_a_change() {
        let failures = Failures::new(Duration::from_secs(8), Duration::from_secs(60));
        assert_eq!(failures.pending("a", "1"), None);
        failures.failed_with("a", "1", Retry::Backoff);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(
            failures.pending("a", "1"),
            Some(Action::requeue(Duration::from_secs(5)))
        );
        assert_eq!(failures.pending("a", "2"), None);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(failures.pending("a", "1"), None);
        failures.failed_with("a", "1", Retry::OnChange);
        assert_eq!(failures.pending("a", "1"), Some(Action::await_change()));
        failures.succeeded("a");
        assert_eq!(failures.pending("a", "1"), None);
    }
}
