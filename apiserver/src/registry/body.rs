//! Request bodies: from encoded bytes to a typed object, with the strictness the client asked for.

use apimachinery::{
    ApiObject,
    protobuf::{Protobuf, Unknown},
    status::Status,
    versioning::GroupVersionKind,
};
use bytes::Bytes;
use serde::Deserialize;

use crate::context::RequestContext;

use super::{Strategy, codec::Codec, strict::check_fields, versions::Version};

/// A body, decoded as far as it can be without knowing the kind.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// JSON, or YAML turned into JSON.
    Json(Bytes),
    /// Kubernetes' protobuf envelope.
    Protobuf(Bytes),
}

/// What happens to fields that the kind does not have, and to fields that occur twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    /// They are dropped silently.
    Ignore,
    /// They are dropped with a warning.
    #[default]
    Warn,
    /// They are an error.
    Strict,
}

impl Body {
    /// The kind the body says it is, with `expected` where it says nothing.
    fn kind(&self, expected: &GroupVersionKind) -> Result<(String, String), Status> {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        struct Header {
            api_version: String,
            kind: String,
        }
        let header = match self {
            Self::Json(json) => serde_json::from_slice(json).map_err(|error| {
                Status::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
            })?,
            Self::Protobuf(bytes) => {
                let unknown = Unknown::from_bytes(bytes).map_err(|error| Status::bad_request(error.to_string()))?;
                Header {
                    api_version: unknown.api_version,
                    kind: unknown.kind,
                }
            }
        };
        let or = |text: String, default: String| if text.is_empty() { default } else { text };
        Ok((
            or(header.api_version, expected.api_version()),
            or(header.kind, expected.kind.clone()),
        ))
    }

    fn check_kind(&self, expected: &GroupVersionKind) -> Result<(), Status> {
        let (api_version, kind) = self.kind(expected)?;
        if api_version != expected.api_version() {
            return Err(Status::bad_request(format!(
                "the API version in the data ({api_version}) does not match the expected API version ({})",
                expected.api_version()
            )));
        }
        if kind != expected.kind {
            let message = format!(
                "the kind in the data ({kind}) does not match the expected kind ({})",
                expected.kind
            );
            return Err(Status::bad_request(message));
        }
        Ok(())
    }

    /// Decodes a body of kind `T`.
    pub(crate) fn decode<T: ApiObject + Protobuf>(
        &self,
        validation: FieldValidation,
        context: &RequestContext,
    ) -> Result<T, Status> {
        let kind = T::group_version_kind();
        self.check_kind(&kind)?;
        match self {
            Self::Json(json) => {
                check_fields(json, &T::schema(), validation, context)?;
                serde_json::from_slice(json).map_err(|error| unreadable(&kind, &error))
            }
            Self::Protobuf(bytes) => {
                unwrap(bytes).and_then(|raw| T::decode(&raw).map_err(|error| unreadable(&kind, &error)))
            }
        }
    }
}

fn unwrap(bytes: &Bytes) -> Result<Vec<u8>, Status> {
    let unknown = Unknown::from_bytes(bytes).map_err(|error| Status::bad_request(error.to_string()))?;
    Ok(unknown.raw)
}

fn unreadable(kind: &GroupVersionKind, error: &dyn std::error::Error) -> Status {
    let (version, kind) = (&kind.version, &kind.kind);
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
    ))
}

impl<S: Strategy> Codec<S> {
    /// Decodes a body in one of the kind's versions.
    pub(super) fn decode_body(
        &self,
        version: usize,
        body: &Body,
        validation: FieldValidation,
        context: &RequestContext,
    ) -> Result<S::Object, Status> {
        let version: &dyn Version<S::Object> = self.version(version)?;
        let kind = version.group_version_kind();
        body.check_kind(&kind)?;
        match body {
            Body::Json(json) => {
                check_fields(json, &version.schema(), validation, context)?;
                version.decode_json(json).map_err(|error| unreadable(&kind, &error))
            }
            Body::Protobuf(bytes) => version
                .decode_protobuf(&unwrap(bytes)?)
                .map_err(|error| unreadable(&kind, &error)),
        }
    }

    pub(super) fn version(&self, index: usize) -> Result<&dyn Version<S::Object>, Status> {
        self.versions
            .get(index)
            .map(AsRef::as_ref)
            .ok_or_else(Status::no_such_resource)
    }
}
