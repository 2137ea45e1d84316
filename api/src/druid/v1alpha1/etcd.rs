//! Etcd: an etcd cluster, and the settings of its processes.

use std::collections::BTreeMap;

use apimachinery::meta::{LabelSelector, ObjectMeta, Quantity};
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, TopologySpreadConstraint};

use super::{BackupSpec, EtcdStatus};

/// An etcd cluster.
#[api_type]
#[api(group = "druid.gardener.cloud", version = "v1alpha1", kind = "Etcd", namespaced)]
pub struct Etcd {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(optional)]
    pub spec: EtcdSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: EtcdStatus,
}

/// The cluster wanted.
#[api_type]
pub struct EtcdSpec {
    /// Start of the members' names; the cluster's name when absent.
    #[api(immutable, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length = 63)]
    pub member_name_prefix: Option<String>,
    /// Labels that select the cluster's pods.
    pub selector: Option<LabelSelector>,
    /// Labels of the cluster's pods.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the cluster's pods.
    #[api(omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Settings of the etcd processes.
    pub etcd: EtcdConfig,
    /// Backups.
    pub backup: BackupSpec,
    /// Settings that etcd and backups share.
    #[api(optional)]
    pub shared_config: SharedConfig,
    /// Where the pods may run.
    #[api(optional)]
    pub scheduling_constraints: SchedulingConstraints,
    /// Number of members; 0 puts the cluster to sleep.
    pub replicas: i32,
    /// Priority class of the pods.
    pub priority_class_name: Option<String>,
    /// Storage class of the volumes.
    #[api(immutable)]
    pub storage_class: Option<String>,
    /// Size of the volumes.
    pub storage_capacity: Option<Quantity>,
    /// Name of the claims' template.
    #[api(immutable)]
    pub volume_claim_template: Option<String>,
    /// Whether the pods run as root.
    pub run_as_root: Option<bool>,
}

/// Settings of the etcd processes.
#[api_type]
pub struct EtcdConfig {
    /// Most space the database may take.
    pub quota: Option<Quantity>,
    /// How many changes are kept in memory before they are written down.
    pub snapshot_count: Option<i64>,
    /// Whether the HTTP gateway to the API is on.
    #[api(name = "enableGRPCGateway")]
    pub enable_grpc_gateway: Option<bool>,
    /// When the database is defragmented, as cron expression.
    pub defragmentation_schedule: Option<String>,
    /// Port for peers.
    pub server_port: Option<i32>,
    /// Port for clients.
    pub client_port: Option<i32>,
    /// Port of the process that starts etcd.
    pub wrapper_port: Option<i32>,
    /// Image of etcd.
    pub image: Option<String>,
    /// Secret with user and password.
    pub auth_secret_ref: Option<k8s_openapi::api::core::v1::SecretReference>,
    /// How many metrics there are.
    pub metrics: Option<MetricsLevel>,
    /// Resources of the etcd processes.
    pub resources: Option<ResourceRequirements>,
    /// Certificates towards clients; plain HTTP when absent.
    pub client_url_tls: Option<TlsConfig>,
    /// Further addresses of the members for peers.
    #[api(name = "additionalAdvertisePeerURLs", omitempty, max_items = 10)]
    pub additional_advertise_peer_urls: Vec<MemberPeerUrls>,
    /// Certificates towards peers; plain HTTP when absent.
    pub peer_url_tls: Option<PeerTlsConfig>,
    /// How long a defragmentation may take.
    pub etcd_defrag_timeout: Option<Duration>,
    /// How often the leader shows that it is there.
    pub heartbeat_duration: Option<Duration>,
    /// The Service that clients use.
    pub client_service: Option<ClientService>,
    /// How the database keeps track of free pages.
    pub backend_bbolt_freelist_type: Option<BboltFreelistType>,
    /// A running cluster to join instead of forming one.
    pub bootstrap_with_existing_cluster: Option<BootstrapWithExistingCluster>,
}

