//! Which revisions readers wait for: as long as one waits, the store is asked how far it is again and again.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

/// The revisions that readers wait for now.
pub(super) struct Wanted {
    /// How many wait for each.
    readers: Mutex<BTreeMap<u64, usize>>,
    /// The highest of them; 0 when nobody waits.
    highest: watch::Sender<u64>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            readers: Mutex::default(),
            highest: watch::Sender::new(0),
        }
    }
}

impl Wanted {
    /// Notes a reader, for as long as the answer lives: one that gives up wants nothing any more.
    pub(super) fn wait_for(&self, revision: u64) -> Waiting<'_> {
        let mut readers = self.readers.lock();
        *readers.entry(revision).or_default() += 1;
        self.publish(&readers);
        Waiting { wanted: self, revision }
    }

    /// The highest revision that is waited for.
    pub(super) fn highest(&self) -> watch::Receiver<u64> {
        self.highest.subscribe()
    }

    fn publish(&self, readers: &BTreeMap<u64, usize>) {
        let highest = readers.last_key_value().map_or(0, |(revision, _)| *revision);
        self.highest.send_if_modified(|present| {
            let raised = *present < highest;
            *present = highest;
            // Less work is no news.
            raised
        });
    }
}

/// A reader that waits.
pub(super) struct Waiting<'w> {
    wanted: &'w Wanted,
    revision: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut readers = self.wanted.readers.lock();
        if let Some(count) = readers.get_mut(&self.revision) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&self.revision);
            }
        }
        self.wanted.publish(&readers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_wants_nothing_any_more() {
        let wanted = Wanted::default();
        let highest = wanted.highest();
        let (one, same) = (wanted.wait_for(7), wanted.wait_for(7));
        let absurd = wanted.wait_for(u64::MAX);
        assert_eq!(*highest.borrow(), u64::MAX);
        drop(absurd);
        assert_eq!(*highest.borrow(), 7);
        drop(one);
        assert_eq!(*highest.borrow(), 7);
        drop(same);
        assert_eq!(*highest.borrow(), 0);
    }
}
