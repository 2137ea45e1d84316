//! Version and control plane components of a Shoot's Kubernetes.

use std::collections::BTreeMap;

use apimachinery::meta::Quantity;
use apimachinery::{Duration, RawExtension, api_type};
use k8s_openapi::api::core::v1::ObjectReference;

use super::{ClusterAutoscaler, KubeletConfig, VerticalPodAutoscaler};

/// Version and components of the shoot's Kubernetes.
#[api_type]
pub struct Kubernetes {
    /// The cluster autoscaler.
    #[api(tag = 2)]
    pub cluster_autoscaler: Option<ClusterAutoscaler>,
    /// The kube-apiserver.
    #[api(tag = 3, name = "kubeAPIServer")]
    pub kube_api_server: Option<KubeApiServerConfig>,
    /// The kube-controller-manager.
    #[api(tag = 4)]
    pub kube_controller_manager: Option<KubeControllerManagerConfig>,
    /// The kube-scheduler.
    #[api(tag = 5)]
    pub kube_scheduler: Option<KubeSchedulerConfig>,
    /// kube-proxy.
    #[api(tag = 6)]
    pub kube_proxy: Option<KubeProxyConfig>,
    /// The kubelets of all pools.
    #[api(tag = 7)]
    pub kubelet: Option<KubeletConfig>,
    /// Kubernetes version of the control plane.
    #[api(tag = 8, omitempty)]
    pub version: String,
    /// The vertical pod autoscaler.
    #[api(tag = 9)]
    pub vertical_pod_autoscaler: Option<VerticalPodAutoscaler>,
    /// The etcd clusters.
    #[api(tag = 11)]
    pub etcd: Option<Etcd>,
}

/// Settings shared by all components of Kubernetes.
#[api_type]
pub struct KubernetesConfig {
    /// Feature gates to switch on or off, by name.
    #[api(tag = 1, omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
}

/// Settings of a shoot's kube-apiserver.
#[api_type]
#[api(name = "KubeAPIServerConfig")]
pub struct KubeApiServerConfig {
    /// Feature gates.
    #[api(tag = 1, inline)]
    pub kubernetes_config: KubernetesConfig,
    /// Admission plugins besides the default ones.
    #[api(tag = 2, omitempty, patch = "merge", patch_key = "name")]
    pub admission_plugins: Vec<AdmissionPlugin>,
    /// Audiences that service account tokens are valid for.
    #[api(tag = 3, omitempty)]
    pub api_audiences: Vec<String>,
    /// What is written to the audit log.
    #[api(tag = 4)]
    pub audit_config: Option<AuditConfig>,
    /// API groups and versions to switch on or off.
    #[api(tag = 7, omitempty)]
    pub runtime_config: BTreeMap<String, bool>,
    /// Issuing of service account tokens.
    #[api(tag = 8)]
    pub service_account_config: Option<ServiceAccountConfig>,
    /// Sizes of the watch caches.
    #[api(tag = 9)]
    pub watch_cache_sizes: Option<WatchCacheSizes>,
    /// How many requests are handled at a time.
    #[api(tag = 10)]
    pub requests: Option<ApiServerRequests>,
    /// Whether requests without credentials are let in; gone from Kubernetes 1.35 on.
    #[api(tag = 11)]
    pub enable_anonymous_authentication: Option<bool>,
    /// How long events are kept.
    #[api(tag = 12, name = "eventTTL")]
    pub event_ttl: Option<Duration>,
    /// How much is logged.
    #[api(tag = 13)]
    pub logging: Option<ApiServerLogging>,
    /// How long pods stay on a node that is not ready.
    #[api(tag = 14)]
    pub default_not_ready_toleration_seconds: Option<i64>,
    /// How long pods stay on a node that is unreachable.
    #[api(tag = 15)]
    pub default_unreachable_toleration_seconds: Option<i64>,
    /// What is encrypted in etcd.
    #[api(tag = 16)]
    pub encryption_config: Option<EncryptionConfig>,
    /// Further authenticators, such as OIDC.
    #[api(tag = 17)]
    pub structured_authentication: Option<StructuredAuthentication>,
    /// Further authorizers.
    #[api(tag = 18)]
    pub structured_authorization: Option<StructuredAuthorization>,
    /// Bounds of the automatic sizing.
    #[api(tag = 19)]
    pub autoscaling: Option<ControlPlaneAutoscaling>,
    /// Lowest TLS version that clients may use.
    #[api(tag = 20)]
    pub tls_min_version: Option<String>,
}

