//! The nodeless cluster that holds the garden's objects.

use apimachinery::meta::Quantity;
use apimachinery::{Duration, RawExtension, api_type};
use k8s_openapi::api::core::v1::LocalObjectReference;

use super::{DnsDomain, Gardener};
use crate::core::v1beta1::{ControlPlaneAutoscaling, MaintenanceTimeWindow};

/// The nodeless cluster that holds the garden's objects.
#[api_type]
pub struct VirtualCluster {
    /// How its control plane is run.
    pub control_plane: Option<ControlPlane>,
    /// Names of its API.
    pub dns: Dns,
    /// Its etcd clusters.
    pub etcd: Option<Etcd>,
    /// Gardener's own processes.
    pub gardener: Gardener,
    /// Its Kubernetes.
    pub kubernetes: Kubernetes,
    /// When it is maintained.
    pub maintenance: Maintenance,
    /// Its network.
    pub networking: Networking,
}

/// How the garden's control plane is run.
#[api_type]
pub struct ControlPlane {
    /// Makes it survive failures of nodes and zones.
    pub high_availability: Option<HighAvailability>,
}

/// Makes a control plane survive failures of nodes and zones.
#[api_type]
pub struct HighAvailability {}

/// Names of the garden's API.
#[api_type]
#[api(name = "DNS")]
pub struct Dns {
    /// Domains; the API is `api.<domain>` and `gardener.<domain>`.
    #[api(omitempty, min_items = 1)]
    pub domains: Vec<DnsDomain>,
}

/// The garden's etcd clusters.
#[api_type]
#[api(name = "ETCD")]
pub struct Etcd {
    /// The etcd of all but events.
    pub main: Option<EtcdMain>,
    /// The etcd of events.
    pub events: Option<EtcdEvents>,
}

/// The etcd of all but events.
#[api_type]
#[api(name = "ETCDMain")]
pub struct EtcdMain {
    /// Bounds of its automatic sizing.
    pub autoscaling: Option<ControlPlaneAutoscaling>,
    /// Where its backups go.
    pub backup: Option<Backup>,
    /// Its volumes.
    pub storage: Option<Storage>,
}

/// The etcd of events.
#[api_type]
#[api(name = "ETCDEvents")]
pub struct EtcdEvents {
    /// Bounds of its automatic sizing.
    pub autoscaling: Option<ControlPlaneAutoscaling>,
    /// Its volumes.
    pub storage: Option<Storage>,
}

/// Volumes of an etcd.
#[api_type]
pub struct Storage {
    /// Their size.
    #[api(default = r#""10Gi""#)]
    pub capacity: Option<Quantity>,
    /// Their storage class.
    pub class_name: Option<String>,
}

/// Object store for backups of the garden's etcd.
#[api_type]
pub struct Backup {
    /// Provider of the object store.
    #[api(immutable)]
    pub provider: String,
    /// Bucket; made when absent.
    #[api(immutable)]
    pub bucket_name: Option<String>,
    /// Configuration that only the extension of this type understands.
    pub provider_config: Option<RawExtension>,
    /// Region, by the provider's name.
    #[api(immutable)]
    pub region: Option<String>,
    /// The Secret with the credentials.
    pub secret_ref: LocalObjectReference,
}

/// When the garden is maintained.
#[api_type]
pub struct Maintenance {
    /// Daily window for maintenance.
    pub time_window: MaintenanceTimeWindow,
}

/// Network of the virtual garden.
#[api_type]
pub struct Networking {
    /// Ranges of Service addresses.
    #[api(min_items = 1)]
    pub services: Vec<String>,
}

/// Version and components of the garden's Kubernetes.
#[api_type]
pub struct Kubernetes {
    /// The kube-apiserver.
    #[api(name = "kubeAPIServer")]
    pub kube_api_server: Option<KubeApiServerConfig>,
    /// The kube-controller-manager.
    pub kube_controller_manager: Option<KubeControllerManagerConfig>,
    /// Kubernetes version.
    #[api(min_length = 1)]
    pub version: String,
}

/// Settings of the garden's kube-apiserver.
#[api_type]
#[api(name = "KubeAPIServerConfig")]
pub struct KubeApiServerConfig {
    /// Settings a shoot's kube-apiserver has, too.
    #[api(inline)]
    pub kube_api_server_config: crate::core::v1beta1::KubeApiServerConfig,
    /// Webhook that gets the audit log.
    pub audit_webhook: Option<AuditWebhook>,
    /// Further authenticators.
    pub authentication: Option<Authentication>,
    /// Resources kept in the etcd of events.
    #[api(name = "resourcesToStoreInETCDEvents", omitempty)]
    pub resources_to_store_in_etcd_events: Vec<GroupResource>,
    /// Its certificate for further names.
    pub sni: Option<Sni>,
}

/// Webhook that gets the audit log.
#[api_type]
pub struct AuditWebhook {
    /// Most events per call.
    #[api(minimum = 1, default = "30")]
    pub batch_max_size: Option<i32>,
    /// Secret with the kubeconfig for the webhook.
    #[api(min_length = 1)]
    pub kubeconfig_secret_name: String,
    /// Version of the events sent.
    #[api(values = "audit.k8s.io/v1", default = r#""audit.k8s.io/v1""#)]
    pub version: Option<String>,
}

/// Further authenticators.
#[api_type]
pub struct Authentication {
    /// A token webhook.
    pub webhook: Option<AuthenticationWebhook>,
}

/// Webhook that checks tokens.
#[api_type]
pub struct AuthenticationWebhook {
    /// How long an answer is kept.
    #[api(name = "cacheTTL")]
    pub cache_ttl: Option<Duration>,
    /// Secret with the kubeconfig for the webhook.
    #[api(min_length = 1)]
    pub kubeconfig_secret_name: String,
    /// Version of the requests sent.
    #[api(values = "v1alpha1, v1beta1, v1", default = r#""v1beta1""#)]
    pub version: Option<String>,
}

/// A resource.
#[api_type]
pub struct GroupResource {
    /// API group.
    #[api(min_length = 1)]
    pub group: String,
    /// Resource, in the plural.
    #[api(min_length = 1)]
    pub resource: String,
}

/// Certificate for further names of the API.
#[api_type]
#[api(name = "SNI")]
pub struct Sni {
    /// Secret with the certificate.
    #[api(min_length = 1)]
    pub secret_name: Option<String>,
    /// Names it is used for.
    #[api(omitempty)]
    pub domain_patterns: Vec<String>,
}

/// Settings of the garden's kube-controller-manager.
#[api_type]
pub struct KubeControllerManagerConfig {
    /// Settings a shoot's kube-controller-manager has, too.
    #[api(inline)]
    pub kube_controller_manager_config: crate::core::v1beta1::KubeControllerManagerConfig,
    /// Longest validity of certificates it signs.
    #[api(default = r#""48h""#)]
    pub certificate_signing_duration: Option<Duration>,
}
