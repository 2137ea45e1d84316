//! Patches as clients send them: JSON patch and merge patch.

use apimachinery::{
    patch::{self, PatchError},
    status::{Status, StatusReason},
    versioning::GroupResource,
};
use bytes::Bytes;
use lib_error_chain::ErrorChain;
use serde_json::Value;

const REVISION: &str = "/metadata/resourceVersion";

/// A patch, not yet parsed.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    /// RFC 6902.
    Json(Bytes),
    /// RFC 7386.
    Merge(Bytes),
}

impl Patch {
    /// Media types that are understood.
    pub(crate) const MEDIA_TYPES: [&'static str; 2] = ["application/json-patch+json", "application/merge-patch+json"];

    /// Applies it to an object's JSON.
    pub(crate) fn apply(&self, json: &[u8], resource: &GroupResource, name: &str) -> Result<Vec<u8>, Status> {
        let broken = |error: serde_json::Error| Status::internal_error(&error.to_string());
        let mut document: Value = serde_json::from_slice(json).map_err(broken)?;
        let applied = match self {
            Self::Json(bytes) => patch::json_patch(&mut document, bytes),
            Self::Merge(bytes) => patch::merge_patch(&mut document, bytes),
        };
        applied.map_err(|error| refusal(&error, resource, name))?;
        serde_json::to_vec(&document).map_err(broken)
    }

    /// Whether the client says which version of the object it changes.
    pub(crate) fn names_revision(&self) -> bool {
        match self {
            Self::Merge(bytes) => {
                let patch: Value = serde_json::from_slice(bytes).unwrap_or_default();
                patch.pointer(REVISION).is_some_and(|revision| !revision.is_null())
            }
            Self::Json(bytes) => {
                let operations: Vec<Value> = serde_json::from_slice(bytes).unwrap_or_default();
                operations
                    .iter()
                    .any(|operation| operation.get("path").is_some_and(|path| path == REVISION))
            }
        }
    }
}

fn refusal(error: &PatchError, resource: &GroupResource, name: &str) -> Status {
    let message = ErrorChain(error).to_string();
    match error {
        PatchError::Decode(_) => Status::bad_request(message),
        PatchError::TooManyOperations(_) | PatchError::TooLarge | PatchError::TooDeep => {
            Status::request_entity_too_large(&message)
        }
        PatchError::Apply(_) => Status {
            status: Status::FAILURE.to_owned(),
            code: 422,
            reason: StatusReason::Invalid,
            message: format!("failed to patch {resource} {name:?}: {message}"),
            ..Status::default()
        },
    }
}
