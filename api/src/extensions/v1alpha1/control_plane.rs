//! ControlPlane: what the provider adds to a shoot's control plane.

use apimachinery::meta::ObjectMeta;
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::SecretReference;

use super::{DefaultSpec, DefaultStatus};

/// What the provider adds to a shoot's control plane.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "ControlPlane",
    namespaced,
    short = "cp"
)]
pub struct ControlPlane {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ControlPlaneSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: ControlPlaneStatus,
}

/// The control plane wanted.
#[api_type]
pub struct ControlPlaneSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// What the infrastructure's extension reported.
    #[api(preserve_unknown)]
    pub infrastructure_provider_status: Option<RawExtension>,
    /// Region of the provider.
    pub region: String,
    /// The Secret with the credentials.
    pub secret_ref: SecretReference,
}

/// State of the provider's part.
#[api_type]
pub struct ControlPlaneStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
}
