//! Reads of one object and of lists, as fresh as the reader asks.

use std::{sync::Arc, time::Duration};

use crate::storage::{Page, StoreError};

use super::{CachedObject, Filter, WatchCache, state::Objects};

/// How fresh, or how old, an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Shows every write that ended before the read began.
    Consistent,
    /// Whatever the cache has.
    Any,
    /// At least this revision.
    NotOlderThan(u64),
    /// This very revision.
    Exact(u64),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The first listing is not there yet.
    #[error("the cache is not filled yet")]
    NotReady,
    /// The revision lies in the future, or the cache is behind for longer than the deadline.
    #[error("Too large resource version: {asked}, current: {current}")]
    TooLarge {
        /// Revision asked for.
        asked: u64,
        /// Revision of the cache.
        current: u64,
    },
    /// The revision lies too far in the past.
    #[error("too old resource version: {asked} ({oldest})")]
    TooOld {
        /// Revision asked for.
        asked: u64,
        /// The oldest one that is known.
        oldest: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to list.
pub struct ListQuery {
    /// Only keys that begin so: `namespace/` or nothing.
    pub key_prefix: String,
    /// Only objects that pass; `None` means all.
    pub filter: Option<Filter>,
    /// Only keys greater than this one.
    pub after: Option<String>,
    /// At most so many; 0 means all.
    pub limit: usize,
    /// How fresh.
    pub freshness: Freshness,
    /// How long to wait for freshness.
    pub deadline: Duration,
}

/// Objects as of one revision, in the order of their keys.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The revision.
    pub revision: u64,
    /// The objects.
    pub items: Vec<Arc<CachedObject>>,
    /// Where the next page begins, when there is one: the last key of this page.
    pub next: Option<String>,
    /// How many follow; known only without a filter.
    pub remaining: Option<u64>,
}

impl WatchCache {
    /// One object; `None` when it does not exist.
    pub async fn get(
        &self,
        relative_key: &str,
        freshness: Freshness,
        deadline: Duration,
    ) -> Result<Option<Arc<CachedObject>>, ReadError> {
        match freshness {
            Freshness::Any => self.wait_for(0, deadline).await?,
            Freshness::NotOlderThan(revision) | Freshness::Exact(revision) => self.wait_for(revision, deadline).await?,
            Freshness::Consistent => {
                // Asking for the key's revision is cheaper than asking for its value or for progress, and what is
                // waited for is on its way.
                let (written, _) = self
                    .store
                    .revision_of(&format!("{}{relative_key}", self.prefix))
                    .await?;
                let Some(written) = written else { return Ok(None) };
                self.wait_for(written, deadline).await?;
            }
        }
        Ok(self.peek(relative_key))
    }

    /// A list, or a page of one.
    pub async fn list(&self, query: &ListQuery) -> Result<Snapshot, ReadError> {
        match query.freshness {
            Freshness::Consistent => {
                let revision = self.store_revision().await?;
                self.wait_for(revision, query.deadline).await?;
            }
            Freshness::Any => self.wait_for(0, query.deadline).await?,
            Freshness::NotOlderThan(revision) => self.wait_for(revision, query.deadline).await?,
            Freshness::Exact(revision) => {
                self.wait_for(revision, query.deadline).await?;
                return self.list_exact(query, revision).await;
            }
        }
        let state = self.state.read();
        Ok(page(state.objects(), state.revision(), query))
    }

    async fn list_exact(&self, query: &ListQuery, revision: u64) -> Result<Snapshot, ReadError> {
        {
            let state = self.state.read();
            if state.unchanged_since(revision) {
                return Ok(page(state.objects(), revision, query));
            }
        }
        let past = self.state.read().objects_at(revision);
        if let Some(objects) = past {
            return Ok(page(&objects, revision, query));
        }
        self.list_stored(query, revision).await
    }

    /// A past that only the store knows: the one read that decodes.
    async fn list_stored(&self, query: &ListQuery, revision: u64) -> Result<Snapshot, ReadError> {
        let prefix = format!("{}{}", self.prefix, query.key_prefix);
        let listing = self
            .store
            .list(
                &prefix,
                Page {
                    revision: Some(revision),
                    ..Page::default()
                },
            )
            .await;
        let listing = listing.map_err(|error| match error {
            StoreError::Expired { .. } => ReadError::TooOld {
                asked: revision,
                oldest: self.state.read().oldest(),
            },
            other => ReadError::Store(other),
        })?;
        let decoded = listing.items.iter().filter_map(|item| self.decode.decode(item).ok());
        let objects: Objects = decoded.map(|object| (object.key.clone(), Arc::new(object))).collect();
        Ok(page(&objects, revision, query))
    }
}

fn page(objects: &Objects, revision: u64, query: &ListQuery) -> Snapshot {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let from = match &query.after {
        Some(after) if *after >= query.key_prefix => Excluded(after.as_str()),
        _ => Included(query.key_prefix.as_str()),
    };
    let candidates = objects.range::<str, _>((from, Unbounded));
    let mut candidates = candidates
        .take_while(|(key, _)| key.starts_with(&query.key_prefix))
        .map(|(_, object)| object);
    let passes = |object: &&Arc<CachedObject>| query.filter.as_ref().is_none_or(|filter| filter(object));
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let items: Vec<_> = candidates.by_ref().filter(passes).take(limit).cloned().collect();
    // Where selectors are given, whether another one follows is found by looking for it.
    let follows = items.len() == limit && candidates.clone().any(|object| passes(&object));
    let next = items.last().filter(|_| follows).map(|object| object.key.clone());
    let remaining = (follows && query.filter.is_none()).then(|| candidates.count() as u64);
    Snapshot {
        revision,
        items,
        next,
        remaining,
    }
}
