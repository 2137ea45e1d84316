//! Kubernetes' own types that Gardener's API embeds: their protobuf, schema and fields, beside `k8s-openapi`'s serde.
//!
//! Each entry of `external!` is `tag field: "jsonName" mode` with mode `plain` for what is no pointer in Go though an
//! `Option` here (absent and zero are one), `required` for what is always written, `same` for all else.

use k8s_openapi::{
    api::{
        autoscaling::v1::CrossVersionObjectReference,
        core::v1::{
            LocalObjectReference, ObjectReference, ResourceClaim, ResourceRequirements, SecretReference, Taint,
            Toleration,
        },
        rbac::v1::Subject,
    },
    apimachinery::pkg::apis::meta::v1::{
        LabelSelector, LabelSelectorRequirement, ListMeta, ManagedFieldsEntry, ObjectMeta, OwnerReference,
    },
};
use serde::{de::MapAccess, ser::SerializeMap};

use crate::{
    json::{self, Fields, OmitWhenEmpty as _},
    openapi::{ListType, OpenApi, Property, Schema, Shape},
    protobuf::{DecodeError, Protobuf, ProtobufValue, Reader, WireType, Writer, merge_plain, write_plain},
};

/// The schema of a field, its type inferred from the accessor.
pub(crate) fn schema_of<S, F: OpenApi>(_field: fn(&S) -> &F) -> Schema {
    F::reference()
}

macro_rules! write_field {
    (required, $value:expr, $tag:literal, $writer:ident) => {
        $value.write($tag, $writer)
    };
    (same, $value:expr, $tag:literal, $writer:ident) => {
        $value.write($tag, $writer)
    };
    (plain, $value:expr, $tag:literal, $writer:ident) => {
        write_plain(&$value, $tag, $writer)
    };
}

macro_rules! merge_field {
    (required, $value:expr, $wire:ident, $reader:ident) => {
        $value.merge($wire, $reader)
    };
    (same, $value:expr, $wire:ident, $reader:ident) => {
        $value.merge($wire, $reader)
    };
    (plain, $value:expr, $wire:ident, $reader:ident) => {
        merge_plain(&mut $value, $wire, $reader)
    };
}

macro_rules! require {
    (required, $schema:ident, $name:literal) => {
        edit($schema, |property| property.required |= property.name == $name)
    };
    ($mode:ident, $schema:ident, $name:literal) => {
        $schema
    };
}

macro_rules! is_omitted {
    (required, $value:expr) => {
        false
    };
    ($mode:ident, $value:expr) => {
        json::Omit(&$value).omit()
    };
}

macro_rules! external {
    ($($ty:ident = $name:literal {
        $($tag:literal $field:ident: $json:literal $mode:ident),+ $(,)?
    } $(with $decorate:expr)?;)+) => {
        $(
            impl Protobuf for $ty {
                fn write_message(&self, writer: &mut Writer) {
                    $(write_field!($mode, self.$field, $tag, writer);)+
                }

                fn merge_field(
                    &mut self,
                    tag: u32,
                    wire: WireType,
                    reader: &mut Reader<'_>,
                ) -> Result<(), DecodeError> {
                    match tag {
                        $($tag => merge_field!($mode, self.$field, wire, reader),)+
                        _ => reader.skip(wire),
                    }
                }
            }

            message_value!($ty);

            impl OpenApi for $ty {
                fn name() -> Option<String> {
                    Some($name.to_owned())
                }

                fn schema() -> Schema {
                    let schema = Schema::object();
                    $(let schema = schema.optional($json, schema_of(|value: &$ty| &value.$field));)+
                    $(let schema = require!($mode, schema, $json);)+
                    $(let schema = $decorate(schema);)?
                    schema
                }
            }

            impl Fields for $ty {
                fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                    $(if !is_omitted!($mode, self.$field) {
                        map.serialize_entry($json, &self.$field)?;
                    })+
                    Ok(())
                }

                fn deserialize_field<'de, A: MapAccess<'de>>(
                    &mut self,
                    key: &str,
                    map: &mut A,
                ) -> Result<bool, A::Error> {
                    match key {
                        $($json => json::read(&mut self.$field, $json, map)?,)+
                        _ => return Ok(false),
                    }
                    Ok(true)
                }
            }
        )+
    };
}

/// How a message stands in a field.
macro_rules! message_value {
    ($($ty:ty),+) => {
        $(impl ProtobufValue for $ty {
            const WIRE: WireType = WireType::LengthDelimited;

            fn write(&self, tag: u32, writer: &mut Writer) {
                writer.message(tag, self);
            }

            fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
                reader.message(wire, self)
            }

            fn zero() -> Self {
                Self::default()
            }
        })+
    };
}
pub(crate) use message_value;

