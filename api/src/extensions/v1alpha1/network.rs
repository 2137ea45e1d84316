//! Network: the pod network of a shoot.

use apimachinery::api_type;
use apimachinery::meta::ObjectMeta;

use super::{DefaultSpec, DefaultStatus};
use crate::core::v1beta1::IpFamily;

/// The pod network of a shoot.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "Network",
    namespaced
)]
pub struct Network {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: NetworkSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: NetworkStatus,
}

/// The network wanted.
#[api_type]
pub struct NetworkSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// Range of pod addresses.
    #[api(name = "podCIDR")]
    pub pod_cidr: String,
    /// Range of Service addresses.
    #[api(name = "serviceCIDR")]
    pub service_cidr: String,
    /// IP families wanted.
    #[api(omitempty)]
    pub ip_families: Vec<IpFamily>,
}

/// State of the network.
#[api_type]
pub struct NetworkStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// IP families there are.
    #[api(omitempty)]
    pub ip_families: Vec<IpFamily>,
}
