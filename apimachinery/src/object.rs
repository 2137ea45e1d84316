//! What every kind is: [`Typed`], and if it has metadata an [`ApiObject`]. And [`List`], the list of any kind.
//!
//! In: types declared with [`macro@crate::api_type`]. Out: the constants and accessors that generic code needs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, MapAccess},
    ser::SerializeMap,
};

use crate::{
    json::{self, Fields},
    openapi::{OpenApi, Schema},
    protobuf::{DecodeError, Protobuf, ProtobufValue, Reader, WireType, Writer},
    versioning::{GroupKind, GroupResource, GroupVersionKind, GroupVersionResource, TypeMeta},
};

/// A type that is written with `apiVersion` and `kind`.
pub trait Typed {
    /// What is written.
    const TYPE: TypeMeta;
}

/// A kind with metadata: what an API server stores and a client watches.
pub trait ApiObject:
    Typed
    + kube_core::Resource<DynamicType = ()>
    + OpenApi
    + Serialize
    + DeserializeOwned
    + Clone
    + std::fmt::Debug
    + Default
    + PartialEq
    + Send
    + Sync
    + 'static
{
    /// API group; empty for the core group.
    const GROUP: &'static str;
    /// API version.
    const VERSION: &'static str;
    /// `apiVersion`: group and version.
    const API_VERSION: &'static str;
    /// Kind.
    const KIND: &'static str;
    /// Kind of the list.
    const LIST_KIND: &'static str;
    /// Name in URLs and RBAC.
    const PLURAL: &'static str;
    /// Name of one object, for people.
    const SINGULAR: &'static str;
    /// Whether objects lie in namespaces.
    const NAMESPACED: bool;
    /// Short names for kubectl.
    const SHORT_NAMES: &'static [&'static str];
    /// Categories for kubectl, such as `all`.
    const CATEGORIES: &'static [&'static str];

    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// The object's metadata, to be changed.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;

    /// Group, version and kind.
    fn group_version_kind() -> GroupVersionKind {
        GroupVersionKind::new(Self::GROUP, Self::VERSION, Self::KIND)
    }

    /// Group and kind.
    fn group_kind() -> GroupKind {
        GroupKind::new(Self::GROUP, Self::KIND)
    }

    /// Group, version and resource.
    fn group_version_resource() -> GroupVersionResource {
        GroupVersionResource::new(Self::GROUP, Self::VERSION, Self::PLURAL)
    }

    /// Group and resource.
    fn group_resource() -> GroupResource {
        GroupResource::new(Self::GROUP, Self::PLURAL)
    }

    /// The object's name; empty if it has none.
    fn name_or_empty(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The object's namespace; empty if it has none.
    fn namespace_or_empty(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }
}

/// A list of objects of one kind, as the API server answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T> {
    /// Metadata: resource version and continue token.
    pub metadata: ListMeta,
    /// The objects.
    pub items: Vec<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            metadata: ListMeta::default(),
            items: Vec::new(),
        }
    }
}

impl<T: ApiObject> Typed for List<T> {
    const TYPE: TypeMeta = TypeMeta {
        api_version: T::API_VERSION,
        kind: T::LIST_KIND,
    };
}

impl<T: ApiObject> Fields for List<T> {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("apiVersion", Self::TYPE.api_version)?;
        map.serialize_entry("kind", Self::TYPE.kind)?;
        map.serialize_entry("metadata", &self.metadata)?;
        map.serialize_entry("items", &self.items)
    }

    fn deserialize_field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "metadata" => json::read(&mut self.metadata, "metadata", map)?,
            "items" => json::read(&mut self.items, "items", map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<T: ApiObject> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::serialize(self, serializer)
    }
}

impl<'de, T: ApiObject> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::deserialize(deserializer, "List")
    }
}

impl<T: ApiObject + ProtobufValue> Protobuf for List<T> {
    fn write_message(&self, writer: &mut Writer) {
        self.metadata.write(1, writer);
        self.items.write(2, writer);
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            1 => self.metadata.merge(wire, reader),
            2 => self.items.merge(wire, reader),
            _ => reader.skip(wire),
        }
    }
}

impl<T: ApiObject> OpenApi for List<T> {
    fn name() -> Option<String> {
        let item = T::name()?;
        let package = item.rsplit_once('.').map_or("", |(package, _)| package);
        Some(format!("{package}.{}", T::LIST_KIND))
    }

    fn schema() -> Schema {
        Schema::object()
            .optional("metadata", ListMeta::reference().describe("Standard list metadata."))
            .required("items", Schema::array(T::reference()).describe("The objects."))
            .kind(T::GROUP, T::VERSION, T::LIST_KIND)
            .describe("A list of objects.")
    }
}
