//! Seed: a cluster that runs control planes.

use std::collections::BTreeMap;

use apimachinery::meta::{ObjectMeta, Quantity, Time};
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::ObjectReference;

use super::{
    AccessRestriction, Condition, Extension, Gardener, IpFamily, LastOperation, NamedResourceReference, SeedSettings,
};

/// A cluster that runs control planes.
#[api_type]
#[api(group = "core.gardener.cloud", version = "v1beta1", kind = "Seed")]
pub struct Seed {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: SeedSpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: SeedStatus,
}

/// The seed as its gardenlet registers it.
#[api_type]
pub struct SeedSpec {
    /// Where etcd backups go; none are made when absent.
    #[api(tag = 1)]
    pub backup: Option<Backup>,
    /// DNS of the seed and its shoots.
    #[api(tag = 2)]
    pub dns: SeedDns,
    /// Networks of the seed.
    #[api(tag = 3)]
    pub networks: SeedNetworks,
    /// Cloud the seed runs on.
    #[api(tag = 4)]
    pub provider: SeedProvider,
    /// Taints that Shoots must tolerate to be put here.
    #[api(tag = 6, omitempty)]
    pub taints: Vec<SeedTaint>,
    /// Rules for volumes.
    #[api(tag = 7)]
    pub volume: Option<SeedVolume>,
    /// Further settings.
    #[api(tag = 8)]
    pub settings: Option<SeedSettings>,
    /// Ingress of the seed.
    #[api(tag = 9)]
    pub ingress: Option<Ingress>,
    /// Access restrictions that hold here.
    #[api(tag = 10, omitempty)]
    pub access_restrictions: Vec<AccessRestriction>,
    /// Extensions used on the seed itself.
    #[api(tag = 11, omitempty)]
    pub extensions: Vec<Extension>,
    /// Objects that other fields refer to by a name.
    #[api(tag = 12, omitempty)]
    pub resources: Vec<NamedResourceReference>,
}

/// Metadata and spec of a Seed to be.
#[api_type]
pub struct SeedTemplate {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: SeedSpec,
}

/// State of the seed.
#[api_type]
pub struct SeedStatus {
    /// The gardenlet responsible.
    #[api(tag = 1)]
    pub gardener: Option<Gardener>,
    /// Kubernetes version of the seed.
    #[api(tag = 2)]
    pub kubernetes_version: Option<String>,
    /// Current conditions, one per type.
    #[api(tag = 3, omitempty, patch = "merge", patch_key = "type")]
    pub conditions: Vec<Condition>,
    /// Generation of the spec that this status describes.
    #[api(tag = 4, omitempty)]
    pub observed_generation: i64,
    /// Identity of the seed, unique everywhere.
    #[api(tag = 5)]
    pub cluster_identity: Option<String>,
    /// What the seed can hold, such as `shoots`.
    #[api(tag = 6, omitempty)]
    pub capacity: BTreeMap<String, Quantity>,
    /// What of it is free to use.
    #[api(tag = 7, omitempty)]
    pub allocatable: BTreeMap<String, Quantity>,
    /// When gardenlet's certificate for the garden expires.
    #[api(tag = 8)]
    pub client_certificate_expiration_timestamp: Option<Time>,
    /// What was done last, and how far it got.
    #[api(tag = 9)]
    pub last_operation: Option<LastOperation>,
}

/// Object store for backups of etcd.
#[api_type]
pub struct Backup {
    /// Provider of the object store.
    #[api(tag = 1)]
    pub provider: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
    /// Region of the bucket; the seed's own when absent.
    #[api(tag = 3)]
    pub region: Option<String>,
    /// The Secret, InternalSecret or WorkloadIdentity with the credentials.
    #[api(tag = 5)]
    pub credentials_ref: Option<ObjectReference>,
}