/// An admission plugin of a kube-apiserver, switched on, off or configured.
#[api_type]
pub struct AdmissionPlugin {
    /// Name of the plugin.
    #[api(tag = 1)]
    pub name: String,
    /// Configuration of the plugin.
    #[api(tag = 2)]
    pub config: Option<RawExtension>,
    /// Switches off a plugin that is on by default.
    #[api(tag = 3)]
    pub disabled: Option<bool>,
    /// Secret with the kubeconfig the plugin uses to call out.
    #[api(tag = 4)]
    pub kubeconfig_secret_name: Option<String>,
}

/// How much an API server logs.
#[api_type]
#[api(name = "APIServerLogging")]
pub struct ApiServerLogging {
    /// Verbosity of the log (klog's `--v`).
    #[api(tag = 1)]
    pub verbosity: Option<i32>,
    /// Verbosity of the log of HTTP requests.
    #[api(tag = 2)]
    pub http_access_verbosity: Option<i32>,
}

/// How many requests an API server handles at a time.
#[api_type]
#[api(name = "APIServerRequests")]
pub struct ApiServerRequests {
    /// Most reading requests in flight.
    #[api(tag = 1)]
    pub max_non_mutating_inflight: Option<i32>,
    /// Most writing requests in flight.
    #[api(tag = 2)]
    pub max_mutating_inflight: Option<i32>,
}

/// Audit log of an API server.
#[api_type]
pub struct AuditConfig {
    /// What is logged.
    #[api(tag = 1)]
    pub audit_policy: Option<AuditPolicy>,
}

/// Where the audit policy comes from.
#[api_type]
pub struct AuditPolicy {
    /// ConfigMap with the policy under the key `policy`.
    #[api(tag = 1)]
    pub config_map_ref: Option<ObjectReference>,
}

/// What is to be encrypted in etcd, and how.
#[api_type]
pub struct EncryptionConfig {
    /// Resources to encrypt besides Secrets.
    #[api(tag = 1, omitempty)]
    pub resources: Vec<String>,
    /// Encryption to use.
    #[api(tag = 2)]
    pub provider: EncryptionProvider,
}

/// The encryption to use.
#[api_type]
pub struct EncryptionProvider {
    /// Kind of encryption.
    #[api(tag = 1)]
    pub type_: Option<EncryptionProviderType>,
}