external! {
    ObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" {
        1 name: "name" plain,
        2 generate_name: "generateName" plain,
        3 namespace: "namespace" plain,
        4 self_link: "selfLink" plain,
        5 uid: "uid" plain,
        6 resource_version: "resourceVersion" plain,
        7 generation: "generation" plain,
        8 creation_timestamp: "creationTimestamp" plain,
        9 deletion_timestamp: "deletionTimestamp" same,
        10 deletion_grace_period_seconds: "deletionGracePeriodSeconds" same,
        11 labels: "labels" same,
        12 annotations: "annotations" same,
        13 owner_references: "ownerReferences" same,
        14 finalizers: "finalizers" same,
        17 managed_fields: "managedFields" same,
    } with object_meta;
    OwnerReference = "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference" {
        1 kind: "kind" required,
        3 name: "name" required,
        4 uid: "uid" required,
        5 api_version: "apiVersion" required,
        6 controller: "controller" same,
        7 block_owner_deletion: "blockOwnerDeletion" same,
    } with Schema::atomic;
    ManagedFieldsEntry = "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry" {
        1 manager: "manager" plain,
        2 operation: "operation" plain,
        3 api_version: "apiVersion" plain,
        4 time: "time" same,
        6 fields_type: "fieldsType" plain,
        7 fields_v1: "fieldsV1" same,
        8 subresource: "subresource" plain,
    };
    ListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta" {
        1 self_link: "selfLink" plain,
        2 resource_version: "resourceVersion" plain,
        3 continue_: "continue" plain,
        4 remaining_item_count: "remainingItemCount" same,
    };
    LabelSelector = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector" {
        1 match_labels: "matchLabels" same,
        2 match_expressions: "matchExpressions" same,
    } with |schema: Schema| atomic_lists(schema, &["matchExpressions"]).atomic();
    LabelSelectorRequirement = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement" {
        1 key: "key" required,
        2 operator: "operator" required,
        3 values: "values" same,
    } with |schema| atomic_lists(schema, &["values"]);
    SecretReference = "io.k8s.api.core.v1.SecretReference" {
        1 name: "name" plain,
        2 namespace: "namespace" plain,
    } with Schema::atomic;
    ObjectReference = "io.k8s.api.core.v1.ObjectReference" {
        1 kind: "kind" plain,
        2 namespace: "namespace" plain,
        3 name: "name" plain,
        4 uid: "uid" plain,
        5 api_version: "apiVersion" plain,
        6 resource_version: "resourceVersion" plain,
        7 field_path: "fieldPath" plain,
    } with Schema::atomic;
    Toleration = "io.k8s.api.core.v1.Toleration" {
        1 key: "key" plain,
        2 operator: "operator" plain,
        3 value: "value" plain,
        4 effect: "effect" plain,
        5 toleration_seconds: "tolerationSeconds" same,
    };
    Taint = "io.k8s.api.core.v1.Taint" {
        1 key: "key" required,
        2 value: "value" plain,
        3 effect: "effect" required,
        4 time_added: "timeAdded" same,
    };
    ResourceRequirements = "io.k8s.api.core.v1.ResourceRequirements" {
        1 limits: "limits" same,
        2 requests: "requests" same,
        3 claims: "claims" same,
    };
    ResourceClaim = "io.k8s.api.core.v1.ResourceClaim" {
        1 name: "name" required,
        2 request: "request" plain,
    };
    CrossVersionObjectReference = "io.k8s.api.autoscaling.v1.CrossVersionObjectReference" {
        1 kind: "kind" required,
        2 name: "name" required,
        3 api_version: "apiVersion" plain,
    } with Schema::atomic;
    Subject = "io.k8s.api.rbac.v1.Subject" {
        1 kind: "kind" required,
        2 api_group: "apiGroup" plain,
        3 name: "name" required,
        4 namespace: "namespace" plain,
    } with Schema::atomic;
}

external! {
    LocalObjectReference = "io.k8s.api.core.v1.LocalObjectReference" {
        1 name: "name" same,
    } with Schema::atomic;
}

/// Marks lists as replaced as a whole.
fn atomic_lists(schema: Schema, names: &[&str]) -> Schema {
    edit(schema, |property| {
        if names.contains(&property.name) {
            property.schema.list_type = Some(ListType::Atomic);
        }
    })
}

fn edit(mut schema: Schema, change: impl FnMut(&mut Property)) -> Schema {
    if let Shape::Object(properties) = &mut schema.shape {
        properties.iter_mut().for_each(change);
    }
    schema
}

/// What server-side apply and strategic merge must know of metadata.
fn object_meta(schema: Schema) -> Schema {
    edit(schema, |property| match property.name {
        "finalizers" => {
            property.schema.list_type = Some(ListType::Set);
            property.schema.patch_strategy = Some("merge");
        }
        "ownerReferences" => {
            property.schema.list_type = Some(ListType::Map);
            property.schema.list_map_keys = vec!["uid"];
            property.schema.patch_strategy = Some("merge");
            property.schema.patch_merge_key = Some("uid");
        }
        "managedFields" => property.schema.list_type = Some(ListType::Atomic),
        _ => {}
    })
    .describe("Metadata that all persisted resources have.")
}
