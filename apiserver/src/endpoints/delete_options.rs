//! `DeleteOptions`: the body of a deletion.

use apimachinery::{api_type, protobuf::Unknown, status::Status};
use bytes::Bytes;
use http::HeaderMap;

use crate::registry::Body;

use super::content;

/// How to delete.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub(super) struct DeleteOptions {
    /// Kinds here have no grace period: it is ignored.
    #[api(tag = 1)]
    pub(super) grace_period_seconds: Option<i64>,
    /// What must hold of the object.
    #[api(tag = 2)]
    pub(super) preconditions: Option<Preconditions>,
    /// The old form of the policies `Orphan` (true) and `Background` (false).
    #[api(tag = 3)]
    pub(super) orphan_dependents: Option<bool>,
    /// What happens to dependents.
    #[api(tag = 4)]
    pub(super) propagation_policy: Option<String>,
    /// `All`: nothing is deleted.
    #[api(tag = 5, omitempty)]
    pub(super) dry_run: Vec<String>,
}

/// What must hold of an object that is to be deleted.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub(super) struct Preconditions {
    /// Its uid.
    #[api(tag = 1)]
    pub(super) uid: Option<String>,
    /// Its version.
    #[api(tag = 2)]
    pub(super) resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads a body, which may be empty.
    pub(super) fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Status> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let broken =
            |error: &dyn std::error::Error| Status::bad_request(format!("failed to read DeleteOptions: {error}"));
        match content::object(headers, bytes.clone())? {
            Body::Json(json) => serde_json::from_slice(&json).map_err(|error| broken(&error)),
            Body::Protobuf(bytes) => Unknown::from_bytes(&bytes)
                .and_then(|unknown| unknown.object())
                .map_err(|error| broken(&error)),
        }
    }
}
