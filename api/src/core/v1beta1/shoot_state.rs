//! ShootState: what a shoot needs to be rebuilt on another seed.

use std::collections::BTreeMap;

use apimachinery::meta::ObjectMeta;
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::autoscaling::v1::CrossVersionObjectReference;

use super::NamedResourceReference;

/// What a shoot needs to be rebuilt on another seed.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "ShootState",
    namespaced,
    categories = "all"
)]
pub struct ShootState {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: ShootStateSpec,
}

/// The state kept.
#[api_type]
pub struct ShootStateSpec {
    /// State of gardenlet.
    #[api(tag = 1, omitempty, patch = "merge", patch_key = "name")]
    pub gardener: Vec<GardenerResourceData>,
    /// State of extension resources.
    #[api(tag = 2, omitempty)]
    pub extensions: Vec<ExtensionResourceState>,
    /// Objects that states refer to.
    #[api(tag = 3, omitempty)]
    pub resources: Vec<ResourceData>,
}

/// Something gardenlet has to keep, such as a generated secret.
#[api_type]
pub struct GardenerResourceData {
    /// Name of the thing.
    #[api(tag = 1)]
    pub name: String,
    /// What it is.
    #[api(tag = 2)]
    pub type_: String,
    /// The thing itself.
    #[api(tag = 3)]
    pub data: RawExtension,
    /// Labels to find it by.
    #[api(tag = 4, omitempty)]
    pub labels: BTreeMap<String, String>,
}

/// State of one extension resource, for a move to another seed.
#[api_type]
pub struct ExtensionResourceState {
    /// Kind of the resource.
    #[api(tag = 1)]
    pub kind: String,
    /// Name of the resource.
    #[api(tag = 2)]
    pub name: Option<String>,
    /// Purpose of the resource, where a kind has several.
    #[api(tag = 3)]
    pub purpose: Option<String>,
    /// What the extension wants to find again.
    #[api(tag = 4)]
    pub state: Option<RawExtension>,
    /// Objects the state refers to, by name.
    #[api(tag = 5, omitempty)]
    pub resources: Vec<NamedResourceReference>,
}

/// A copy of an object, for a move to another seed.
#[api_type]
pub struct ResourceData {
    /// The object.
    #[api(tag = 1, inline)]
    pub reference: CrossVersionObjectReference,
    /// Its content.
    #[api(tag = 2)]
    pub data: RawExtension,
}
