//! Configuration of gardenlet's controllers.

use std::collections::BTreeMap;

use apimachinery::meta::LabelSelector;
use apimachinery::{Duration, api_type};

use crate::config::ConditionThreshold;
use crate::core::v1beta1::ShootPurpose;

/// The controller of BackupBuckets.
#[api_type]
pub struct BackupBucketControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that compacts snapshots.
#[api_type]
pub struct BackupCompactionController {
    /// How many etcds are worked on at the same time.
    pub workers: Option<i64>,
    /// Whether it runs.
    pub enable_backup_compaction: Option<bool>,
    /// Number of saved changes that leads to a compaction.
    pub events_threshold: Option<i64>,
    /// How long a compaction may take.
    pub active_deadline_duration: Option<Duration>,
    /// How long its pod waits to be scraped.
    pub metrics_scrape_wait_duration: Option<Duration>,
}

/// The controller of BackupEntries.
#[api_type]
pub struct BackupEntryControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Hours a backup is kept after its shoot is gone.
    pub deletion_grace_period_hours: Option<i32>,
    /// Purposes of shoots whose backups are kept; all when empty.
    #[api(omitempty)]
    pub deletion_grace_period_shoot_purposes: Vec<ShootPurpose>,
}

/// The controller of Bastions.
#[api_type]
pub struct BastionControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that watches the health of ControllerInstallations.
#[api_type]
pub struct ControllerInstallationCareControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// The controller of ControllerInstallations.
#[api_type]
pub struct ControllerInstallationControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that finds out which ControllerInstallations are needed.
#[api_type]
pub struct ControllerInstallationRequiredControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that watches the health of etcds.
#[api_type]
pub struct CustodianController {
    /// How many etcds are worked on at the same time.
    pub workers: Option<i64>,
}

/// How backup sidecars agree on the one that saves.
#[api_type]
#[api(name = "ETCDBackupLeaderElection")]
pub struct EtcdBackupLeaderElection {
    /// How often it is decided anew.
    pub reelection_period: Option<Duration>,
    /// How long the connection to etcd may take.
    pub etcd_connection_timeout: Option<Duration>,
}

/// Settings of the etcd controllers.
#[api_type]
#[api(name = "ETCDConfig")]
pub struct EtcdConfig {
    /// The controller of etcds.
    pub etcd_controller: Option<EtcdController>,
    /// The controller that watches the health of etcds.
    pub custodian_controller: Option<CustodianController>,
    /// The controller that compacts snapshots.
    pub backup_compaction_controller: Option<BackupCompactionController>,
    /// How backup sidecars agree on the one that saves.
    pub backup_leader_election: Option<EtcdBackupLeaderElection>,
    /// Feature gates to switch on or off, by name.
    #[api(omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
    /// How long saved changes are kept after the next full snapshot.
    pub delta_snapshot_retention_period: Option<Duration>,
}

/// The controller of etcds.
#[api_type]
#[api(name = "ETCDController")]
pub struct EtcdController {
    /// How many etcds are worked on at the same time.
    pub workers: Option<i64>,
}

/// The controllers of a gardenlet.
#[api_type]
pub struct GardenletControllerConfiguration {
    /// How long the first fill of the caches may take.
    pub cache_sync_timeout: Option<Duration>,
    /// The controller of BackupBuckets.
    pub backup_bucket: Option<BackupBucketControllerConfiguration>,
    /// The controller of BackupEntries.
    pub backup_entry: Option<BackupEntryControllerConfiguration>,
    /// The controller of Bastions.
    pub bastion: Option<BastionControllerConfiguration>,
    /// The controller of ControllerInstallations.
    pub controller_installation: Option<ControllerInstallationControllerConfiguration>,
    /// The controller that watches the health of ControllerInstallations.
    pub controller_installation_care: Option<ControllerInstallationCareControllerConfiguration>,
    /// The controller that finds out which ControllerInstallations are needed.
    pub controller_installation_required: Option<ControllerInstallationRequiredControllerConfiguration>,
    /// The controller of the gardenlet's own deployment.
    pub gardenlet: Option<GardenletObjectControllerConfiguration>,
    /// The controller of the Seed.
    pub seed: Option<SeedControllerConfiguration>,
    /// The controller that watches the health of the Seed.
    pub seed_care: Option<SeedCareControllerConfiguration>,
    /// The controller of Shoots.
    pub shoot: Option<ShootControllerConfiguration>,
    /// The controller that watches the health of Shoots.
    pub shoot_care: Option<ShootCareControllerConfiguration>,
    /// The controller that saves the state of Shoots.
    pub shoot_state: Option<ShootStateControllerConfiguration>,
    /// The controller that follows updates in place.
    pub shoot_status: Option<ShootStatusControllerConfiguration>,
    /// The controller of NetworkPolicies.
    pub network_policy: Option<NetworkPolicyControllerConfiguration>,
    /// The controller of ManagedSeeds.
    pub managed_seed: Option<ManagedSeedControllerConfiguration>,
    /// The controller that asks for service account tokens of the garden.
    pub token_requestor: Option<TokenRequestorServiceAccountControllerConfiguration>,
    /// The controller that asks for tokens of WorkloadIdentities.
    pub token_requestor_workload_identity: Option<TokenRequestorWorkloadIdentityControllerConfiguration>,
    /// The controller that keeps evictions to the maintenance window.
    pub vpa_eviction_requirements: Option<VpaEvictionRequirementsControllerConfiguration>,
}

