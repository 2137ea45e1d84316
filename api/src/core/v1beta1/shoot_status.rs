//! Status of a Shoot.

use apimachinery::api_type;
use apimachinery::meta::Time;

use super::{Condition, EncryptionProviderType, Gardener, LastError, LastOperation, LastOperationState};

/// The cluster as it is.
#[api_type]
pub struct ShootStatus {
    /// Current conditions, one per type.
    #[api(tag = 1, omitempty, patch = "merge", patch_key = "type")]
    pub conditions: Vec<Condition>,
    /// What is possible now, one per type, such as `HibernationPossible`.
    #[api(tag = 2, omitempty, patch = "merge", patch_key = "type")]
    pub constraints: Vec<Condition>,
    /// The gardenlet that worked on it last.
    #[api(tag = 3)]
    pub gardener: Gardener,
    /// Whether it sleeps.
    #[api(tag = 4)]
    pub hibernated: bool,
    /// What was done last, and how far it got.
    #[api(tag = 5)]
    pub last_operation: Option<LastOperation>,
    /// Why the last operation failed, one per task.
    #[api(tag = 6, omitempty)]
    pub last_errors: Vec<LastError>,
    /// Generation of the spec that this status describes.
    #[api(tag = 7, omitempty)]
    pub observed_generation: i64,
    /// Since when the current operation is retried.
    #[api(tag = 8)]
    pub retry_cycle_start_time: Option<Time>,
    /// Seed that runs the control plane.
    #[api(tag = 9)]
    pub seed_name: Option<String>,
    /// Name of the control plane's namespace in the seed.
    #[api(tag = 10, name = "technicalID")]
    pub technical_id: String,
    /// Identity of the shoot, also after a move to another garden.
    #[api(tag = 11)]
    pub uid: String,
    /// Identity of the cluster, unique everywhere.
    #[api(tag = 12)]
    pub cluster_identity: Option<String>,
    /// Addresses of the API server.
    #[api(tag = 13, omitempty, patch = "merge", patch_key = "name")]
    pub advertised_addresses: Vec<ShootAdvertisedAddress>,
    /// When the move to another seed began.
    #[api(tag = 14)]
    pub migration_start_time: Option<Time>,
    /// Its credentials and their rotation.
    #[api(tag = 15)]
    pub credentials: Option<ShootCredentials>,
    /// When a hibernation schedule last acted.
    #[api(tag = 16)]
    pub last_hibernation_trigger_time: Option<Time>,
    /// Last maintenance, and how it ended.
    #[api(tag = 17)]
    pub last_maintenance: Option<LastMaintenance>,
    /// Networks in use.
    #[api(tag = 19)]
    pub networking: Option<NetworkingStatus>,
    /// Progress of updates in place.
    #[api(tag = 20)]
    pub in_place_updates: Option<InPlaceUpdatesStatus>,
    /// Progress of replacements of machines on request.
    #[api(tag = 21)]
    pub manual_worker_pool_rollout: Option<ManualWorkerPoolRollout>,
    /// Progress of a move to another seed without downtime.
    #[api(tag = 22)]
    pub live_migration: Option<LiveMigration>,
}

/// An address of the shoot's API server.
#[api_type]
pub struct ShootAdvertisedAddress {
    /// What the address is for, such as `external`.
    #[api(tag = 1)]
    pub name: String,
    /// The address.
    #[api(tag = 2)]
    pub url: String,
    /// Application behind the address, where it is not the API server.
    #[api(tag = 3)]
    pub application: Option<String>,
}

/// Credentials of the shoot.
#[api_type]
pub struct ShootCredentials {
    /// Their rotation.
    #[api(tag = 1)]
    pub rotation: Option<ShootCredentialsRotation>,
    /// What is encrypted in etcd, and how.
    #[api(tag = 2)]
    pub encryption_at_rest: Option<EncryptionAtRest>,
}

