//! Types of conditions, and reasons that others rely on.

/// The API server answers.
pub const SHOOT_API_SERVER_AVAILABLE: &str = "APIServerAvailable";
/// The control plane's pods and extensions are healthy.
pub const SHOOT_CONTROL_PLANE_HEALTHY: &str = "ControlPlaneHealthy";
/// The observability tools are healthy.
pub const SHOOT_OBSERVABILITY_COMPONENTS_HEALTHY: &str = "ObservabilityComponentsHealthy";
/// Every node is ready.
pub const SHOOT_EVERY_NODE_READY: &str = "EveryNodeReady";
/// The system components in the shoot are healthy.
pub const SHOOT_SYSTEM_COMPONENTS_HEALTHY: &str = "SystemComponentsHealthy";
/// Nothing in the shoot keeps it from sleeping.
pub const SHOOT_HIBERNATION_POSSIBLE: &str = "HibernationPossible";
/// Nothing in the shoot keeps it from being maintained.
pub const SHOOT_MAINTENANCE_PRECONDITIONS_SATISFIED: &str = "MaintenancePreconditionsSatisfied";
/// No certificate authority expires soon.
pub const SHOOT_CA_CERTIFICATE_VALIDITIES_ACCEPTABLE: &str = "CACertificateValiditiesAcceptable";
/// No CRD depends on a webhook inside the shoot for stored versions.
pub const SHOOT_CRDS_WITH_PROBLEMATIC_CONVERSION_WEBHOOKS: &str = "CRDsWithProblematicConversionWebhooks";
/// ManagedResources of the shoot are left alone.
pub const SHOOT_HAS_IGNORED_MANAGED_RESOURCES: &str = "HasIgnoredManagedResources";
/// gardenlet renews its lease.
pub const SEED_GARDENLET_READY: &str = "GardenletReady";
/// The seed's system components are healthy.
pub const SEED_SYSTEM_COMPONENTS_HEALTHY: &str = "SeedSystemComponentsHealthy";
/// The seed's backup buckets are usable.
pub const SEED_BACKUP_BUCKETS_READY: &str = "BackupBucketsReady";
/// The extensions on the seed are installed and healthy.
pub const SEED_EXTENSIONS_READY: &str = "ExtensionsReady";
/// No Shoot of the seed is reconciled.
pub const SEED_EMERGENCY_STOP_SHOOT_RECONCILIATIONS: &str = "EmergencyStopShootReconciliations";
/// The registration can be installed.
pub const CONTROLLER_INSTALLATION_VALID: &str = "Valid";
/// The extension is installed.
pub const CONTROLLER_INSTALLATION_INSTALLED: &str = "Installed";
/// The extension is healthy.
pub const CONTROLLER_INSTALLATION_HEALTHY: &str = "Healthy";
/// The extension is being rolled out.
pub const CONTROLLER_INSTALLATION_PROGRESSING: &str = "Progressing";
/// Something on the seed needs the extension.
pub const CONTROLLER_INSTALLATION_REQUIRED: &str = "Required";
/// The garden's parts in the runtime cluster are healthy.
pub const GARDEN_RUNTIME_COMPONENTS_HEALTHY: &str = "RuntimeComponentsHealthy";
/// The garden's control plane is healthy.
pub const GARDEN_VIRTUAL_COMPONENTS_HEALTHY: &str = "VirtualComponentsHealthy";
/// The garden's API server answers.
pub const GARDEN_API_SERVER_AVAILABLE: &str = "VirtualGardenAPIServerAvailable";
/// All objects of the ManagedResource are applied.
pub const MANAGED_RESOURCE_APPLIED: &str = "ResourcesApplied";
/// All objects of the ManagedResource are healthy.
pub const MANAGED_RESOURCE_HEALTHY: &str = "ResourcesHealthy";
/// Objects of the ManagedResource are being rolled out.
pub const MANAGED_RESOURCE_PROGRESSING: &str = "ResourcesProgressing";
/// The condition could not be checked.
pub const REASON_CONDITION_CHECK_ERROR: &str = "ConditionCheckError";
/// The ManagedResource lacks a condition.
pub const REASON_MANAGED_RESOURCE_MISSING_CONDITION: &str = "MissingManagedResourceCondition";
/// The status describes an older generation.
pub const REASON_OUTDATED_STATUS: &str = "OutdatedStatus";
/// All objects were applied.
pub const REASON_APPLY_SUCCEEDED: &str = "ApplySucceeded";
/// An object could not be applied.
pub const REASON_APPLY_FAILED: &str = "ApplyFailed";
/// An object could not be read.
pub const REASON_DECODING_FAILED: &str = "DecodingFailed";
/// Objects are being applied.
pub const REASON_APPLY_PROGRESSING: &str = "ApplyProgressing";
/// An object could not be deleted.
pub const REASON_DELETION_FAILED: &str = "DeletionFailed";
/// It is waited for objects to go.
pub const REASON_DELETION_PENDING: &str = "DeletionPending";
/// No seed fits.
pub const REASON_SCHEDULING_FAILED: &str = "SchedulingFailed";
/// A seed was found.
pub const REASON_SCHEDULING_SUCCESSFUL: &str = "SchedulingSuccessful";
/// The etcd cluster serves.
pub const ETCD_READY: &str = "Ready";
/// All members of the etcd cluster serve.
pub const ETCD_ALL_MEMBERS_READY: &str = "AllMembersReady";
/// All members of the etcd cluster are of the wanted revision.
pub const ETCD_ALL_MEMBERS_UPDATED: &str = "AllMembersUpdated";
/// The backups of the etcd cluster are up to date.
pub const ETCD_BACKUP_READY: &str = "BackupReady";
/// The volumes of the etcd cluster are fine.
pub const ETCD_DATA_VOLUMES_READY: &str = "DataVolumesReady";
