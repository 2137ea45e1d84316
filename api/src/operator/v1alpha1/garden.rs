//! Garden: the central cluster of a landscape, its DNS and the cluster it runs on.

use std::collections::BTreeMap;

use apimachinery::meta::{ObjectMeta, Quantity, Time};
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::LocalObjectReference;

use super::VirtualCluster;
use crate::core::v1beta1::{
    CaRotation, Condition, CredentialsRotationPhase, EncryptionProviderType, EtcdEncryptionKeyRotation, Gardener,
    IngressController, IpFamily, LastOperation, NamedResourceReference, ObservabilityRotation,
    ServiceAccountKeyRotation,
};

/// The central cluster of a landscape.
#[api_type]
#[api(
    group = "operator.gardener.cloud",
    version = "v1alpha1",
    kind = "Garden",
    short = "grdn"
)]
pub struct Garden {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(optional)]
    pub spec: GardenSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: GardenStatus,
}

/// The garden wanted.
#[api_type]
pub struct GardenSpec {
    /// DNS providers.
    pub dns: Option<DnsManagement>,
    /// Extensions to use.
    #[api(omitempty)]
    pub extensions: Vec<GardenExtension>,
    /// The cluster that the garden's processes run on.
    pub runtime_cluster: RuntimeCluster,
    /// The nodeless cluster that holds the garden's objects.
    pub virtual_cluster: VirtualCluster,
    /// Objects that other fields refer to by a name.
    #[api(omitempty)]
    pub resources: Vec<NamedResourceReference>,
}

/// The garden as it is.
#[api_type]
pub struct GardenStatus {
    /// The operator that worked on it last.
    pub gardener: Option<Gardener>,
    /// Current conditions, one per type.
    #[api(omitempty)]
    pub conditions: Vec<Condition>,
    /// What was done last, and how far it got.
    pub last_operation: Option<LastOperation>,
    /// Generation of the spec that this status describes.
    #[api(omitempty)]
    pub observed_generation: i64,
    /// Its credentials and their rotation.
    pub credentials: Option<Credentials>,
    /// Addresses of its API and tools.
    #[api(omitempty)]
    pub advertised_addresses: Vec<AdvertisedAddress>,
}

/// An address of the garden.
#[api_type]
pub struct AdvertisedAddress {
    /// What the address is for, such as `virtual-garden`.
    #[api(tag = 1)]
    pub name: String,
    /// The address.
    #[api(tag = 2)]
    pub url: String,
}

/// DNS providers of the garden.
#[api_type]
#[api(name = "DNSManagement")]
pub struct DnsManagement {
    /// The providers.
    #[api(min_items = 1)]
    pub providers: Vec<DnsProvider>,
}

/// A DNS provider of the garden.
#[api_type]
#[api(name = "DNSProvider")]
pub struct DnsProvider {
    /// Name that domains refer to.
    #[api(min_length = 1)]
    pub name: String,
    /// Type of the extension.
    #[api(min_length = 1)]
    pub type_: String,
    /// Configuration that only the extension of this type understands.
    pub provider_config: Option<RawExtension>,
    /// The Secret with the credentials.
    pub secret_ref: LocalObjectReference,
}

/// A domain of the garden.
#[api_type]
#[api(name = "DNSDomain")]
pub struct DnsDomain {
    /// The domain.
    #[api(min_length = 1)]
    pub name: String,
    /// DNS provider, by its name in the Garden; records are not made when absent.
    pub provider: Option<String>,
}

/// An extension used on the garden.
#[api_type]
pub struct GardenExtension {
    /// Type of the extension.
    #[api(min_length = 1)]
    pub type_: String,
    /// Configuration that only the extension of this type understands.
    pub provider_config: Option<RawExtension>,
}

/// The cluster that the garden's processes run on.
#[api_type]
pub struct RuntimeCluster {
    /// Its ingress.
    pub ingress: Ingress,
    /// Its networks.
    pub networking: RuntimeNetworking,
    /// Where it runs.
    pub provider: Provider,
    /// Further settings.
    pub settings: Option<Settings>,
    /// Rules for volumes.
    pub volume: Option<Volume>,
}

/// Ingress of the garden.
#[api_type]
pub struct Ingress {
    /// Domains below which ingresses are named.
    #[api(omitempty, min_items = 1)]
    pub domains: Vec<DnsDomain>,
    /// Ingress controller.
    pub controller: IngressController,
}

