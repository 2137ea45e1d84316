//! Bastion: a machine by which operators reach a shoot's nodes.

use apimachinery::api_type;
use apimachinery::meta::{ByteString, ObjectMeta};
use k8s_openapi::api::core::v1::LoadBalancerIngress;
use k8s_openapi::api::networking::v1::IPBlock;

use super::{DefaultSpec, DefaultStatus};

/// A machine by which operators reach a shoot's nodes.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "Bastion",
    namespaced
)]
pub struct Bastion {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: BastionSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: BastionStatus,
}

/// The machine wanted.
#[api_type]
pub struct BastionSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// What the machine runs when it starts.
    pub user_data: ByteString,
    /// Who may reach it.
    pub ingress: Vec<BastionIngressPolicy>,
}

/// A range that may reach a bastion.
#[api_type]
pub struct BastionIngressPolicy {
    /// The range.
    pub ip_block: IPBlock,
}

/// State of the machine.
#[api_type]
pub struct BastionStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// Where it is reached.
    pub ingress: Option<LoadBalancerIngress>,
}
