//! Settings of a Shoot's kubelets.

use apimachinery::meta::Quantity;
use apimachinery::{Duration, api_type};

use super::KubernetesConfig;

/// Settings of the kubelets.
#[api_type]
pub struct KubeletConfig {
    /// Feature gates.
    #[api(tag = 1, inline)]
    pub kubernetes_config: KubernetesConfig,
    /// Whether CPU limits are enforced.
    #[api(tag = 2, name = "cpuCFSQuota")]
    pub cpu_cfs_quota: Option<bool>,
    /// How CPUs are assigned: `none` or `static`.
    #[api(tag = 3)]
    pub cpu_manager_policy: Option<String>,
    /// Thresholds that evict pods at once.
    #[api(tag = 4)]
    pub eviction_hard: Option<KubeletConfigEviction>,
    /// Longest time to end for pods evicted by a soft threshold, in seconds.
    #[api(tag = 5)]
    pub eviction_max_pod_grace_period: Option<i32>,
    /// How much is freed at least when pods are evicted.
    #[api(tag = 6)]
    pub eviction_minimum_reclaim: Option<KubeletConfigEvictionMinimumReclaim>,
    /// How long pressure must be gone before the node says so.
    #[api(tag = 7)]
    pub eviction_pressure_transition_period: Option<Duration>,
    /// Thresholds that evict pods after a grace period.
    #[api(tag = 8)]
    pub eviction_soft: Option<KubeletConfigEviction>,
    /// How long a soft threshold may be crossed.
    #[api(tag = 9)]
    pub eviction_soft_grace_period: Option<KubeletConfigEvictionSoftGracePeriod>,
    /// Most pods per node.
    #[api(tag = 10)]
    pub max_pods: Option<i32>,
    /// Most processes per pod.
    #[api(tag = 11)]
    pub pod_pids_limit: Option<i64>,
    /// Whether the kubelet refuses to start where swap is on.
    #[api(tag = 13)]
    pub fail_swap_on: Option<bool>,
    /// Resources kept for Kubernetes and the system.
    #[api(tag = 14)]
    pub kube_reserved: Option<KubeletConfigReserved>,
    /// Disk usage that starts the removal of images.
    #[api(tag = 16, name = "imageGCHighThresholdPercent")]
    pub image_gc_high_threshold_percent: Option<i32>,
    /// Disk usage that ends the removal of images.
    #[api(tag = 17, name = "imageGCLowThresholdPercent")]
    pub image_gc_low_threshold_percent: Option<i32>,
    /// Whether images are pulled one at a time.
    #[api(tag = 18)]
    pub serialize_image_pulls: Option<bool>,
    /// Most image pulls per second.
    #[api(tag = 19, name = "registryPullQPS")]
    pub registry_pull_qps: Option<i32>,
    /// Most image pulls at once.
    #[api(tag = 20)]
    pub registry_burst: Option<i32>,
    /// Whether pods get the runtime's seccomp profile by default.
    #[api(tag = 21)]
    pub seccomp_default: Option<bool>,
    /// Size at which a container's log is rotated.
    #[api(tag = 22)]
    pub container_log_max_size: Option<Quantity>,
    /// How many log files a container keeps.
    #[api(tag = 23)]
    pub container_log_max_files: Option<i32>,
    /// Whether the kubelet refuses kernel settings other than it expects.
    #[api(tag = 24)]
    pub protect_kernel_defaults: Option<bool>,
    /// How long an idle exec or attach stays open.
    #[api(tag = 25)]
    pub streaming_connection_idle_timeout: Option<Duration>,
    /// How pods use swap.
    #[api(tag = 26)]
    pub memory_swap: Option<MemorySwapConfiguration>,
    /// Most images pulled at the same time.
    #[api(tag = 27)]
    pub max_parallel_image_pulls: Option<i32>,
    /// Age below which unused images are kept.
    #[api(tag = 28, name = "imageMinimumGCAge")]
    pub image_minimum_gc_age: Option<Duration>,
    /// Age above which unused images are removed.
    #[api(tag = 29, name = "imageMaximumGCAge")]
    pub image_maximum_gc_age: Option<Duration>,
    /// Whether only the process that ran out of memory is killed, not its container.
    #[api(tag = 30, name = "singleProcessOOMKill")]
    pub single_process_oom_kill: Option<bool>,
    /// When a pod must prove that it may use an image already there.
    #[api(tag = 31)]
    pub image_pull_credentials_verification_policy: Option<ImagePullCredentialsVerificationPolicy>,
    /// Images exempt from that proof.
    #[api(tag = 32, omitempty)]
    pub preloaded_images_verification_allowlist: Vec<String>,
}

