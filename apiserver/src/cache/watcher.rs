//! A watch: a position in the ring of events, and what of it the watcher may see.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{CachedObject, Filter, Freshness, Position, ReadError, WatchCache, state::Event};

/// Events taken out of the ring at once; the lock is held for so long.
const BATCH: usize = 128;

/// What a watcher is told of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It came into view.
    Added(Arc<CachedObject>),
    /// It changed in view.
    Modified(Arc<CachedObject>),
    /// It left the view, by deletion or change: its last state in view, with the revision at which it left.
    Deleted(Arc<CachedObject>),
}

/// The watcher has fallen behind what is kept; it must list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {seen} ({oldest})")]
pub struct Lagged {
    /// The last revision the watcher has seen.
    pub seen: u64,
    /// The oldest revision from which a watch can begin.
    pub oldest: u64,
}

/// What to watch.
pub struct WatchQuery {
    /// Only keys that begin so: `namespace/`, a whole key, or nothing.
    pub key_prefix: String,
    /// Only objects that pass; `None` means all.
    pub filter: Option<Filter>,
    /// `None`: begins with the present objects, as fresh as [`WatchQuery::freshness`] says. A revision: with what
    /// happened after it.
    pub after: Option<u64>,
    /// How fresh the beginning must be, when `after` is `None`.
    pub freshness: Freshness,
    /// Whether present objects are sent as added, when `after` is `None`.
    pub initial: bool,
    /// How long to wait for freshness.
    pub deadline: Duration,
}

/// A running watch. Dropping it ends it.
pub struct Watcher {
    cache: Arc<WatchCache>,
    position: watch::Receiver<Position>,
    key_prefix: String,
    filter: Option<Filter>,
    initial: VecDeque<Arc<CachedObject>>,
    ready: VecDeque<Transition>,
    /// Sequence number of the next event to look at.
    next: u64,
    /// Everything up to this revision has been told.
    seen: u64,
}

impl WatchCache {
    /// Begins a watch.
    pub async fn watch(self: &Arc<Self>, query: WatchQuery) -> Result<Watcher, ReadError> {
        match (query.after, query.freshness) {
            (Some(_), _) | (None, Freshness::Any) => self.wait_for(0, query.deadline).await?,
            (None, Freshness::Consistent) => self.wait_for(self.store_revision().await?, query.deadline).await?,
            (None, Freshness::NotOlderThan(revision) | Freshness::Exact(revision)) => {
                self.wait_for(revision, query.deadline).await?;
            }
        }
        let position = self.position.subscribe();
        let state = self.state.read();
        let (next, seen, initial) = match query.after {
            Some(after) => {
                let too_old = ReadError::TooOld {
                    asked: after,
                    oldest: state.oldest(),
                };
                (state.sequence_after(after).ok_or(too_old)?, after, VecDeque::new())
            }
            None => {
                let objects = state.objects().range(query.key_prefix.clone()..);
                let objects = objects
                    .take_while(|(key, _)| key.starts_with(&query.key_prefix))
                    .map(|(_, object)| object);
                let visible = |object: &&Arc<CachedObject>| query.filter.as_ref().is_none_or(|filter| filter(object));
                let initial = objects.filter(|_| query.initial).filter(visible).cloned().collect();
                (state.next_sequence(), state.revision(), initial)
            }
        };
        drop(state);
        let (key_prefix, filter, ready) = (query.key_prefix, query.filter, VecDeque::new());
        Ok(Watcher {
            cache: Arc::clone(self),
            position,
            key_prefix,
            filter,
            initial,
            ready,
            next,
            seen,
        })
    }
}

impl Watcher {
    /// The present objects, one after the other; `None` when all have been told.
    pub fn next_initial(&mut self) -> Option<Arc<CachedObject>> {
        self.initial.pop_front()
    }

    /// Everything up to this revision has been told; `None` while something is still to be told.
    pub fn bookmark(&self) -> Option<u64> {
        (self.ready.is_empty() && self.initial.is_empty()).then_some(self.seen)
    }

    /// The next transition. Waits as long as nothing happens. Cancel-safe.
    pub async fn next(&mut self) -> Result<Transition, Lagged> {
        loop {
            if let Some(transition) = self.ready.pop_front() {
                return Ok(transition);
            }
            if !self.take_batch()? {
                // The sender lives in the cache, which we hold: it can't be gone.
                let _ = self.position.changed().await;
            }
        }
    }

    /// Looks at further events; `false` when there are none.
    fn take_batch(&mut self) -> Result<bool, Lagged> {
        self.position.mark_unchanged();
        let (events, revision) = {
            let state = self.cache.state.read();
            let lagged = Lagged {
                seen: self.seen,
                oldest: state.oldest(),
            };
            (state.events_from(self.next, BATCH).ok_or(lagged)?, state.revision())
        };
        self.next += events.len() as u64;
        for event in &events {
            // A watch may have been asked to begin in the future.
            if event.revision > self.seen {
                self.seen = event.revision;
                self.ready.extend(self.transition(event));
            }
        }
        if events.len() < BATCH {
            self.seen = self.seen.max(revision);
        }
        Ok(!events.is_empty())
    }

    fn transition(&self, event: &Event) -> Option<Transition> {
        let visible = |object: &&Arc<CachedObject>| {
            object.key.starts_with(&self.key_prefix) && self.filter.as_ref().is_none_or(|filter| filter(object))
        };
        let now = event.object.as_ref().filter(visible);
        let before = event.previous.as_ref().filter(visible);
        match (before, now) {
            (None, Some(now)) => Some(Transition::Added(Arc::clone(now))),
            (Some(_), Some(now)) => Some(Transition::Modified(Arc::clone(now))),
            (Some(_), None) => event.departed().map(Transition::Deleted),
            (None, None) => None,
        }
    }
}
