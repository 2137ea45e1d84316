//! How many requests are worked on at once.
//!
//! Those beyond the limit are not queued: the client is told to come back. Watches do not count, they mostly sleep.

use std::sync::Arc;

use apimachinery::status::Status;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When a client that found no room should try again.
const RETRY_AFTER_SECONDS: i32 = 1;

/// Room for requests, apart for those that read and those that write.
#[derive(Clone, Debug)]
pub(crate) struct RequestLimits {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl RequestLimits {
    /// Room for so many at once.
    pub(crate) fn new(reads: usize, writes: usize) -> Self {
        let room = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        Self {
            reads: room(reads),
            writes: room(writes),
        }
    }

    /// A place, until the result is dropped; 429 when there is none.
    pub(super) fn enter(&self, writes: bool) -> Result<OwnedSemaphorePermit, Status> {
        let room = if writes { &self.writes } else { &self.reads };
        let full = |_| Status::too_many_requests("Too many requests, please try again later.", RETRY_AFTER_SECONDS);
        Arc::clone(room).try_acquire_owned().map_err(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_have_their_own_room() {
        let limits = RequestLimits::new(1, 1);
        let read = limits.enter(false).unwrap();
        assert_eq!(limits.enter(false).unwrap_err().code, 429);
        let _write = limits.enter(true).unwrap();
        drop(read);
        let _read = limits.enter(false).unwrap();
    }
}
