//! Backups of an etcd cluster.

use apimachinery::meta::Quantity;
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::{ResourceRequirements, SecretReference};

use super::TlsConfig;

/// Backups of an etcd cluster.
#[api_type]
pub struct BackupSpec {
    /// Port of the backup sidecar.
    pub port: Option<i32>,
    /// Certificates of the backup sidecar.
    pub tls: Option<TlsConfig>,
    /// Image of the backup sidecar.
    pub image: Option<String>,
    /// Object store for snapshots; none are made when absent.
    pub store: Option<StoreSpec>,
    /// Resources of the backup sidecar.
    pub resources: Option<ResourceRequirements>,
    /// Compaction of snapshots.
    pub snapshot_compaction: Option<SnapshotCompactionSpec>,
    /// When full snapshots are taken, as cron expression.
    pub full_snapshot_schedule: Option<String>,
    /// Which old snapshots are removed.
    pub garbage_collection_policy: Option<GarbageCollectionPolicy>,
    /// How many snapshots the policy `LimitBased` keeps.
    #[api(name = "maxBackupsLimitBasedGC")]
    pub max_backups_limit_based_gc: Option<i32>,
    /// How often old snapshots are looked for.
    pub garbage_collection_period: Option<Duration>,
    /// How often changes are saved.
    pub delta_snapshot_period: Option<Duration>,
    /// Size of unsaved changes that leads to an early save.
    pub delta_snapshot_memory_limit: Option<Quantity>,
    /// How long saved changes are kept after the next full snapshot.
    pub delta_snapshot_retention_period: Option<Duration>,
    /// Compression of snapshots.
    pub compression: Option<CompressionSpec>,
    /// Whether the sidecar has profiling endpoints.
    pub enable_profiling: Option<bool>,
    /// How long a snapshot may take.
    pub etcd_snapshot_timeout: Option<Duration>,
    /// How the sidecars agree on the one that saves.
    pub leader_election: Option<LeaderElectionSpec>,
}

/// An object store.
#[api_type]
pub struct StoreSpec {
    /// Bucket.
    #[api(pattern = "^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$", max_length = 63)]
    pub container: Option<String>,
    /// Address of the store, where it is not the provider's own.
    pub endpoint_override: Option<String>,
    /// Start of the objects' names.
    pub prefix: String,
    /// Kind of store.
    pub provider: Option<String>,
    /// Secret with the store's credentials.
    pub secret_ref: Option<SecretReference>,
}

/// Which old snapshots are removed.
#[api_type]
pub enum GarbageCollectionPolicy {
    /// The older, the fewer are kept.
    Exponential,
    /// All above a number.
    LimitBased,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Compression of snapshots.
#[api_type]
pub struct CompressionSpec {
    /// Whether this is switched on.
    pub enabled: Option<bool>,
    /// How they are compressed.
    pub policy: Option<CompressionPolicy>,
}

/// How snapshots are compressed.
#[api_type]
pub enum CompressionPolicy {
    /// With gzip.
    #[api(name = "gzip")]
    Gzip,
    /// With LZW.
    #[api(name = "lzw")]
    Lzw,
    /// With zlib.
    #[api(name = "zlib")]
    Zlib,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// How backup sidecars agree on the one that saves.
#[api_type]
pub struct LeaderElectionSpec {
    /// How often it is decided anew.
    pub reelection_period: Option<Duration>,
    /// How long the connection to etcd may take.
    pub etcd_connection_timeout: Option<Duration>,
}

/// Compaction of snapshots.
#[api_type]
pub struct SnapshotCompactionSpec {
    /// Resources of the compaction's pod.
    pub resources: Option<ResourceRequirements>,
    /// Number of saved changes that leads to a compaction.
    pub events_threshold: Option<i64>,
    /// Number of saved changes that leads to a full snapshot instead.
    pub trigger_full_snapshot_threshold: Option<i64>,
}
