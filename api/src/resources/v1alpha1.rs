//! Group `resources.gardener.cloud`, version `v1alpha1`: objects that a resource manager keeps in a cluster.

use std::collections::BTreeMap;

use apimachinery::api_type;
use apimachinery::meta::ObjectMeta;
use k8s_openapi::api::core::v1::LocalObjectReference;

use crate::core::v1beta1::Condition;

/// Objects that a resource manager keeps in a cluster.
#[api_type]
#[api(
    group = "resources.gardener.cloud",
    version = "v1alpha1",
    kind = "ManagedResource",
    namespaced,
    short = "mr"
)]
pub struct ManagedResource {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(optional)]
    pub spec: ManagedResourceSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: ManagedResourceStatus,
}

/// The objects wanted.
#[api_type]
pub struct ManagedResourceSpec {
    /// Which resource manager is responsible; none named means the default one.
    pub class: Option<String>,
    /// Secrets with the objects, as YAML or as brotli-compressed YAML (key `….br`).
    pub secret_refs: Vec<LocalObjectReference>,
    /// Labels every object gets.
    #[api(omitempty)]
    pub inject_labels: BTreeMap<String, String>,
    /// Whether labels others have added are removed.
    pub force_overwrite_labels: Option<bool>,
    /// Whether annotations others have added are removed.
    pub force_overwrite_annotations: Option<bool>,
    /// Whether the objects stay when this is deleted.
    pub keep_objects: Option<bool>,
    /// Kinds whose objects are the same object, such as after a change of group.
    #[api(omitempty)]
    pub equivalences: Vec<Vec<GroupKind>>,
    /// Whether claims of a removed StatefulSet are removed, too.
    pub delete_persistent_volume_claims: Option<bool>,
}

/// A kind, in whatever version.
#[api_type]
pub struct GroupKind {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

/// State of the objects.
#[api_type]
pub struct ManagedResourceStatus {
    /// Current conditions, one per type.
    #[api(omitempty)]
    pub conditions: Vec<Condition>,
    /// Generation of the spec that this status describes.
    #[api(omitempty)]
    pub observed_generation: i64,
    /// Objects there are.
    #[api(omitempty)]
    pub resources: Vec<ObjectReference>,
    /// Checksum of the Secrets that were applied.
    pub secrets_data_checksum: Option<String>,
}

/// An object there is.
#[api_type]
pub struct ObjectReference {
    /// The object.
    #[api(inline)]
    pub object_reference: k8s_openapi::api::core::v1::ObjectReference,
    /// Labels it was given.
    #[api(omitempty)]
    pub labels: BTreeMap<String, String>,
    /// Annotations it was given.
    #[api(omitempty)]
    pub annotations: BTreeMap<String, String>,
}
