//! Configuration file of gardener-controller-manager.

use std::collections::BTreeMap;

use apimachinery::meta::LabelSelector;
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::ResourceQuota;

use crate::config::{
    ClientConnectionConfiguration, ConditionThreshold, DebuggingConfiguration, LeaderElectionConfiguration,
    ServerConfiguration,
};

/// Configuration of gardener-controller-manager.
#[api_type]
#[api(
    group = "controllermanager.config.gardener.cloud",
    version = "v1alpha1",
    kind = "ControllerManagerConfiguration"
)]
pub struct ControllerManagerConfiguration {
    /// How it talks to the garden.
    pub garden_client_connection: ClientConnectionConfiguration,
    /// Its controllers.
    pub controllers: ControllerManagerControllerConfiguration,
    /// How replicas agree on the one that works.
    pub leader_election: Option<LeaderElectionConfiguration>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    pub log_level: String,
    /// Form of the log lines: `json` or `text`.
    pub log_format: String,
    /// Addresses of the process's own HTTP servers.
    pub server: ServerConfiguration,
    /// Profiling endpoints.
    pub debugging: Option<DebuggingConfiguration>,
    /// Feature gates to switch on or off, by name.
    #[api(omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
}

/// The controller of Bastions.
#[api_type]
pub struct BastionControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Age at which a Bastion is removed.
    pub max_lifetime: Option<Duration>,
}

/// The controller that approves gardenlets' certificate requests.
#[api_type]
pub struct CertificateSigningRequestControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of CloudProfiles.
#[api_type]
pub struct CloudProfileControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of ControllerDeployments.
#[api_type]
pub struct ControllerDeploymentControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that protects what ControllerDeployments refer to.
#[api_type]
pub struct ControllerDeploymentReferenceControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controllers of gardener-controller-manager.
#[api_type]
pub struct ControllerManagerControllerConfiguration {
    /// The controller of Bastions.
    pub bastion: Option<BastionControllerConfiguration>,
    /// The controller that approves gardenlets' certificate requests.
    pub certificate_signing_request: Option<CertificateSigningRequestControllerConfiguration>,
    /// The controller of CloudProfiles.
    pub cloud_profile: Option<CloudProfileControllerConfiguration>,
    /// The controller of NamespacedCloudProfiles.
    pub namespaced_cloud_profile: Option<NamespacedCloudProfileControllerConfiguration>,
    /// The controller of ControllerDeployments.
    pub controller_deployment: Option<ControllerDeploymentControllerConfiguration>,
    /// The controller that protects what ControllerDeployments refer to.
    pub controller_deployment_reference: Option<ControllerDeploymentReferenceControllerConfiguration>,
    /// The controllers that install extensions on seeds.
    pub controller_registration: Option<ControllerRegistrationControllerConfiguration>,
    /// The controller that removes old events.
    pub event: Option<EventControllerConfiguration>,
    /// The controller of ExposureClasses.
    pub exposure_class: Option<ExposureClassControllerConfiguration>,
    /// The controllers of Projects.
    pub project: Option<ProjectControllerConfiguration>,
    /// The controller of Quotas.
    pub quota: Option<QuotaControllerConfiguration>,
    /// The controller of SecretBindings.
    pub secret_binding: Option<SecretBindingControllerConfiguration>,
    /// The controller of CredentialsBindings.
    pub credentials_binding: Option<CredentialsBindingControllerConfiguration>,
    /// The controllers of Seeds.
    pub seed: Option<SeedControllerConfiguration>,
    /// The controller that watches the extensions of Seeds.
    pub seed_extensions_check: Option<SeedExtensionsCheckControllerConfiguration>,
    /// The controller that watches the backup buckets of Seeds.
    pub seed_backup_buckets_check: Option<SeedBackupBucketsCheckControllerConfiguration>,
    /// The controller that protects what Seeds refer to.
    pub seed_reference: Option<SeedReferenceControllerConfiguration>,
    /// The controller of maintenance.
    pub shoot_maintenance: ShootMaintenanceControllerConfiguration,
    /// The controller that ends Shoots whose time is up.
    pub shoot_quota: Option<ShootQuotaControllerConfiguration>,
    /// The controller of hibernation schedules.
    pub shoot_hibernation: ShootHibernationControllerConfiguration,
    /// The controller that protects what Shoots refer to.
    pub shoot_reference: Option<ShootReferenceControllerConfiguration>,
    /// The controller that retries failed Shoots.
    pub shoot_retry: Option<ShootRetryControllerConfiguration>,
    /// The controller that shows the state of a seed on the Shoot it runs on.
    pub shoot_conditions: Option<ShootConditionsControllerConfiguration>,
    /// The controller of the label that sums up a Shoot's state.
    pub shoot_status_label: Option<ShootStatusLabelControllerConfiguration>,
    /// The controller of moves to another seed.
    pub shoot_migration: Option<ShootMigrationControllerConfiguration>,
    /// The controller of ManagedSeedSets.
    pub managed_seed_set: Option<ManagedSeedSetControllerConfiguration>,
    /// The controller of ShootStates.
    pub shoot_state: Option<ShootStateControllerConfiguration>,
    /// How long the first fill of the caches may take.
    pub cache_sync_timeout: Option<Duration>,
}

