//! Kubernetes API conventions, pure: metadata, selectors, quantities, field errors, patches, protobuf, OpenAPI.
//!
//! In: types declared with [`api_type`] (documented in `apimachinery-derive`), bytes, JSON values, texts. Out: objects,
//! schemas, errors as Kubernetes words them. Absent: IO, async, clocks, and any knowledge of a particular kind.

// Code of `#[api_type]` names this crate; so it can be used inside it too.
#[allow(unused_extern_crates)]
extern crate self as apimachinery;

// What a type is.
pub mod duration;
pub mod meta;
mod object;
mod raw_extension;
pub mod versioning;

// What the code of `#[api_type]` calls.
pub mod json;
pub mod merge;
pub mod openapi;
pub mod protobuf;

// What a server says.
pub mod field;
pub mod names;
pub mod partial;
pub mod status;
pub mod table;

// What a client asks.
pub mod patch;
pub mod quantity;
pub mod schema;
pub mod selector;

// Kubernetes' own types on these traits.
mod external;
mod schemas;
mod well_known;

pub use apimachinery_derive::api_type;

pub use self::{
    duration::Duration,
    object::{ApiObject, List, Typed},
    raw_extension::{Json, RawExtension},
    status::Status,
};

/// For the code of `#[api_type]` only.
#[doc(hidden)]
pub mod __private {
    pub use kube_core;
    pub use serde;
}

#[cfg(test)]
mod tests;
