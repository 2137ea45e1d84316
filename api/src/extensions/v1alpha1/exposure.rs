//! SelfHostedShootExposure: how the API server of a self-hosted shoot is reached.

use apimachinery::api_type;
use apimachinery::meta::ObjectMeta;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, NodeAddress, ObjectReference};

use super::{DefaultSpec, DefaultStatus};

/// How the API server of a self-hosted shoot is reached.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "SelfHostedShootExposure",
    namespaced,
    short = "exp"
)]
pub struct SelfHostedShootExposure {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: SelfHostedShootExposureSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: SelfHostedShootExposureStatus,
}

/// The exposure wanted.
#[api_type]
pub struct SelfHostedShootExposureSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// The credentials.
    pub credentials_ref: Option<ObjectReference>,
    /// Port of the API server on the nodes.
    pub port: i32,
    /// The nodes it runs on.
    pub endpoints: Vec<ControlPlaneEndpoint>,
}

/// A node of a self-hosted control plane.
#[api_type]
pub struct ControlPlaneEndpoint {
    /// Name of the node.
    pub node_name: String,
    /// Addresses of the node.
    pub addresses: Vec<NodeAddress>,
}

/// State of the exposure.
#[api_type]
pub struct SelfHostedShootExposureStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// Where the API server is reached.
    #[api(omitempty)]
    pub ingress: Vec<LoadBalancerIngress>,
}
