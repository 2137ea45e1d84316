//! Between stored bytes, typed objects and encoded answers of one kind.

use std::sync::Arc;

use apimachinery::ApiObject;
use bytes::Bytes;
use serde::Deserialize;

use crate::{
    cache::{CachedObject, Decode, DecodeError},
    storage::{EncryptionError, Item, Transformer},
};

use super::{Strategy, versions::Version};

/// Reads and writes one kind.
pub(super) struct Codec<S: Strategy> {
    pub(super) strategy: Arc<S>,
    /// Served versions; the storage version is at `hub`.
    pub(super) versions: Vec<Box<dyn Version<S::Object>>>,
    pub(super) hub: usize,
    pub(super) transformer: Transformer,
    /// Prefix of the kind's keys, with a slash at the end.
    pub(super) prefix: String,
}

/// A stored object as it is, and whether the next write must happen in any case.
pub(super) struct Decoded<O> {
    pub(super) object: O,
    /// The bytes as they were sealed.
    pub(super) plain: Bytes,
    /// Sealed with an old key.
    pub(super) stale: bool,
}

/// Why bytes are no object of the kind.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    #[error("failed to open the sealed value")]
    Encryption(#[from] EncryptionError),
    #[error("failed to decode JSON")]
    Json(#[from] serde_json::Error),
    #[error("stored in version {0:?}, which is not served")]
    Version(String),
}

impl<S: Strategy> Codec<S> {
    /// The key in the store.
    pub(super) fn key(&self, namespace: &str, name: &str) -> String {
        format!(
            "{}{}",
            self.prefix,
            crate::cache::WatchCache::relative_key(namespace, name)
        )
    }

    /// Decodes a stored version, with defaults and `resourceVersion`, as strategies see it.
    pub(super) fn decode(&self, item: &Item) -> Result<Decoded<S::Object>, CodecError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Header {
            api_version: String,
        }
        let opened = self.transformer.open(&item.key, &item.value)?;
        let header: Header = serde_json::from_slice(&opened.plain)?;
        let version = self
            .versions
            .iter()
            .find(|version| version.group_version_kind().api_version() == header.api_version);
        let version = version.ok_or(CodecError::Version(header.api_version))?;
        let mut object = version.decode_json(&opened.plain)?;
        self.strategy.default(&mut object);
        object.metadata_mut().resource_version = Some(item.revision.to_string());
        Ok(Decoded {
            object,
            plain: opened.plain,
            stale: opened.stale,
        })
    }

    /// What to seal and store.
    pub(super) fn encode_stored(&self, object: &S::Object) -> Result<Bytes, CodecError> {
        let mut stored = object.clone();
        // The revision is the store's own knowledge.
        stored.metadata_mut().resource_version = None;
        let json = self
            .versions
            .get(self.hub)
            .map(|hub| hub.encode_json(&stored))
            .transpose()?;
        Ok(json.unwrap_or_default().into())
    }

    /// What readers get.
    pub(super) fn render(&self, mut object: S::Object, revision: u64) -> Result<CachedObject, CodecError> {
        object.metadata_mut().resource_version = (revision > 0).then(|| revision.to_string());
        self.strategy.decorate(&mut object);
        let encoded = self
            .versions
            .iter()
            .map(|version| version.encode_json(&object).map(Bytes::from));
        let encoded = encoded.collect::<Result<Vec<_>, _>>()?;
        let (namespace, name) = (
            object.namespace_or_empty().to_owned(),
            object.name_or_empty().to_owned(),
        );
        Ok(CachedObject {
            key: crate::cache::WatchCache::relative_key(&namespace, &name),
            namespace,
            name,
            revision,
            labels: object.metadata().labels.clone().unwrap_or_default(),
            fields: self.strategy.selectable_fields(&object),
            encoded,
        })
    }

    /// The typed object of what readers get, without reading the store.
    pub(super) fn typed(&self, cached: &CachedObject) -> Result<S::Object, CodecError> {
        let json = cached.encoded.get(self.hub).map(Bytes::as_ref).unwrap_or_default();
        Ok(serde_json::from_slice(json)?)
    }
}

impl<S: Strategy> Decode for Codec<S> {
    fn decode(&self, item: &Item) -> Result<CachedObject, DecodeError> {
        let failed = |source: CodecError| DecodeError {
            key: item.key.clone(),
            source: Box::new(source),
        };
        let decoded = Codec::decode(self, item).map_err(failed)?;
        self.render(decoded.object, item.revision).map_err(failed)
    }
}
