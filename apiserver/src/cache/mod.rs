//! The watch cache of one resource: every stored version is decoded once, when it arrives; readers share its bytes.
//!
//! In: the store's changes under one prefix, and a [`Decode`] that turns stored bytes into a [`CachedObject`]. Out:
//! consistent lists, pages and past states, and watches that resume. A watcher has no queue of its own: it holds a
//! position in a ring of events that all of them share, and is told so when it has fallen behind the ring.
//!
//! **Invariant:** a reader never decodes an object, and never waits longer than its deadline.

mod feed;
mod object;
mod read;
mod state;
mod wanted; // what readers wait for
mod watcher;

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::storage::{Store, StoreError};

pub use self::{
    object::{CachedObject, Decode, DecodeError, with_revision},
    read::{Freshness, ListQuery, ReadError, Snapshot},
    state::Limits,
    watcher::{Lagged, Transition, WatchQuery, Watcher},
};
use self::{state::State, wanted::Wanted};

/// What readers select by; `true` lets an object through.
pub type Filter = Arc<dyn Fn(&CachedObject) -> bool + Send + Sync>;

/// How far the cache has come; every change of it wakes those who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    /// Everything up to this revision has been taken in; 0 before the first listing.
    revision: u64,
    /// Sequence number that the next event will get.
    sequence: u64,
}

/// The watch cache of one resource.
pub struct WatchCache {
    store: Arc<dyn Store>,
    /// Prefix of the resource's keys, with a slash at the end.
    prefix: String,
    decode: Arc<dyn Decode>,
    state: RwLock<State>,
    position: watch::Sender<Position>,
    wanted: Wanted,
}

impl std::fmt::Debug for WatchCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WatchCache")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl WatchCache {
    /// A cache of what lies under `prefix` (which ends with a slash); empty until [`WatchCache::run`] feeds it.
    pub fn new(store: Arc<dyn Store>, prefix: String, decode: Arc<dyn Decode>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            store,
            prefix,
            decode,
            state: RwLock::new(State::new(limits)),
            position: watch::Sender::new(Position::default()),
            wanted: Wanted::default(),
        })
    }

    /// Follows the store until `shutdown`; survives every failure of the store.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = feed::follow(&self) => {}
        }
    }

    /// Whether the first listing has been taken in.
    pub fn is_ready(&self) -> bool {
        self.position.borrow().revision > 0
    }

    /// The revision up to which the cache knows everything.
    pub fn revision(&self) -> u64 {
        self.position.borrow().revision
    }

    /// Number of objects.
    pub fn len(&self) -> usize {
        self.state.read().objects().len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of an object relative to the prefix: `namespace/name`, or `name` of a cluster-scoped one.
    pub fn relative_key(namespace: &str, name: &str) -> String {
        if namespace.is_empty() {
            name.to_owned()
        } else {
            format!("{namespace}/{name}")
        }
    }

    /// The object as the cache knows it now, possibly behind the store.
    pub fn peek(&self, relative_key: &str) -> Option<Arc<CachedObject>> {
        self.state.read().objects().get(relative_key).cloned()
    }

    /// The objects that pass, as the cache knows them now.
    pub fn select(&self, filter: impl Fn(&CachedObject) -> bool) -> Vec<Arc<CachedObject>> {
        self.state
            .read()
            .objects()
            .values()
            .filter(|object| filter(object))
            .cloned()
            .collect()
    }

    /// Waits until everything up to `revision` has been taken in.
    async fn wait_for(&self, revision: u64, deadline: Duration) -> Result<(), ReadError> {
        let mut position = self.position.subscribe();
        // A cache that has not listed yet is at 0, and no reader may see it.
        let revision = revision.max(1);
        if position.borrow_and_update().revision >= revision {
            return Ok(());
        }
        let _waiting = self.wanted.wait_for(revision);
        let reached = position.wait_for(|position| position.revision >= revision);
        match tokio::time::timeout(deadline, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => match self.revision() {
                0 => Err(ReadError::NotReady),
                current => Err(ReadError::TooLarge {
                    asked: revision,
                    current,
                }),
            },
        }
    }

    /// Publishes that the state has changed.
    fn publish(&self, revision: u64, sequence: u64) {
        self.position.send_replace(Position { revision, sequence });
    }

    /// Reads a revision from the store.
    async fn store_revision(&self) -> Result<u64, StoreError> {
        self.store.revision().await
    }
}
