//! `metav1.PartialObjectMetadata`: an object of any kind, reduced to its metadata.

use crate::{
    api_type,
    meta::{ListMeta, ObjectMeta},
};

/// An object's metadata.
#[api_type]
#[api(
    group = "meta.k8s.io",
    version = "v1",
    kind = "PartialObjectMetadata",
    package = "io.k8s.apimachinery.pkg.apis.meta.v1",
    no_resource
)]
pub struct PartialObjectMetadata {
    /// Standard object metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
}

/// The metadata of many objects.
#[api_type]
#[api(
    group = "meta.k8s.io",
    version = "v1",
    kind = "PartialObjectMetadataList",
    package = "io.k8s.apimachinery.pkg.apis.meta.v1"
)]
pub struct PartialObjectMetadataList {
    /// Standard list metadata.
    #[api(tag = 1, optional)]
    pub metadata: ListMeta,
    /// The objects.
    #[api(tag = 2)]
    pub items: Vec<PartialObjectMetadata>,
}
