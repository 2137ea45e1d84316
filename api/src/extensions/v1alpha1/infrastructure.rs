//! Infrastructure: networks, routers and security groups of a shoot in the cloud.

use apimachinery::api_type;
use apimachinery::meta::{ByteString, ObjectMeta};
use k8s_openapi::api::core::v1::SecretReference;

use super::{DefaultSpec, DefaultStatus};

/// What a shoot's machines need in the cloud before they are made.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "Infrastructure",
    namespaced,
    short = "infra"
)]
pub struct Infrastructure {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: InfrastructureSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: InfrastructureStatus,
}

/// The infrastructure wanted.
#[api_type]
pub struct InfrastructureSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// Region of the provider.
    pub region: String,
    /// The Secret with the credentials.
    pub secret_ref: SecretReference,
    /// Public key of those who may reach machines by SSH.
    #[api(omitempty, name = "sshPublicKey")]
    pub ssh_public_key: ByteString,
}

/// State of the infrastructure.
#[api_type]
pub struct InfrastructureStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// Range of the machines' addresses, when the extension chose it.
    #[api(name = "nodesCIDR")]
    pub nodes_cidr: Option<String>,
    /// Ranges that the machines' traffic seems to come from outside.
    #[api(omitempty, name = "egressCIDRs")]
    pub egress_cidrs: Vec<String>,
    /// Ranges the extension chose.
    pub networking: Option<InfrastructureStatusNetworking>,
}

/// Ranges of addresses that the infrastructure's extension chose.
#[api_type]
pub struct InfrastructureStatusNetworking {
    /// Of pods.
    #[api(omitempty)]
    pub pods: Vec<String>,
    /// Of machines.
    #[api(omitempty)]
    pub nodes: Vec<String>,
    /// Of Services.
    #[api(omitempty)]
    pub services: Vec<String>,
}
