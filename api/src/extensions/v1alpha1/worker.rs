//! Worker: the worker pools of a shoot, and the machines made for them.

use std::collections::BTreeMap;

use apimachinery::meta::{ByteString, IntOrString, ObjectMeta, Quantity, Time};
use apimachinery::{Duration, RawExtension, api_type};
use k8s_openapi::api::core::v1::{SecretKeySelector, SecretReference, Taint};

use super::{DefaultSpec, DefaultStatus};
use crate::core::v1beta1::{KubeletConfig, MachineControllerManagerSettings, MachineUpdateStrategy};

/// The worker pools of a shoot.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "Worker",
    namespaced
)]
pub struct Worker {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: WorkerSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: WorkerStatus,
}

/// The pools wanted.
#[api_type]
pub struct WorkerSpec {
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
    /// Public key of those who may reach machines by SSH.
    #[api(omitempty, name = "sshPublicKey")]
    pub ssh_public_key: ByteString,
    /// The pools.
    #[api(patch = "merge", patch_key = "name")]
    pub pools: Vec<WorkerPool>,
}

/// A pool of equal machines.
#[api_type]
pub struct WorkerPool {
    /// Machine type, by the provider's names.
    pub machine_type: String,
    /// Most machines.
    pub maximum: i32,
    /// Machines above the wanted number during an update.
    pub max_surge: IntOrString,
    /// Machines below the wanted number during an update.
    pub max_unavailable: IntOrString,
    /// Annotations of the nodes.
    #[api(omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Labels of the nodes.
    #[api(omitempty)]
    pub labels: BTreeMap<String, String>,
    /// Taints of the nodes.
    #[api(omitempty)]
    pub taints: Vec<Taint>,
    /// Machine image of the profile.
    #[api(optional)]
    pub machine_image: MachineImage,
    /// Least machines.
    pub minimum: i32,
    /// Name of the pool.
    pub name: String,
    /// Secret of the shoot that node-agents of the pool read.
    pub node_agent_secret_name: Option<String>,
    /// Configuration that only the extension of this type understands.
    #[api(preserve_unknown)]
    pub provider_config: Option<RawExtension>,
    /// Where the machines' user data lies.
    pub user_data_secret_ref: SecretKeySelector,
    /// Root volume of each machine.
    pub volume: Option<Volume>,
    /// Further volumes of each machine.
    #[api(omitempty)]
    pub data_volumes: Vec<DataVolume>,
    /// Data volume that the kubelet lives on.
    pub kubelet_data_volume_name: Option<String>,
    /// Availability zones, by the provider's names.
    #[api(omitempty)]
    pub zones: Vec<String>,
    /// How machines are created, watched and replaced.
    pub machine_controller_manager: Option<MachineControllerManagerSettings>,
    /// Kubernetes version of the kubelets.
    pub kubernetes_version: Option<String>,
    /// Settings of the kubelets.
    pub kubelet_config: Option<KubeletConfig>,
    /// What a machine of the pool has, for the cluster autoscaler.
    pub node_template: Option<NodeTemplate>,
    /// CPU architecture.
    pub architecture: Option<String>,
    /// Cluster autoscaler options of the pool.
    pub cluster_autoscaler: Option<ClusterAutoscalerOptions>,
    /// Priority of the pool for the cluster autoscaler.
    pub priority: Option<i32>,
    /// Whether machines are replaced or updated in place.
    pub update_strategy: Option<MachineUpdateStrategy>,
}

/// Cluster autoscaler options of a pool.
#[api_type]
pub struct ClusterAutoscalerOptions {
    /// Utilization below which a node is given up.
    pub scale_down_utilization_threshold: Option<String>,
    /// The same of graphics processors.
    pub scale_down_gpu_utilization_threshold: Option<String>,
    /// How long a node is not needed before it is given up.
    pub scale_down_unneeded_time: Option<Duration>,
    /// How long a node is not ready before it is given up.
    pub scale_down_unready_time: Option<Duration>,
    /// How long a machine may take to join.
    pub max_node_provision_time: Option<Duration>,
}

/// What a machine of a pool has.
#[api_type]
pub struct NodeTemplate {
    /// Resources.
    pub capacity: BTreeMap<String, Quantity>,
    /// Resources that no machine knows of.
    #[api(omitempty)]
    pub virtual_capacity: BTreeMap<String, Quantity>,
}

/// A machine image.
#[api_type]
pub struct MachineImage {
    /// Name of an image of the profile.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Root volume of each machine of a pool.
#[api_type]
pub struct Volume {
    /// Name of the volume.
    pub name: Option<String>,
    /// Volume type of the profile.
    pub type_: Option<String>,
    /// Size, such as `50Gi`.
    pub size: String,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
}

/// A further volume of each machine of a pool.
#[api_type]
pub struct DataVolume {
    /// Name of the volume.
    pub name: String,
    /// Volume type of the profile.
    pub type_: Option<String>,
    /// Size, such as `50Gi`.
    pub size: String,
    /// Whether it is encrypted.
    pub encrypted: Option<bool>,
}

/// What was made of the pools.
#[api_type]
pub struct WorkerStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// The MachineDeployments.
    #[api(omitempty, patch = "merge", patch_key = "name")]
    pub machine_deployments: Vec<MachineDeployment>,
    /// When that list last changed.
    pub machine_deployments_last_update_time: Option<Time>,
    /// How far updates in place are.
    pub in_place_updates: Option<InPlaceUpdatesWorkerStatus>,
}

/// A MachineDeployment made for a pool, in one zone.
#[api_type]
pub struct MachineDeployment {
    /// Its name.
    pub name: String,
    /// Least machines.
    pub minimum: i32,
    /// Most machines.
    pub maximum: i32,
    /// Its priority for the cluster autoscaler.
    pub priority: Option<i32>,
    /// How many failed machines are kept for inspection by themselves.
    pub auto_preserve_failed_machine_max: Option<i32>,
}

/// How far updates in place are.
#[api_type]
pub struct InPlaceUpdatesWorkerStatus {
    /// Hash of the configuration of each pool, by name.
    #[api(omitempty)]
    pub worker_pool_to_hash_map: BTreeMap<String, String>,
}
