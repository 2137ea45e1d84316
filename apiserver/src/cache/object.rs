//! An object as readers need it: its encodings and what is selected by, without the object itself.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::storage::Item;

/// One version of an object, encoded for every API version it is served in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedObject {
    /// `namespace/name`, or `name` of a cluster-scoped object.
    pub key: String,
    /// Namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its `resourceVersion`.
    pub revision: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What field selectors may ask for, beside `metadata.name` and `metadata.namespace`.
    pub fields: BTreeMap<&'static str, String>,
    /// Compact JSON, one per served version, in the order the resource lists its versions.
    pub encoded: Vec<Bytes>,
}

impl CachedObject {
    /// Bytes that only this version of the object holds.
    pub(super) fn size(&self) -> usize {
        self.encoded.iter().map(Bytes::len).sum()
    }

    /// The same state with another `resourceVersion`: what a watcher gets when the object has left its view.
    pub(super) fn at_revision(&self, revision: u64) -> Self {
        let encoded = self.encoded.iter().map(|json| with_revision(json, revision)).collect();
        Self {
            revision,
            encoded,
            ..self.clone()
        }
    }
}

/// Why stored bytes are no object.
#[derive(Debug, thiserror::Error)]
#[error("failed to decode the object stored at {key}")]
pub struct DecodeError {
    /// The key in the store.
    pub key: String,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Turns stored bytes into what readers need; knows the kind.
pub trait Decode: Send + Sync + 'static {
    /// Decodes one stored version.
    fn decode(&self, item: &Item) -> Result<CachedObject, DecodeError>;
}

/// The object's JSON with another `metadata.resourceVersion`; everything else stays as it is written.
///
/// What is not a JSON object with metadata is returned unchanged: it never left our own encoder.
#[must_use]
pub fn with_revision(json: &Bytes, revision: u64) -> Bytes {
    replace_revision(json, revision).map_or_else(|| json.clone(), Bytes::from)
}

fn replace_revision(json: &[u8], revision: u64) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, rename = "resourceVersion")]
        revision: Option<&'a RawValue>,
    }
    let text = std::str::from_utf8(json).ok()?;
    let object: Object<'_> = serde_json::from_str(text).ok()?;
    let metadata: Metadata<'_> = serde_json::from_str(object.metadata.get()).ok()?;
    // Slices of `text`: their distance from its beginning says where to cut.
    let offset = |part: &str| (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    let (from, to, quoted) = match metadata.revision {
        Some(old) => {
            let from = offset(old.get())?;
            (from, from + old.get().len(), format!("\"{revision}\""))
        }
        None => {
            let at = offset(object.metadata.get())? + 1;
            let comma = if object.metadata.get() == "{}" { "" } else { "," };
            (at, at, format!("\"resourceVersion\":\"{revision}\"{comma}"))
        }
    };
    Some([text.get(..from)?, &quoted, text.get(to..)?].concat().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &'static str, expected: &str) {
        assert_eq!(
            with_revision(&Bytes::from_static(json.as_bytes()), 7),
            Bytes::from(expected.to_owned())
        );
    }

    #[test]
    fn only_the_revision_changes() {
        check(
            r#"{"kind":"A","metadata":{"name":"x","resourceVersion":"12"},"spec":{"resourceVersion":"1"}}"#,
            r#"{"kind":"A","metadata":{"name":"x","resourceVersion":"7"},"spec":{"resourceVersion":"1"}}"#,
        );
        check(
            r#"{"metadata":{"name":"x"}}"#,
            r#"{"metadata":{"resourceVersion":"7","name":"x"}}"#,
        );
        check(r#"{"metadata":{}}"#, r#"{"metadata":{"resourceVersion":"7"}}"#);
        check("[]", "[]");
    }
}
