//! Request bodies: read within a limit, and told apart by their media type.

use apimachinery::status::Status;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited, combinators::UnsyncBoxBody};

use crate::{patch::Patch, registry::Body};

/// Body of every request.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, BodyError>;

/// The client stopped sending.
#[derive(Debug, thiserror::Error)]
#[error("failed to receive the request's body")]
pub(crate) struct BodyError(#[from] hyper::Error);

/// What kube-apiserver takes at most; etcd takes less.
const MAX_BODY: usize = 3 * 1024 * 1024;
const MEDIA_TYPES: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// Reads a whole body.
pub(super) async fn read(body: RequestBody) -> Result<Bytes, Status> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Status::request_entity_too_large(&format!("limit is {MAX_BODY}")))
        }
        Err(error) => Err(Status::bad_request(format!(
            "failed to read the request's body: {error}"
        ))),
    }
}

/// The media type of a body, without parameters.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// An object.
pub(super) fn object(headers: &HeaderMap, bytes: Bytes) -> Result<Body, Status> {
    match media_type(headers).as_str() {
        "" | "application/json" => Ok(Body::Json(bytes)),
        "application/yaml" => yaml_to_json(&bytes).map(Body::Json),
        "application/vnd.kubernetes.protobuf" => Ok(Body::Protobuf(bytes)),
        _ => Err(Status::unsupported_media_type(&MEDIA_TYPES)),
    }
}

fn yaml_to_json(bytes: &[u8]) -> Result<Bytes, Status> {
    let broken = |error: &dyn std::error::Error| Status::bad_request(format!("failed to parse YAML: {error}"));
    let value: serde_json::Value = serde_yaml_ng::from_slice(bytes).map_err(|error| broken(&error))?;
    serde_json::to_vec(&value)
        .map(Bytes::from)
        .map_err(|error| broken(&error))
}

/// A patch.
pub(super) fn patch(headers: &HeaderMap, bytes: Bytes) -> Result<Patch, Status> {
    match media_type(headers).as_str() {
        "application/json-patch+json" => Ok(Patch::Json(bytes)),
        "application/merge-patch+json" => Ok(Patch::Merge(bytes)),
        _ => Err(Status::unsupported_media_type(&Patch::MEDIA_TYPES)),
    }
}