/// Networks of the runtime cluster.
#[api_type]
pub struct RuntimeNetworking {
    /// IP families in use.
    #[api(omitempty)]
    pub ip_families: Vec<IpFamily>,
    /// Ranges of node addresses.
    #[api(omitempty)]
    pub nodes: Vec<String>,
    /// Ranges of pod addresses.
    #[api(min_items = 1)]
    pub pods: Vec<String>,
    /// Ranges of Service addresses.
    #[api(min_items = 1)]
    pub services: Vec<String>,
    /// Ranges that the garden's processes may not reach.
    #[api(name = "blockCIDRs", omitempty)]
    pub block_cidrs: Vec<String>,
}

/// Where the runtime cluster runs.
#[api_type]
pub struct Provider {
    /// Region, by the provider's name.
    pub region: Option<String>,
    /// Availability zones, by the provider's names.
    #[api(omitempty)]
    pub zones: Vec<String>,
}

/// Settings of the runtime cluster.
#[api_type]
pub struct Settings {
    /// Its load balancers.
    pub load_balancer_services: Option<SettingLoadBalancerServices>,
    /// Its vertical pod autoscaler.
    pub vertical_pod_autoscaler: Option<SettingVerticalPodAutoscaler>,
    /// Whether traffic stays in its zone.
    pub topology_aware_routing: Option<SettingTopologyAwareRouting>,
    /// Whether full volumes grow.
    pub persistent_volume_claim_autoscaler: Option<SettingPersistentVolumeClaimAutoscaler>,
}

/// Settings of load balancers.
#[api_type]
pub struct SettingLoadBalancerServices {
    /// Annotations to set.
    #[api(omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Whether clients' addresses are kept (`Local`) or not (`Cluster`).
    pub external_traffic_policy: Option<String>,
    /// Whether the PROXY protocol may be spoken.
    pub proxy_protocol: Option<LoadBalancerServicesProxyProtocol>,
}

/// Whether load balancers may speak the PROXY protocol.
#[api_type]
pub struct LoadBalancerServicesProxyProtocol {
    /// Whether they may.
    pub allowed: bool,
}

/// Vertical pod autoscaler of the runtime cluster.
#[api_type]
pub struct SettingVerticalPodAutoscaler {
    /// Whether this is switched on.
    #[api(default = "true")]
    pub enabled: Option<bool>,
    /// Feature gates to switch on or off, by name.
    #[api(omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
    /// Most resources a pod is given.
    #[api(omitempty)]
    pub max_allowed: BTreeMap<String, Quantity>,
}

/// Routing that prefers the own zone.
#[api_type]
pub struct SettingTopologyAwareRouting {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// Growing of volumes that fill up.
#[api_type]
pub struct SettingPersistentVolumeClaimAutoscaler {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// Rules for volumes.
#[api_type]
pub struct Volume {
    /// Least size of a volume; smaller ones are enlarged.
    pub minimum_size: Option<Quantity>,
}

/// Credentials of the garden.
#[api_type]
pub struct Credentials {
    /// Their rotation.
    pub rotation: Option<CredentialsRotation>,
    /// What is encrypted in etcd, and how.
    pub encryption_at_rest: Option<EncryptionAtRest>,
}

/// Rotation of the garden's credentials.
#[api_type]
pub struct CredentialsRotation {
    /// The certificate authorities.
    pub certificate_authorities: Option<CaRotation>,
    /// Key that signs service account tokens.
    pub service_account_key: Option<ServiceAccountKeyRotation>,
    /// Key that encrypts Secrets in etcd.
    pub etcd_encryption_key: Option<EtcdEncryptionKeyRotation>,
    /// Credentials of the observability tools.
    pub observability: Option<ObservabilityRotation>,
    /// Key that signs workload identity tokens.
    pub workload_identity_key: Option<WorkloadIdentityKeyRotation>,
}

/// Rotation of the key that signs workload identity tokens.
#[api_type]
pub struct WorkloadIdentityKeyRotation {
    /// How far the rotation is.
    pub phase: CredentialsRotationPhase,
    /// When the rotation was last completed.
    pub last_completion_time: Option<Time>,
    /// When the rotation was last started.
    pub last_initiation_time: Option<Time>,
    /// When the first half of the rotation was last done.
    pub last_initiation_finished_time: Option<Time>,
    /// When the second half of the rotation was last started.
    pub last_completion_triggered_time: Option<Time>,
}

/// What is encrypted in etcd now, and how.
#[api_type]
pub struct EncryptionAtRest {
    /// Resources encrypted besides Secrets.
    #[api(omitempty)]
    pub resources: Vec<String>,
    /// Encryption in use.
    pub provider: EncryptionProviderStatus,
}

/// The encryption in use.
#[api_type]
pub struct EncryptionProviderStatus {
    /// Kind of encryption.
    pub type_: EncryptionProviderType,
}