/// Rotation of the shoot's credentials.
#[api_type]
pub struct ShootCredentialsRotation {
    /// The certificate authorities.
    #[api(tag = 1)]
    pub certificate_authorities: Option<CaRotation>,
    /// SSH key of the nodes.
    #[api(tag = 3)]
    pub ssh_keypair: Option<ShootSshKeypairRotation>,
    /// Credentials of the observability tools.
    #[api(tag = 4)]
    pub observability: Option<ObservabilityRotation>,
    /// Key that signs service account tokens.
    #[api(tag = 5)]
    pub service_account_key: Option<ServiceAccountKeyRotation>,
    /// Key that encrypts Secrets in etcd.
    #[api(tag = 6)]
    pub etcd_encryption_key: Option<EtcdEncryptionKeyRotation>,
}

/// What is encrypted in etcd now, and how.
#[api_type]
pub struct EncryptionAtRest {
    /// Resources encrypted besides Secrets.
    #[api(tag = 1, omitempty)]
    pub resources: Vec<String>,
    /// Encryption in use.
    #[api(tag = 2)]
    pub provider: EncryptionProviderStatus,
}

/// The encryption in use.
#[api_type]
pub struct EncryptionProviderStatus {
    /// Kind of encryption.
    #[api(tag = 1)]
    pub type_: EncryptionProviderType,
}

