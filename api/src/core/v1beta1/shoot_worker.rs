//! The cloud a Shoot runs on and its worker pools.

use std::collections::BTreeMap;

use apimachinery::meta::IntOrString;
use apimachinery::{Duration, RawExtension, api_type};
use k8s_openapi::api::core::v1::Taint;

use super::{Backup, ClusterAutoscalerOptions, KubeletConfig};

/// The cloud the shoot runs on, and its machines.
#[api_type]
pub struct Provider {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
    /// The provider's settings of the control plane.
    #[api(tag = 2)]
    pub control_plane_config: Option<RawExtension>,
    /// The provider's settings of the infrastructure.
    #[api(tag = 3)]
    pub infrastructure_config: Option<RawExtension>,
    /// Worker pools; none makes the Shoot workerless.
    #[api(tag = 4, omitempty, patch = "merge", patch_key = "name")]
    pub workers: Vec<Worker>,
    /// Settings of all pools.
    #[api(tag = 5)]
    pub workers_settings: Option<WorkersSettings>,
}

/// Settings of all pools.
#[api_type]
pub struct WorkersSettings {
    /// SSH access to nodes.
    #[api(tag = 1)]
    pub ssh_access: Option<SshAccess>,
}

/// SSH access to nodes.
#[api_type]
#[api(name = "SSHAccess")]
pub struct SshAccess {
    /// Whether nodes accept SSH.
    #[api(tag = 1)]
    pub enabled: bool,
}

/// A pool of equal machines.
#[api_type]
pub struct Worker {
    /// Annotations of the nodes.
    #[api(tag = 1, omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Further certificates its machines trust, as PEM.
    #[api(tag = 2)]
    pub ca_bundle: Option<String>,
    /// Container runtime interface.
    #[api(tag = 3)]
    pub cri: Option<Cri>,
    /// Kubelets of the pool.
    #[api(tag = 4)]
    pub kubernetes: Option<WorkerKubernetes>,
    /// Labels of the nodes.
    #[api(tag = 5, omitempty)]
    pub labels: BTreeMap<String, String>,
    /// Name of the pool.
    #[api(tag = 6)]
    pub name: String,
    /// Machine type and image.
    #[api(tag = 7)]
    pub machine: Machine,
    /// Most machines.
    #[api(tag = 8)]
    pub maximum: i32,
    /// Least machines.
    #[api(tag = 9)]
    pub minimum: i32,
    /// Machines above the wanted number during an update.
    #[api(tag = 10)]
    pub max_surge: Option<IntOrString>,
    /// Machines below the wanted number during an update.
    #[api(tag = 11)]
    pub max_unavailable: Option<IntOrString>,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 12)]
    pub provider_config: Option<RawExtension>,
    /// Taints of the nodes.
    #[api(tag = 13, omitempty)]
    pub taints: Vec<Taint>,
    /// Root volume of each machine.
    #[api(tag = 14)]
    pub volume: Option<Volume>,
    /// Further volumes of each machine.
    #[api(tag = 15, omitempty)]
    pub data_volumes: Vec<DataVolume>,
    /// Data volume that the kubelet lives on.
    #[api(tag = 16)]
    pub kubelet_data_volume_name: Option<String>,
    /// Availability zones, by the provider's names.
    #[api(tag = 17, omitempty)]
    pub zones: Vec<String>,
    /// Whether system components may run here.
    #[api(tag = 18)]
    pub system_components: Option<WorkerSystemComponents>,
    /// How machines are created, watched and replaced.
    #[api(tag = 19)]
    pub machine_controller_manager: Option<MachineControllerManagerSettings>,
    /// Kernel settings of the nodes.
    #[api(tag = 20, omitempty)]
    pub sysctls: BTreeMap<String, String>,
    /// Cluster autoscaler options of the pool.
    #[api(tag = 21)]
    pub cluster_autoscaler: Option<ClusterAutoscalerOptions>,
    /// Priority of the pool for the cluster autoscaler.
    #[api(tag = 22)]
    pub priority: Option<i32>,
    /// Whether machines are replaced or updated in place.
    #[api(tag = 23)]
    pub update_strategy: Option<MachineUpdateStrategy>,
    /// Makes this the pool of a self-hosted shoot's control plane.
    #[api(tag = 24)]
    pub control_plane: Option<WorkerControlPlane>,
}

/// Kubernetes on the machines of a pool.
#[api_type]
pub struct WorkerKubernetes {
    /// Settings of the kubelets.
    #[api(tag = 1)]
    pub kubelet: Option<KubeletConfig>,
    /// Kubernetes version of the kubelets; the control plane's when absent.
    #[api(tag = 2)]
    pub version: Option<String>,
}

impl Worker {
    /// Whether system components may run on the pool: unless it says no.
    pub fn allows_system_components(&self) -> bool {
        self.system_components
            .as_ref()
            .is_none_or(|components| components.allow)
    }
}

/// System components on a pool.
#[api_type]
pub struct WorkerSystemComponents {
    /// Whether they may run here.
    #[api(tag = 1)]
    pub allow: bool,
}

