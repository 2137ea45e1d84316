//! Cluster: what extensions must know of a shoot.

use apimachinery::meta::ObjectMeta;
use apimachinery::{RawExtension, api_type};

/// What extensions must know of a shoot: copies of the garden's objects.
#[api_type]
#[api(group = "extensions.gardener.cloud", version = "v1alpha1", kind = "Cluster")]
pub struct Cluster {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ClusterSpec,
}

/// The copies.
#[api_type]
pub struct ClusterSpec {
    /// The CloudProfile.
    #[api(preserve_unknown)]
    pub cloud_profile: RawExtension,
    /// The Seed; absent for a self-hosted shoot.
    #[api(preserve_unknown)]
    pub seed: Option<RawExtension>,
    /// The Shoot.
    #[api(preserve_unknown)]
    pub shoot: RawExtension,
}
