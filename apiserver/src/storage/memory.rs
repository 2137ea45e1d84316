//! A store in memory, for tests and for servers that keep nothing.
//!
//! It keeps its whole history until [`MemoryStore::compact`], so that listings of the past and watches from the past
//! behave as etcd's do. Absent: durability.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::{Change, Item, Listing, Lookup, Page, Store, StoreError, StoreWatch};

/// How many changes a watch may lie behind before its sender waits for it.
const WATCH_BUFFER: usize = 256;

#[derive(Debug)]
struct State {
    items: BTreeMap<String, Item>,
    revision: u64,
    /// What there was at revision `compacted`.
    base: BTreeMap<String, Item>,
    compacted: u64,
    /// Every change since `compacted`, in order; one per revision.
    history: Vec<Change>,
}

/// Keeps everything in memory; clones share it.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    /// Carries the newest revision, and so wakes watches.
    newest: Arc<watch::Sender<u64>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store, at revision 1 like a new etcd.
    #[must_use]
    pub fn new() -> Self {
        let (items, base) = (BTreeMap::new(), BTreeMap::new());
        let state = State {
            items,
            revision: 1,
            base,
            compacted: 0,
            history: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            newest: Arc::new(watch::Sender::new(1)),
        }
    }

    /// Forgets the history up to and including `revision`: listings before it, and watches that need it, expire.
    pub fn compact(&self, revision: u64) {
        let state = &mut *self.state.lock();
        state.compacted = revision.min(state.revision).max(state.compacted);
        let kept = state
            .history
            .partition_point(|change| change.revision() <= state.compacted);
        for change in state.history.drain(..kept) {
            apply(&mut state.base, change);
        }
    }

    /// Applies a change if `check` agrees with what the key holds now.
    fn write(
        &self,
        key: &str,
        value: Option<Bytes>,
        check: impl FnOnce(Option<&Item>) -> Result<(), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut state = self.state.lock();
        check(state.items.get(key))?;
        state.revision += 1;
        let revision = state.revision;
        let change = match value {
            Some(value) => {
                let item = Item {
                    key: key.to_owned(),
                    value,
                    revision,
                };
                state.items.insert(key.to_owned(), item.clone());
                Change::Put(item)
            }
            None => {
                state.items.remove(key);
                Change::Delete {
                    key: key.to_owned(),
                    revision,
                }
            }
        };
        state.history.push(change);
        self.newest.send_replace(revision);
        Ok(revision)
    }
}

impl State {
    /// The items under `prefix` as they were at `revision`.
    fn at(&self, prefix: &str, revision: u64) -> Result<BTreeMap<String, Item>, StoreError> {
        if revision < self.compacted {
            return Err(StoreError::Expired { revision });
        }
        let mut items = if revision >= self.revision {
            self.items.clone()
        } else {
            self.base.clone()
        };
        if revision < self.revision {
            let past = self.history.iter().take_while(|change| change.revision() <= revision);
            past.cloned().for_each(|change| apply(&mut items, change));
        }
        items.retain(|key, _| key.starts_with(prefix));
        Ok(items)
    }

    /// Changes under `prefix` later than `after`.
    fn changes(&self, prefix: &str, after: u64) -> Vec<Change> {
        let first = self.history.partition_point(|change| change.revision() <= after);
        let matches = |change: &&Change| match change {
            Change::Put(item) => item.key.starts_with(prefix),
            Change::Delete { key, .. } => key.starts_with(prefix),
            Change::Progress { .. } => false,
        };
        self.history[first..].iter().filter(matches).cloned().collect()
    }
}

fn apply(items: &mut BTreeMap<String, Item>, change: Change) {
    match change {
        Change::Put(item) => drop(items.insert(item.key.clone(), item)),
        Change::Delete { key, .. } => drop(items.remove(&key)),
        Change::Progress { .. } => {}
    }
}

fn expect_revision(key: &str, expected: u64, current: Option<&Item>) -> Result<(), StoreError> {
    match current {
        Some(item) if item.revision == expected => Ok(()),
        other => Err(StoreError::Conflict {
            key: key.to_owned(),
            current: other.cloned(),
        }),
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &str) -> Result<Lookup, StoreError> {
        let state = self.state.lock();
        Ok(Lookup {
            item: state.items.get(key).cloned(),
            revision: state.revision,
        })
    }

    async fn revision_of(&self, key: &str) -> Result<(Option<u64>, u64), StoreError> {
        let state = self.state.lock();
        Ok((state.items.get(key).map(|item| item.revision), state.revision))
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.state.lock().revision)
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        let state = self.state.lock();
        let revision = page.revision.unwrap_or(state.revision);
        let items = state.at(prefix, revision)?;
        let wanted = items
            .into_iter()
            .filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after));
        let mut items: Vec<Item> = wanted.map(|(_, item)| item).collect();
        let mut remaining = 0;
        if page.limit > 0 && items.len() > page.limit {
            remaining = (items.len() - page.limit) as u64;
            items.truncate(page.limit);
        }
        Ok(Listing {
            items,
            revision,
            remaining,
        })
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<u64, StoreError> {
        self.write(key, Some(value), |current| match current {
            None => Ok(()),
            Some(_) => Err(StoreError::AlreadyExists { key: key.to_owned() }),
        })
    }

    async fn update(&self, key: &str, expected: u64, value: Bytes) -> Result<u64, StoreError> {
        self.write(key, Some(value), |current| expect_revision(key, expected, current))
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, StoreError> {
        self.write(key, None, |current| expect_revision(key, expected, current))
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<StoreWatch, StoreError> {
        if after < self.state.lock().compacted {
            return Err(StoreError::Expired { revision: after });
        }
        let (changes, receiver) = mpsc::channel(WATCH_BUFFER);
        let (progress, progress_requests) = mpsc::channel(1);
        let feed = Feed {
            store: self.clone(),
            prefix: prefix.to_owned(),
            seen: after,
            changes,
        };
        tokio::spawn(feed.run(progress_requests));
        Ok(StoreWatch::new(receiver, progress))
    }
}

/// The task behind one watch.
struct Feed {
    store: MemoryStore,
    prefix: String,
    seen: u64,
    changes: mpsc::Sender<Result<Change, StoreError>>,
}

impl Feed {
    async fn run(mut self, mut progress_requests: mpsc::Receiver<()>) {
        let mut newest = self.store.newest.subscribe();
        loop {
            newest.mark_unchanged();
            if self.deliver().await.is_err() {
                return;
            }
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return },
                request = progress_requests.recv() => {
                    if request.is_none() || self.deliver().await.is_err() {
                        return;
                    }
                    if self.changes.send(Ok(Change::Progress { revision: self.seen })).await.is_err() {
                        return;
                    }
                }
                () = self.changes.closed() => return,
            }
        }
    }

    /// Sends what happened since the last time; `Err` when nobody listens any more, or the history is gone.
    async fn deliver(&mut self) -> Result<(), ()> {
        let (expired, changes, revision) = {
            let state = self.store.state.lock();
            (
                self.seen < state.compacted,
                state.changes(&self.prefix, self.seen),
                state.revision,
            )
        };
        if expired {
            let _ = self
                .changes
                .send(Err(StoreError::Expired { revision: self.seen }))
                .await;
            return Err(());
        }
        for change in changes {
            self.changes.send(Ok(change)).await.map_err(drop)?;
        }
        self.seen = revision;
        Ok(())
    }
}