/// Thresholds of eviction, each a quantity or a percentage.
#[api_type]
pub struct KubeletConfigEviction {
    /// Free memory.
    #[api(tag = 1)]
    pub memory_available: Option<String>,
    /// Free space for images.
    #[api(tag = 2, name = "imageFSAvailable")]
    pub image_fs_available: Option<String>,
    /// Free inodes for images.
    #[api(tag = 3, name = "imageFSInodesFree")]
    pub image_fs_inodes_free: Option<String>,
    /// Free space of the node.
    #[api(tag = 4, name = "nodeFSAvailable")]
    pub node_fs_available: Option<String>,
    /// Free inodes of the node.
    #[api(tag = 5, name = "nodeFSInodesFree")]
    pub node_fs_inodes_free: Option<String>,
}

/// How much an eviction frees at least.
#[api_type]
pub struct KubeletConfigEvictionMinimumReclaim {
    /// Memory.
    #[api(tag = 1)]
    pub memory_available: Option<Quantity>,
    /// Space for images.
    #[api(tag = 2, name = "imageFSAvailable")]
    pub image_fs_available: Option<Quantity>,
    /// Inodes for images.
    #[api(tag = 3, name = "imageFSInodesFree")]
    pub image_fs_inodes_free: Option<Quantity>,
    /// Space of the node.
    #[api(tag = 4, name = "nodeFSAvailable")]
    pub node_fs_available: Option<Quantity>,
    /// Inodes of the node.
    #[api(tag = 5, name = "nodeFSInodesFree")]
    pub node_fs_inodes_free: Option<Quantity>,
}

/// How long each soft threshold may be crossed.
#[api_type]
pub struct KubeletConfigEvictionSoftGracePeriod {
    /// For memory.
    #[api(tag = 1)]
    pub memory_available: Option<Duration>,
    /// For the space for images.
    #[api(tag = 2, name = "imageFSAvailable")]
    pub image_fs_available: Option<Duration>,
    /// For the inodes for images.
    #[api(tag = 3, name = "imageFSInodesFree")]
    pub image_fs_inodes_free: Option<Duration>,
    /// For the space of the node.
    #[api(tag = 4, name = "nodeFSAvailable")]
    pub node_fs_available: Option<Duration>,
    /// For the inodes of the node.
    #[api(tag = 5, name = "nodeFSInodesFree")]
    pub node_fs_inodes_free: Option<Duration>,
}

/// Resources of a node kept from pods.
#[api_type]
pub struct KubeletConfigReserved {
    /// CPU.
    #[api(tag = 1)]
    pub cpu: Option<Quantity>,
    /// Memory.
    #[api(tag = 2)]
    pub memory: Option<Quantity>,
    /// Local storage.
    #[api(tag = 3)]
    pub ephemeral_storage: Option<Quantity>,
    /// Processes.
    #[api(tag = 4)]
    pub pid: Option<Quantity>,
}

/// How pods use swap.
#[api_type]
pub struct MemorySwapConfiguration {
    /// How much of it.
    #[api(tag = 1)]
    pub swap_behavior: Option<SwapBehavior>,
}

/// How pods use swap.
#[api_type]
pub enum SwapBehavior {
    /// Not at all.
    NoSwap,
    /// In proportion to their memory request.
    LimitedSwap,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// When a pod must prove that it may use an image already on its node.
#[api_type]
pub enum ImagePullCredentialsVerificationPolicy {
    /// Never.
    NeverVerify,
    /// Unless the image came with the machine.
    NeverVerifyPreloadedImages,
    /// Unless the image is on the allow list.
    NeverVerifyAllowlistedImages,
    /// Always.
    AlwaysVerify,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}
