//! The API versions a kind is served in: each reads and writes its own encoding, and converts from and to the kind's
//! storage version.

use std::marker::PhantomData;

use apimachinery::{
    ApiObject, List,
    openapi::{Components, OpenApi, Schema},
    protobuf::{DecodeError, Protobuf},
    versioning::GroupVersionKind,
};
use serde_json::Value;

/// One served version of kind `O`.
pub(super) trait Version<O>: Send + Sync {
    fn group_version_kind(&self) -> GroupVersionKind;
    fn list_kind(&self) -> &'static str;
    fn decode_json(&self, json: &[u8]) -> Result<O, serde_json::Error>;
    fn decode_protobuf(&self, message: &[u8]) -> Result<O, DecodeError>;
    fn encode_json(&self, object: &O) -> Result<Vec<u8>, serde_json::Error>;
    fn schema(&self) -> Schema;
    /// Adds the version's types, and returns how to refer to an object and to a list.
    fn components(&self, components: &mut Components) -> (Value, Value);
}

/// The storage version itself.
pub(super) struct Stored<O>(pub(super) PhantomData<fn() -> O>);

impl<O: ApiObject + Protobuf> Version<O> for Stored<O> {
    fn group_version_kind(&self) -> GroupVersionKind {
        O::group_version_kind()
    }

    fn list_kind(&self) -> &'static str {
        O::LIST_KIND
    }

    fn decode_json(&self, json: &[u8]) -> Result<O, serde_json::Error> {
        serde_json::from_slice(json)
    }

    fn decode_protobuf(&self, message: &[u8]) -> Result<O, DecodeError> {
        O::decode(message)
    }

    fn encode_json(&self, object: &O) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(object)
    }

    fn schema(&self) -> Schema {
        <O as OpenApi>::schema()
    }

    fn components(&self, components: &mut Components) -> (Value, Value) {
        (components.reference::<O>(), components.reference::<List<O>>())
    }
}

/// Another version `V`, with the functions that convert.
pub(super) struct Converted<O, V> {
    pub(super) from: fn(V) -> O,
    pub(super) to: fn(&O) -> V,
}

impl<O: ApiObject, V: ApiObject + Protobuf> Version<O> for Converted<O, V> {
    fn group_version_kind(&self) -> GroupVersionKind {
        V::group_version_kind()
    }

    fn list_kind(&self) -> &'static str {
        V::LIST_KIND
    }

    fn decode_json(&self, json: &[u8]) -> Result<O, serde_json::Error> {
        serde_json::from_slice(json).map(self.from)
    }

    fn decode_protobuf(&self, message: &[u8]) -> Result<O, DecodeError> {
        V::decode(message).map(self.from)
    }

    fn encode_json(&self, object: &O) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&(self.to)(object))
    }

    fn schema(&self) -> Schema {
        <V as OpenApi>::schema()
    }

    fn components(&self, components: &mut Components) -> (Value, Value) {
        (components.reference::<V>(), components.reference::<List<V>>())
    }
}
