//! Objects and lists in the shape the client asked for.
//!
//! Objects as they are go out as the cache's own bytes. Metadata alone is cut out of those bytes; only a table decodes.

use std::collections::VecDeque;

use apimachinery::{status::Status, table::IncludeObject};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{cache::CachedObject, registry::Endpoint};

use super::{accept::Shape, answer::Pieces, query::Query};

/// How the objects of one answer are to look.
#[derive(Clone)]
pub(super) struct Shaper<'a> {
    pub(super) endpoint: &'a dyn Endpoint,
    /// Index of the version asked for.
    pub(super) version: usize,
    pub(super) shape: Shape,
    pub(super) include: IncludeObject,
    pub(super) now: Timestamp,
}

/// `metadata` of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct ListMetadata {
    pub(super) revision: u64,
    pub(super) next: Option<String>,
    pub(super) remaining: Option<u64>,
}

impl ListMetadata {
    fn to_json(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let Some(next) = &self.next {
            metadata["continue"] = json!(next);
        }
        if let Some(remaining) = self.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        metadata
    }
}

/// What rows of a table carry beside their cells.
pub(super) fn include(query: &Query) -> IncludeObject {
    match query.text("includeObject") {
        "None" => IncludeObject::None,
        "Object" => IncludeObject::Object,
        _ => IncludeObject::Metadata,
    }
}

impl Shaper<'_> {
    /// One object.
    pub(super) fn object(&self, object: &CachedObject) -> Result<Pieces, Status> {
        let json = encoded(object, self.version);
        match self.shape {
            Shape::Object => Ok(Pieces::new(VecDeque::from([json]))),
            Shape::Metadata(version) => metadata_of(&json, version).map(|json| Pieces::new(VecDeque::from([json]))),
            Shape::Table(version) => self.table(
                version,
                [object],
                &ListMetadata {
                    revision: object.revision,
                    ..ListMetadata::default()
                },
                true,
            ),
        }
    }

    /// A list.
    pub(super) fn list<'o>(
        &self,
        objects: impl ExactSizeIterator<Item = &'o CachedObject>,
        metadata: &ListMetadata,
    ) -> Result<Pieces, Status> {
        let described = self
            .endpoint
            .description()
            .versions
            .get(self.version)
            .ok_or_else(Status::no_such_resource)?;
        match self.shape {
            Shape::Object => {
                let head = json!([described.list_kind, described.kind.api_version()]);
                Ok(join(
                    &head,
                    metadata,
                    objects.map(|object| encoded(object, self.version)),
                ))
            }
            Shape::Metadata(version) => {
                let head = json!(["PartialObjectMetadataList", format!("meta.k8s.io/{version}")]);
                let items = objects.map(|object| metadata_of(&encoded(object, self.version), version));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                Ok(join(&head, metadata, items.into_iter()))
            }
            Shape::Table(version) => self.table(version, objects, metadata, true),
        }
    }

    /// A table; its columns are needed once per answer, and once per watch.
    pub(super) fn table<'o>(
        &self,
        version: &str,
        objects: impl IntoIterator<Item = &'o CachedObject>,
        metadata: &ListMetadata,
        with_columns: bool,
    ) -> Result<Pieces, Status> {
        let columns = if with_columns {
            json!(self.endpoint.description().columns)
        } else {
            json!([])
        };
        let head = format!(
            r#"{{"kind":"Table","apiVersion":"meta.k8s.io/{version}","metadata":{},"columnDefinitions":{columns},"rows":["#,
            metadata.to_json()
        );
        let mut pieces = VecDeque::from([Bytes::from(head)]);
        for object in objects {
            if pieces.len() > 1 {
                pieces.push_back(Bytes::from_static(b","));
            }
            let cells = Value::Array(self.endpoint.cells(object, self.now)?);
            let json = encoded(object, self.version);
            let shown = match self.include {
                IncludeObject::None => Bytes::from_static(b"null"),
                IncludeObject::Object => json,
                IncludeObject::Metadata => metadata_of(&json, version)?,
            };
            let row = [format!(r#"{{"cells":{cells},"object":"#).as_bytes(), &shown, b"}"].concat();
            pieces.push_back(row.into());
        }
        pieces.push_back(Bytes::from_static(b"]}"));
        Ok(Pieces::new(pieces))
    }
}

/// The object's JSON in a version.
pub(super) fn encoded(object: &CachedObject, version: usize) -> Bytes {
    object.encoded.get(version).cloned().unwrap_or_default()
}

/// `PartialObjectMetadata` of an object's JSON.
pub(super) fn metadata_of(json: &[u8], version: &str) -> Result<Bytes, Status> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let object: Object<'_> = serde_json::from_slice(json)
        .map_err(|error| Status::internal_error(&format!("object without metadata: {error}")))?;
    let metadata = object.metadata.get();
    Ok(
        format!(r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/{version}","metadata":{metadata}}}"#)
            .into(),
    )
}

fn join(head: &Value, metadata: &ListMetadata, items: impl ExactSizeIterator<Item = Bytes>) -> Pieces {
    let mut pieces = VecDeque::with_capacity(2 * items.len() + 2);
    let head = format!(
        r#"{{"kind":{},"apiVersion":{},"metadata":{},"items":["#,
        head[0],
        head[1],
        metadata.to_json()
    );
    pieces.push_back(Bytes::from(head));
    for (index, item) in items.enumerate() {
        if index > 0 {
            pieces.push_back(Bytes::from_static(b","));
        }
        pieces.push_back(item);
    }
    pieces.push_back(Bytes::from_static(b"]}"));
    Pieces::new(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_its_items_in_a_frame() {
        let metadata = ListMetadata {
            revision: 7,
            next: Some("t".to_owned()),
            remaining: Some(2),
        };
        let items = [Bytes::from_static(b"{\"a\":1}"), Bytes::from_static(b"{}")];
        let list = join(&json!(["FlavorList", "g/v1"]), &metadata, items.into_iter()).concat();
        assert_eq!(
            String::from_utf8_lossy(&list),
            r#"{"kind":"FlavorList","apiVersion":"g/v1","metadata":{"continue":"t","remainingItemCount":2,"resourceVersion":"7"},"items":[{"a":1},{}]}"#
        );
    }

    #[test]
    fn metadata_is_cut_out() {
        let json = metadata_of(br#"{"kind":"A","metadata":{"name":"x"},"spec":{}}"#, "v1").unwrap();
        let expected = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"x"}}"#;
        assert_eq!(String::from_utf8_lossy(&json), expected);
    }
}