/// The controllers that install extensions on seeds.
#[api_type]
pub struct ControllerRegistrationControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of CredentialsBindings.
#[api_type]
pub struct CredentialsBindingControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that removes old events.
#[api_type]
pub struct EventControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Age at which events of other kinds than Shoots are removed.
    pub ttl_non_shoot_events: Option<Duration>,
}

/// The controller of ExposureClasses.
#[api_type]
pub struct ExposureClassControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of ManagedSeedSets.
#[api_type]
pub struct ManagedSeedSetControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often a failed Shoot is retried before it is replaced.
    pub max_shoot_retries: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Duration,
}

/// The controller of NamespacedCloudProfiles.
#[api_type]
pub struct NamespacedCloudProfileControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controllers of Projects.
#[api_type]
pub struct ProjectControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Days in which a project does not count as unused.
    pub minimum_lifetime_days: Option<i32>,
    /// Quotas of projects.
    #[api(omitempty)]
    pub quotas: Vec<QuotaConfiguration>,
    /// Days without use after which a project counts as unused.
    pub stale_grace_period_days: Option<i32>,
    /// Days after which an unused project is deleted.
    pub stale_expiration_time_days: Option<i32>,
    /// How often use is looked at.
    pub stale_sync_period: Option<Duration>,
}

/// Quota of projects.
#[api_type]
pub struct QuotaConfiguration {
    /// The quota.
    pub config: ResourceQuota,
    /// Projects that get it; all when absent.
    pub project_selector: Option<LabelSelector>,
}

/// The controller of Quotas.
#[api_type]
pub struct QuotaControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of SecretBindings.
#[api_type]
pub struct SecretBindingControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that watches the backup buckets of Seeds.
#[api_type]
pub struct SeedBackupBucketsCheckControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How long a failing condition stays `Progressing` before it becomes `False`.
    #[api(omitempty)]
    pub condition_thresholds: Vec<ConditionThreshold>,
}

/// The controllers of Seeds.
#[api_type]
pub struct SeedControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Age of a lease from which a Seed counts as lost.
    pub monitor_period: Option<Duration>,
    /// Time after which the Shoots of a lost Seed are marked unknown.
    pub shoot_monitor_period: Option<Duration>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// The controller that watches the extensions of Seeds.
#[api_type]
pub struct SeedExtensionsCheckControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How long a failing condition stays `Progressing` before it becomes `False`.
    #[api(omitempty)]
    pub condition_thresholds: Vec<ConditionThreshold>,
}

/// The controller that protects what Seeds refer to.
#[api_type]
pub struct SeedReferenceControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that shows the state of a seed on the Shoot it runs on.
#[api_type]
pub struct ShootConditionsControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of hibernation schedules.
#[api_type]
pub struct ShootHibernationControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How late a missed schedule is still acted on.
    pub trigger_deadline_duration: Option<Duration>,
}

/// The controller of maintenance.
#[api_type]
pub struct ShootMaintenanceControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Whether control planes are restarted in the window.
    pub enable_shoot_control_plane_restarter: Option<bool>,
    /// Whether core addons are restarted in the window.
    pub enable_shoot_core_addon_restarter: Option<bool>,
}

/// The controller of moves to another seed.
#[api_type]
pub struct ShootMigrationControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that ends Shoots whose time is up.
#[api_type]
pub struct ShootQuotaControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// The controller that protects what Shoots refer to.
#[api_type]
pub struct ShootReferenceControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that retries failed Shoots.
#[api_type]
pub struct ShootRetryControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Time after which a Shoot is retried.
    pub retry_period: Option<Duration>,
    /// Longest random delay of a retry.
    pub retry_jitter_period: Option<Duration>,
}

/// The controller of ShootStates.
#[api_type]
pub struct ShootStateControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of the label that sums up a Shoot's state.
#[api_type]
pub struct ShootStatusLabelControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}
