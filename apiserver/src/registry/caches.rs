//! Other objects, for plugins and strategies: typed views of the watch caches.
//!
//! An object is decoded when it is asked for, and belongs to the caller. Nothing here waits or asks the store.

use std::{collections::BTreeMap, sync::Arc};

use apimachinery::{ApiObject, versioning::GroupResource};
use parking_lot::RwLock;

use crate::cache::{CachedObject, WatchCache};

/// Why an object can't be had.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The server has no such resource.
    #[error("resource {0} is not served here")]
    NotServed(GroupResource),
    /// The cached bytes are no object of the kind.
    #[error("failed to decode a cached object of {resource}")]
    Decode {
        /// The resource.
        resource: GroupResource,
        /// Why.
        source: serde_json::Error,
    },
}

#[derive(Clone)]
struct Entry {
    cache: Arc<WatchCache>,
    /// Index of the storage version among the encodings.
    hub: usize,
}

/// The caches of all resources of a server; clones share them. Filled when resources are installed, so that it can be
/// handed to plugins before.
#[derive(Clone, Default)]
pub struct Caches {
    entries: Arc<RwLock<BTreeMap<GroupResource, Entry>>>,
}

impl std::fmt::Debug for Caches {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.entries.read().keys()).finish()
    }
}

impl Caches {
    pub(crate) fn register(&self, resource: GroupResource, cache: Arc<WatchCache>, hub: usize) {
        self.entries.write().insert(resource, Entry { cache, hub });
    }

    /// An object by name, in its storage version `T`; `namespace` is empty for cluster-scoped kinds.
    pub fn get<T: ApiObject>(&self, namespace: &str, name: &str) -> Result<Option<T>, CacheError> {
        let entry = self.entry::<T>()?;
        let found = entry.cache.peek(&WatchCache::relative_key(namespace, name));
        found.map(|found| decode(&found, entry.hub)).transpose()
    }

    /// Whether an object exists.
    pub fn exists<T: ApiObject>(&self, namespace: &str, name: &str) -> Result<bool, CacheError> {
        let entry = self.entry::<T>()?;
        Ok(entry.cache.peek(&WatchCache::relative_key(namespace, name)).is_some())
    }

    /// Objects of a namespace (empty: of all) that pass `filter`, which sees labels and selectable fields and so spares
    /// decoding the others.
    pub fn list<T: ApiObject>(
        &self,
        namespace: &str,
        filter: impl Fn(&CachedObject) -> bool,
    ) -> Result<Vec<T>, CacheError> {
        let entry = self.entry::<T>()?;
        let passes = |object: &CachedObject| (namespace.is_empty() || object.namespace == namespace) && filter(object);
        entry
            .cache
            .select(passes)
            .iter()
            .map(|object| decode(object, entry.hub))
            .collect()
    }

    fn entry<T: ApiObject>(&self) -> Result<Entry, CacheError> {
        let resource = T::group_resource();
        let found = self.entries.read().get(&resource).cloned();
        found.ok_or(CacheError::NotServed(resource))
    }
}

fn decode<T: ApiObject>(object: &CachedObject, hub: usize) -> Result<T, CacheError> {
    let json = object.encoded.get(hub).map(|json| json.as_ref()).unwrap_or_default();
    serde_json::from_slice(json).map_err(|source| CacheError::Decode {
        resource: T::group_resource(),
        source,
    })
}
