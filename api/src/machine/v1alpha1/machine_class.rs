//! MachineClass: how a cloud makes the machines of a pool.

use std::collections::BTreeMap;

use apimachinery::meta::{ObjectMeta, Quantity};
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::SecretReference;

/// How a cloud makes the machines of a pool.
#[api_type]
#[api(
    group = "machine.sapcloud.io",
    version = "v1alpha1",
    kind = "MachineClass",
    plural = "machineclasses",
    namespaced,
    short = "mcc"
)]
pub struct MachineClass {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What a machine has, for the cluster autoscaler.
    #[api(preserve_unknown)]
    pub node_template: Option<NodeTemplate>,
    /// The Secret with the credentials, when it is not the one of the user data.
    pub credentials_secret_ref: Option<SecretReference>,
    /// What only the driver of the provider understands.
    #[api(preserve_unknown)]
    pub provider_spec: RawExtension,
    /// Name of the driver.
    #[api(omitempty)]
    pub provider: String,
    /// The Secret with the user data.
    pub secret_ref: Option<SecretReference>,
}

/// What a machine has.
#[api_type]
pub struct NodeTemplate {
    /// Resources.
    pub capacity: BTreeMap<String, Quantity>,
    /// Resources that no machine knows of.
    #[api(omitempty)]
    pub virtual_capacity: BTreeMap<String, Quantity>,
    /// Machine type.
    pub instance_type: String,
    /// Region.
    pub region: String,
    /// Zone.
    pub zone: String,
    /// CPU architecture.
    pub architecture: Option<String>,
}