/// How many metrics etcd has.
#[api_type]
pub enum MetricsLevel {
    /// The basic ones.
    #[api(name = "basic")]
    Basic,
    /// All, with histograms.
    #[api(name = "extensive")]
    Extensive,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// How etcd's database keeps track of free pages.
#[api_type]
pub enum BboltFreelistType {
    /// In an array.
    #[api(name = "array")]
    Array,
    /// In a map; faster for large databases.
    #[api(name = "map")]
    Map,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// The Service that clients use.
#[api_type]
pub struct ClientService {
    /// Annotations of the Service.
    #[api(omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Labels of the Service.
    #[api(omitempty)]
    pub labels: BTreeMap<String, String>,
    /// Which endpoints are preferred.
    #[api(values = "PreferSameZone, PreferSameNode, PreferClose")]
    pub traffic_distribution: Option<String>,
}

/// Further addresses of one member.
#[api_type]
#[api(name = "MemberPeerURLs")]
pub struct MemberPeerUrls {
    /// Name of the member.
    #[api(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?-[0-9]+$", max_length = 253)]
    pub member_name: String,
    /// The addresses.
    #[api(list = "set", min_items = 1, max_items = 5)]
    pub urls: Vec<String>,
}

/// A running cluster to join instead of forming one.
#[api_type]
pub struct BootstrapWithExistingCluster {
    /// Its members.
    #[api(list = "atomic", min_items = 1, max_items = 10)]
    pub members: Vec<BootstrapExistingMember>,
    /// Where clients reach it.
    #[api(list = "set", min_items = 1, max_items = 10)]
    pub client_endpoints: Vec<String>,
}

/// A member of the cluster to join.
#[api_type]
pub struct BootstrapExistingMember {
    /// Name of the member.
    #[api(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length = 1, max_length = 253)]
    pub name: String,
    /// Where its peers reach it.
    #[api(list = "set", min_items = 1, max_items = 5)]
    pub peer_urls: Vec<String>,
}

/// Settings that etcd and backups share.
#[api_type]
pub struct SharedConfig {
    /// By what old revisions are compacted.
    pub auto_compaction_mode: Option<CompactionMode>,
    /// How much of them is kept.
    pub auto_compaction_retention: Option<String>,
}

/// By what old revisions of keys are compacted.
#[api_type]
pub enum CompactionMode {
    /// By their age.
    #[api(name = "periodic")]
    Periodic,
    /// By their number.
    #[api(name = "revision")]
    Revision,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Where the pods may run.
#[api_type]
pub struct SchedulingConstraints {
    /// Affinity of the pods.
    pub affinity: Option<Affinity>,
    /// How the pods are spread.
    #[api(omitempty)]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
}

/// Certificates of etcd and its clients.
#[api_type]
#[api(name = "TLSConfig")]
pub struct TlsConfig {
    /// Secret with the certificate authority.
    #[api(name = "tlsCASecretRef")]
    pub tls_ca_secret_ref: SecretReference,
    /// Secret with the server's certificate and key.
    #[api(name = "serverTLSSecretRef")]
    pub server_tls_secret_ref: k8s_openapi::api::core::v1::SecretReference,
    /// Secret with a client's certificate and key.
    #[api(name = "clientTLSSecretRef", optional)]
    pub client_tls_secret_ref: k8s_openapi::api::core::v1::SecretReference,
}

/// Certificates towards peers.
#[api_type]
#[api(name = "PeerTLSConfig")]
pub struct PeerTlsConfig {
    /// The certificates.
    #[api(inline)]
    pub tls_config: TlsConfig,
    /// Whether a peer's address need not be in its certificate.
    #[api(name = "skipClientSANVerification")]
    pub skip_client_san_verification: Option<bool>,
}

/// A Secret, and a key in it.
#[api_type]
pub struct SecretReference {
    /// The Secret.
    #[api(inline)]
    pub secret_reference: k8s_openapi::api::core::v1::SecretReference,
    /// The key.
    pub data_key: Option<String>,
}