/// Phases of a rotation.
#[api_type]
pub enum CredentialsRotationPhase {
    /// The new credentials are being added.
    Preparing,
    /// The new credentials are being added, machines left alone.
    PreparingWithoutWorkersRollout,
    /// The new credentials are there; machines still have to be replaced.
    WaitingForWorkersRollout,
    /// Old and new credentials are both valid.
    Prepared,
    /// The old credentials are being removed.
    Completing,
    /// Only the new credentials are valid.
    Completed,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Rotation of the certificate authorities.
#[api_type]
#[api(name = "CARotation")]
pub struct CaRotation {
    /// How far the rotation is.
    #[api(tag = 1)]
    pub phase: CredentialsRotationPhase,
    /// When the rotation was last completed.
    #[api(tag = 2)]
    pub last_completion_time: Option<Time>,
    /// When the rotation was last started.
    #[api(tag = 3)]
    pub last_initiation_time: Option<Time>,
    /// When the first half of the rotation was last done.
    #[api(tag = 4)]
    pub last_initiation_finished_time: Option<Time>,
    /// When the second half of the rotation was last started.
    #[api(tag = 5)]
    pub last_completion_triggered_time: Option<Time>,
    /// Worker pools whose machines still have to be replaced for the rotation.
    #[api(tag = 6, omitempty)]
    pub pending_workers_rollouts: Vec<PendingWorkersRollout>,
}

/// Rotation of the key that signs service account tokens.
#[api_type]
pub struct ServiceAccountKeyRotation {
    /// How far the rotation is.
    #[api(tag = 1)]
    pub phase: CredentialsRotationPhase,
    /// When the rotation was last completed.
    #[api(tag = 2)]
    pub last_completion_time: Option<Time>,
    /// When the rotation was last started.
    #[api(tag = 3)]
    pub last_initiation_time: Option<Time>,
    /// When the first half of the rotation was last done.
    #[api(tag = 4)]
    pub last_initiation_finished_time: Option<Time>,
    /// When the second half of the rotation was last started.
    #[api(tag = 5)]
    pub last_completion_triggered_time: Option<Time>,
    /// Worker pools whose machines still have to be replaced for the rotation.
    #[api(tag = 6, omitempty)]
    pub pending_workers_rollouts: Vec<PendingWorkersRollout>,
}

/// Rotation of the key that encrypts Secrets in etcd.
#[api_type]
#[api(name = "ETCDEncryptionKeyRotation")]
pub struct EtcdEncryptionKeyRotation {
    /// How far the rotation is.
    #[api(tag = 1)]
    pub phase: CredentialsRotationPhase,
    /// When the rotation was last completed.
    #[api(tag = 2)]
    pub last_completion_time: Option<Time>,
    /// When the rotation was last started.
    #[api(tag = 3)]
    pub last_initiation_time: Option<Time>,
    /// When the first half of the rotation was last done.
    #[api(tag = 4)]
    pub last_initiation_finished_time: Option<Time>,
    /// When the second half of the rotation was last started.
    #[api(tag = 5)]
    pub last_completion_triggered_time: Option<Time>,
    /// Whether the second half follows by itself.
    #[api(tag = 6)]
    pub auto_complete_after_prepared: Option<bool>,
}

/// Rotation of the credentials of the observability tools.
#[api_type]
pub struct ObservabilityRotation {
    /// When the rotation was last started.
    #[api(tag = 1)]
    pub last_initiation_time: Option<Time>,
    /// When the rotation was last completed.
    #[api(tag = 2)]
    pub last_completion_time: Option<Time>,
}

/// Rotation of the SSH key of the nodes.
#[api_type]
#[api(name = "ShootSSHKeypairRotation")]
pub struct ShootSshKeypairRotation {
    /// When the rotation was last started.
    #[api(tag = 1)]
    pub last_initiation_time: Option<Time>,
    /// When the rotation was last completed.
    #[api(tag = 2)]
    pub last_completion_time: Option<Time>,
}

/// Rotation of the static kubeconfig; no longer used.
#[api_type]
pub struct ShootKubeconfigRotation {
    /// When the rotation was last started.
    #[api(tag = 1)]
    pub last_initiation_time: Option<Time>,
    /// When the rotation was last completed.
    #[api(tag = 2)]
    pub last_completion_time: Option<Time>,
}

/// A pool whose machines are still to be replaced.
#[api_type]
pub struct PendingWorkersRollout {
    /// Name of the pool.
    #[api(tag = 1)]
    pub name: String,
    /// When the replacement was started.
    #[api(tag = 2)]
    pub last_initiation_time: Option<Time>,
}

/// The last maintenance, and how it ended.
#[api_type]
pub struct LastMaintenance {
    /// What was done, for people.
    #[api(tag = 1)]
    pub description: String,
    /// When it began.
    #[api(tag = 2)]
    pub triggered_time: Option<Time>,
    /// How it ended.
    #[api(tag = 3)]
    pub state: LastOperationState,
    /// Why it failed.
    #[api(tag = 4)]
    pub failure_reason: Option<String>,
}

/// Networks in use.
#[api_type]
pub struct NetworkingStatus {
    /// Ranges of pod addresses.
    #[api(tag = 1, omitempty)]
    pub pods: Vec<String>,
    /// Ranges of node addresses.
    #[api(tag = 2, omitempty)]
    pub nodes: Vec<String>,
    /// Ranges of Service addresses.
    #[api(tag = 3, omitempty)]
    pub services: Vec<String>,
    /// Addresses that traffic leaves the shoot from.
    #[api(tag = 4, name = "egressCIDRs", omitempty)]
    pub egress_cidrs: Vec<String>,
}

/// Progress of updates in place.
#[api_type]
pub struct InPlaceUpdatesStatus {
    /// Pools not yet updated.
    #[api(tag = 1)]
    pub pending_worker_updates: Option<PendingWorkerUpdates>,
}

/// Pools whose machines are still to be updated in place.
#[api_type]
pub struct PendingWorkerUpdates {
    /// Pools updated by themselves.
    #[api(tag = 1, omitempty)]
    pub auto_in_place_update: Vec<String>,
    /// Pools whose machines someone has to pick.
    #[api(tag = 2, omitempty)]
    pub manual_in_place_update: Vec<String>,
}

/// Pools whose machines are being replaced on request.
#[api_type]
pub struct ManualWorkerPoolRollout {
    /// Pools not yet done.
    #[api(tag = 1, omitempty)]
    pub pending_workers_rollouts: Vec<PendingWorkersRollout>,
}

/// State of a move to another seed without downtime.
#[api_type]
pub struct LiveMigration {
    /// Current conditions, one per type.
    #[api(tag = 1, omitempty, patch = "merge", patch_key = "type")]
    pub conditions: Vec<Condition>,
}