/// Kinds of encryption of data in etcd.
#[api_type]
pub enum EncryptionProviderType {
    /// AES in CBC mode.
    #[api(name = "aescbc")]
    Aescbc,
    /// AES in Galois counter mode.
    #[api(name = "aesgcm")]
    Aesgcm,
    /// XSalsa20 and Poly1305.
    #[api(name = "secretbox")]
    Secretbox,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Issuing of service account tokens.
#[api_type]
pub struct ServiceAccountConfig {
    /// Issuer written into tokens.
    #[api(tag = 1)]
    pub issuer: Option<String>,
    /// Whether old clients get tokens that live longer.
    #[api(tag = 3)]
    pub extend_token_expiration: Option<bool>,
    /// Longest life of a token.
    #[api(tag = 4)]
    pub max_token_expiration: Option<Duration>,
    /// Further issuers whose tokens are accepted.
    #[api(tag = 5, omitempty)]
    pub accepted_issuers: Vec<String>,
}

/// Further authenticators.
#[api_type]
pub struct StructuredAuthentication {
    /// ConfigMap with the AuthenticationConfiguration under `config.yaml`.
    #[api(tag = 1)]
    pub config_map_name: String,
}

/// Further authorizers.
#[api_type]
pub struct StructuredAuthorization {
    /// ConfigMap with the AuthorizationConfiguration under `config.yaml`.
    #[api(tag = 1)]
    pub config_map_name: String,
    /// Kubeconfigs for the webhooks in it.
    #[api(tag = 2)]
    pub kubeconfigs: Vec<AuthorizerKubeconfigReference>,
}

/// Kubeconfig for one authorization webhook.
#[api_type]
pub struct AuthorizerKubeconfigReference {
    /// Name of the webhook in the authorization configuration.
    #[api(tag = 1)]
    pub authorizer_name: String,
    /// Secret with the kubeconfig under the key `kubeconfig`.
    #[api(tag = 2)]
    pub secret_name: String,
}

/// Sizes of an API server's watch caches.
#[api_type]
pub struct WatchCacheSizes {
    /// Size for resources not named.
    #[api(tag = 1)]
    pub default: Option<i32>,
    /// Sizes by resource.
    #[api(tag = 2, omitempty)]
    pub resources: Vec<ResourceWatchCacheSize>,
}

/// Size of the watch cache of one resource.
#[api_type]
pub struct ResourceWatchCacheSize {
    /// API group; the core group when absent.
    #[api(tag = 1)]
    pub api_group: Option<String>,
    /// Resource, in the plural.
    #[api(tag = 2)]
    pub resource: String,
    /// Number of objects.
    #[api(tag = 3)]
    pub size: i32,
}

/// Settings of a shoot's kube-controller-manager.
#[api_type]
pub struct KubeControllerManagerConfig {
    /// Feature gates.
    #[api(tag = 1, inline)]
    pub kubernetes_config: KubernetesConfig,
    /// Settings of the horizontal pod autoscaler.
    #[api(tag = 2)]
    pub horizontal_pod_autoscaler: Option<HorizontalPodAutoscalerConfig>,
    /// Prefix length of each node's IPv4 pod range.
    #[api(tag = 3, name = "nodeCIDRMaskSize")]
    pub node_cidr_mask_size: Option<i32>,
    /// How long pods of a failed node are left alone; ignored by current Kubernetes.
    #[api(tag = 4)]
    pub pod_eviction_timeout: Option<Duration>,
    /// Silence after which a node counts as unhealthy.
    #[api(tag = 5)]
    pub node_monitor_grace_period: Option<Duration>,
    /// Prefix length of each node's IPv6 pod range.
    #[api(tag = 6, name = "nodeCIDRMaskSizeIPv6")]
    pub node_cidr_mask_size_ipv6: Option<i32>,
}

/// Settings of the horizontal pod autoscaler.
#[api_type]
pub struct HorizontalPodAutoscalerConfig {
    /// Time after a pod's start in which its CPU samples may be ignored.
    #[api(tag = 1)]
    pub cpu_initialization_period: Option<Duration>,
    /// How far back the highest recommendation is looked for before scaling down.
    #[api(tag = 3)]
    pub downscale_stabilization: Option<Duration>,
    /// Time after a pod's start in which unreadiness counts as starting.
    #[api(tag = 4)]
    pub initial_readiness_delay: Option<Duration>,
    /// How often replicas are recomputed.
    #[api(tag = 5)]
    pub sync_period: Option<Duration>,
    /// Least relative change that leads to scaling.
    #[api(tag = 6)]
    pub tolerance: Option<f64>,
}

/// Settings of a shoot's kube-scheduler.
#[api_type]
pub struct KubeSchedulerConfig {
    /// Feature gates.
    #[api(tag = 1, inline)]
    pub kubernetes_config: KubernetesConfig,
    /// Most volumes per node; gone from Kubernetes 1.35 on.
    #[api(tag = 2, name = "kubeMaxPDVols")]
    pub kube_max_pd_vols: Option<String>,
    /// Whether pods are spread or packed.
    #[api(tag = 3)]
    pub profile: Option<SchedulingProfile>,
}

/// How the kube-scheduler places pods.
#[api_type]
pub enum SchedulingProfile {
    /// Spread over the nodes.
    #[api(name = "balanced")]
    Balanced,
    /// Packed onto few nodes.
    #[api(name = "bin-packing")]
    BinPacking,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Settings of kube-proxy.
#[api_type]
pub struct KubeProxyConfig {
    /// Feature gates.
    #[api(tag = 1, inline)]
    pub kubernetes_config: KubernetesConfig,
    /// How Services are translated.
    #[api(tag = 2)]
    pub mode: Option<ProxyMode>,
    /// Whether kube-proxy runs; a network extension may replace it.
    #[api(tag = 3)]
    pub enabled: Option<bool>,
}

/// How kube-proxy translates Services.
#[api_type]
pub enum ProxyMode {
    /// With iptables.
    #[api(name = "IPTables")]
    Iptables,
    /// With nftables.
    #[api(name = "NFTables")]
    Nftables,
    /// With IPVS.
    #[api(name = "IPVS")]
    Ipvs,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Settings of the shoot's etcd clusters.
#[api_type]
#[api(name = "ETCD")]
pub struct Etcd {
    /// The etcd of all but events.
    #[api(tag = 1)]
    pub main: Option<EtcdConfig>,
    /// The etcd of events.
    #[api(tag = 2)]
    pub events: Option<EtcdConfig>,
}

/// Settings of one etcd cluster.
#[api_type]
#[api(name = "ETCDConfig")]
pub struct EtcdConfig {
    /// Bounds of its automatic sizing.
    #[api(tag = 1)]
    pub autoscaling: Option<ControlPlaneAutoscaling>,
}

/// Bounds of a control plane component's automatic sizing.
#[api_type]
pub struct ControlPlaneAutoscaling {
    /// Least resources the component gets.
    #[api(tag = 1)]
    pub min_allowed: BTreeMap<String, Quantity>,
}