/// DNS of a seed.
#[api_type]
#[api(name = "SeedDNS")]
pub struct SeedDns {
    /// Provider of the domain of the seed's ingress.
    #[api(tag = 2)]
    pub provider: Option<SeedDnsProvider>,
    /// Domain of the shoots' internal names.
    #[api(tag = 3)]
    pub internal: Option<SeedDnsProviderConfig>,
    /// Domains for Shoots without one of their own.
    #[api(tag = 4, omitempty)]
    pub defaults: Vec<SeedDnsProviderConfig>,
}

/// DNS provider of a seed.
#[api_type]
#[api(name = "SeedDNSProvider")]
pub struct SeedDnsProvider {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
    /// The Secret, InternalSecret or WorkloadIdentity with the credentials.
    #[api(tag = 5)]
    pub credentials_ref: Option<ObjectReference>,
}

/// A domain and its DNS provider.
#[api_type]
#[api(name = "SeedDNSProviderConfig")]
pub struct SeedDnsProviderConfig {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
    /// The domain.
    #[api(tag = 2)]
    pub domain: String,
    /// Hosted zone of the domain; found by the provider when absent.
    #[api(tag = 3)]
    pub zone: Option<String>,
    /// The Secret, InternalSecret or WorkloadIdentity with the credentials.
    #[api(tag = 4)]
    pub credentials_ref: ObjectReference,
}

/// Networks of a seed; no shoot's may overlap them.
#[api_type]
pub struct SeedNetworks {
    /// Range of node addresses.
    #[api(tag = 1)]
    pub nodes: Option<String>,
    /// Range of pod addresses.
    #[api(tag = 2)]
    pub pods: String,
    /// Range of Service addresses.
    #[api(tag = 3)]
    pub services: String,
    /// Ranges for Shoots that name none.
    #[api(tag = 4)]
    pub shoot_defaults: Option<ShootNetworks>,
    /// Ranges that control planes may not reach.
    #[api(tag = 5, name = "blockCIDRs", omitempty)]
    pub block_cidrs: Vec<String>,
    /// IP families in use.
    #[api(tag = 6, omitempty)]
    pub ip_families: Vec<IpFamily>,
}

/// Ranges for Shoots that name none.
#[api_type]
pub struct ShootNetworks {
    /// Range of pod addresses.
    #[api(tag = 1)]
    pub pods: Option<String>,
    /// Range of Service addresses.
    #[api(tag = 2)]
    pub services: Option<String>,
}

/// The cloud a seed runs on.
#[api_type]
pub struct SeedProvider {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
    /// Region of the seed.
    #[api(tag = 3)]
    pub region: String,
    /// Availability zones, by the provider's names.
    #[api(tag = 4, omitempty)]
    pub zones: Vec<String>,
}

/// A taint of a seed.
#[api_type]
pub struct SeedTaint {
    /// Key of the taint.
    #[api(tag = 1)]
    pub key: String,
    /// Value of the taint.
    #[api(tag = 2)]
    pub value: Option<String>,
}

/// Rules for volumes in a seed.
#[api_type]
pub struct SeedVolume {
    /// Least size of a volume; smaller ones are enlarged.
    #[api(tag = 1)]
    pub minimum_size: Option<Quantity>,
    /// Storage providers by purpose.
    #[api(tag = 2, omitempty, patch = "merge", patch_key = "name")]
    pub providers: Vec<SeedVolumeProvider>,
}

/// Storage provider for a purpose.
#[api_type]
pub struct SeedVolumeProvider {
    /// What for.
    #[api(tag = 1)]
    pub purpose: String,
    /// Name of the provider.
    #[api(tag = 2)]
    pub name: String,
}

/// Ingress of a seed.
#[api_type]
pub struct Ingress {
    /// Domain below which ingresses are named.
    #[api(
        tag = 1,
        pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length = 253
    )]
    pub domain: String,
    /// Ingress controller.
    #[api(tag = 2)]
    pub controller: IngressController,
}

/// The ingress controller of a seed.
#[api_type]
pub struct IngressController {
    /// Kind of controller; `nginx`.
    #[api(tag = 1, values = "nginx")]
    pub kind: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
}