/// The controller of the gardenlet's own deployment.
#[api_type]
pub struct GardenletObjectControllerConfiguration {
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// The controller of ManagedSeeds.
#[api_type]
pub struct ManagedSeedControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How often something waited for is looked at.
    pub wait_sync_period: Option<Duration>,
    /// Longest random delay of a sync.
    pub sync_jitter_period: Option<Duration>,
    /// Whether updates are delayed, too.
    pub jitter_updates: Option<bool>,
}

/// The controller of NetworkPolicies.
#[api_type]
pub struct NetworkPolicyControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Further namespaces it works in.
    #[api(omitempty)]
    pub additional_namespace_selectors: Vec<LabelSelector>,
}

/// The controller that watches the health of the Seed.
#[api_type]
pub struct SeedCareControllerConfiguration {
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How long a failing condition stays `Progressing` before it becomes `False`.
    #[api(omitempty)]
    pub condition_thresholds: Vec<ConditionThreshold>,
}

/// The controller of the Seed.
#[api_type]
pub struct SeedControllerConfiguration {
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How often the lease is renewed, in seconds.
    pub lease_resync_seconds: Option<i32>,
    /// How many renewals may be missed before gardenlet calls itself unhealthy.
    pub lease_resync_miss_threshold: Option<i32>,
}

/// The controller that watches the health of Shoots.
#[api_type]
pub struct ShootCareControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// What counts as outdated.
    pub stale_extension_health_checks: Option<StaleExtensionHealthChecks>,
    /// How long a ManagedResource may be progressing.
    pub managed_resource_progressing_threshold: Option<Duration>,
    /// How long a failing condition stays `Progressing` before it becomes `False`.
    #[api(omitempty)]
    pub condition_thresholds: Vec<ConditionThreshold>,
    /// Whether harmful webhooks are defused.
    pub webhook_remediator_enabled: Option<bool>,
}

/// The controller of Shoots.
#[api_type]
pub struct ShootControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often progress is written to the Shoot.
    pub progress_report_period: Option<Duration>,
    /// Whether Shoots are reconciled in their window only.
    pub reconcile_in_maintenance_only: Option<bool>,
    /// Whether Shoots may choose their sync period.
    pub respect_sync_period_overwrite: Option<bool>,
    /// How long a failed operation is retried.
    pub retry_duration: Option<Duration>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How long resolvers may keep the Shoots' records, in seconds.
    #[api(name = "dnsEntryTTLSeconds")]
    pub dns_entry_ttl_seconds: Option<i64>,
}

/// The controller that saves the state of Shoots.
#[api_type]
pub struct ShootStateControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// The controller that follows updates in place.
#[api_type]
pub struct ShootStatusControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// What of an extension counts as outdated.
#[api_type]
pub struct StaleExtensionHealthChecks {
    /// Whether this is switched on.
    pub enabled: bool,
    /// Age from which it does.
    pub threshold: Option<Duration>,
}

/// The controller that asks for service account tokens.
#[api_type]
pub struct TokenRequestorServiceAccountControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that asks for tokens of WorkloadIdentities.
#[api_type]
pub struct TokenRequestorWorkloadIdentityControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How long they are to be valid.
    pub token_expiration_duration: Option<Duration>,
}

/// The controller that keeps evictions to the maintenance window.
#[api_type]
#[api(name = "VPAEvictionRequirementsControllerConfiguration")]
pub struct VpaEvictionRequirementsControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}