/// The control plane of a self-hosted shoot, on its own machines.
#[api_type]
pub struct WorkerControlPlane {
    /// Where etcd backups go.
    #[api(tag = 1)]
    pub backup: Option<Backup>,
    /// How its API server is reached.
    #[api(tag = 2)]
    pub exposure: Option<Exposure>,
}

/// How the API server of a self-hosted shoot is reached.
#[api_type]
pub struct Exposure {
    /// By an extension.
    #[api(tag = 1)]
    pub extension: Option<ExtensionExposure>,
    /// By DNS records.
    #[api(tag = 2)]
    pub dns: Option<DnsExposure>,
}

/// Exposure of a self-hosted control plane by an extension.
#[api_type]
pub struct ExtensionExposure {
    /// Type of the extension; the provider's when absent.
    #[api(tag = 1)]
    pub type_: Option<String>,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
}

/// Exposure of a self-hosted control plane by DNS records.
#[api_type]
#[api(name = "DNSExposure")]
pub struct DnsExposure {}

/// Machine type and image of a worker pool.
#[api_type]
pub struct Machine {
    /// Machine type of the profile.
    #[api(tag = 1)]
    pub type_: String,
    /// Machine image of the profile.
    #[api(tag = 2)]
    pub image: Option<ShootMachineImage>,
    /// CPU architecture; `amd64` when absent.
    #[api(tag = 3)]
    pub architecture: Option<String>,
}

/// Machine image of a worker pool.
#[api_type]
pub struct ShootMachineImage {
    /// Name of an image of the profile.
    #[api(tag = 1)]
    pub name: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
    /// Its version; the newest suitable when absent.
    #[api(tag = 3)]
    pub version: Option<String>,
}

/// How machines of a pool are created, watched and replaced.
#[api_type]
pub struct MachineControllerManagerSettings {
    /// How long draining a node may take.
    #[api(tag = 1)]
    pub machine_drain_timeout: Option<Duration>,
    /// How long a machine may be unhealthy before it is replaced.
    #[api(tag = 2)]
    pub machine_health_timeout: Option<Duration>,
    /// How long a machine may take to join.
    #[api(tag = 3)]
    pub machine_creation_timeout: Option<Duration>,
    /// How often the eviction of a pod is tried.
    #[api(tag = 4)]
    pub max_evict_retries: Option<i32>,
    /// Node conditions that make a machine unhealthy.
    #[api(tag = 5, omitempty)]
    pub node_conditions: Vec<String>,
    /// How long an update in place may take.
    #[api(tag = 6)]
    pub in_place_update_timeout: Option<Duration>,
    /// Whether unhealthy machines are never replaced.
    #[api(tag = 7)]
    pub disable_health_timeout: Option<bool>,
    /// How long a machine marked for preservation is kept.
    #[api(tag = 8)]
    pub machine_preserve_timeout: Option<Duration>,
    /// How many failed machines are kept for inspection by themselves.
    #[api(tag = 9)]
    pub auto_preserve_failed_machine_max: Option<i32>,
}

/// How the machines of a pool get updates.
#[api_type]
pub enum MachineUpdateStrategy {
    /// Replaced one after the other.
    AutoRollingUpdate,
    /// Updated in place, one after the other.
    AutoInPlaceUpdate,
    /// Updated in place, when someone picks them.
    ManualInPlaceUpdate,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// A container runtime interface that a machine image supports or a worker uses.
#[api_type]
#[api(name = "CRI")]
pub struct Cri {
    /// Name of the interface; `containerd`.
    #[api(tag = 1)]
    pub name: CriName,
    /// Further runtimes under the interface, such as gVisor.
    #[api(tag = 2, omitempty)]
    pub container_runtimes: Vec<ContainerRuntime>,
}

/// Container runtime interfaces.
#[api_type]
pub enum CriName {
    /// containerd.
    #[api(name = "containerd")]
    Containerd,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// A further container runtime of a worker pool.
#[api_type]
pub struct ContainerRuntime {
    /// Type of the runtime; an extension provides it.
    #[api(tag = 1)]
    pub type_: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
}

/// Root volume of each machine of a pool.
#[api_type]
pub struct Volume {
    /// Name of the volume.
    #[api(tag = 1)]
    pub name: Option<String>,
    /// Volume type of the profile.
    #[api(tag = 2)]
    pub type_: Option<String>,
    /// Size, such as `50Gi`.
    #[api(tag = 3)]
    pub size: String,
    /// Whether it is encrypted.
    #[api(tag = 4)]
    pub encrypted: Option<bool>,
}

/// A further volume of each machine of a pool.
#[api_type]
pub struct DataVolume {
    /// Name of the volume.
    #[api(tag = 1)]
    pub name: String,
    /// Volume type of the profile.
    #[api(tag = 2)]
    pub type_: Option<String>,
    /// Size, such as `50Gi`.
    #[api(tag = 3)]
    pub size: String,
    /// Whether it is encrypted.
    #[api(tag = 4)]
    pub encrypted: Option<bool>,
}
