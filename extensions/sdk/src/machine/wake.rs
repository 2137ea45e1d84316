//! Wakes the work on a namespace. It carries nothing on purpose: whoever wakes up looks at the world.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// One namespace's bell.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    rung: AtomicBool,
    bell: Notify,
}

impl Wake {
    /// There is news of the namespace itself.
    pub(crate) fn notify(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// There is news of the shoot, which is of no interest once nothing is left in the namespace.
    pub(crate) fn nudge(&self) {
        self.bell.notify_one();
    }

    /// Before looking at the world: what comes from now on is news.
    pub(crate) fn reset(&self) {
        self.rung.store(false, Ordering::SeqCst);
    }

    /// Whether there is news since the last look.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    pub(crate) async fn notified(&self) {
        self.bell.notified().await;
    }
}
