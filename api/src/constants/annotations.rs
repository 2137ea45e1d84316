//! Annotations of Gardener's objects: wishes for operations, confirmations, switches.

/// Asks for an operation, such as [`OPERATION_RECONCILE`](super::OPERATION_RECONCILE); removed when it is taken up.
pub const GARDENER_OPERATION: &str = "gardener.cloud/operation";
/// Stands between several operations in one annotation.
pub const GARDENER_OPERATIONS_SEPARATOR: &str = ";";
/// Asks for an operation in the next maintenance window.
pub const GARDENER_MAINTENANCE_OPERATION: &str = "maintenance.gardener.cloud/operation";
/// When an operation was asked for, so that asking twice is noticed.
pub const GARDENER_TIMESTAMP: &str = "gardener.cloud/timestamp";
/// Who created the object.
pub const GARDEN_CREATED_BY: &str = "gardener.cloud/created-by";
/// What the object is for.
pub const GARDENER_PURPOSE: &str = "gardener.cloud/purpose";
/// What the object is, for people.
pub const GARDENER_DESCRIPTION: &str = "gardener.cloud/description";
/// Something users of the object should know.
pub const GARDENER_WARNING: &str = "gardener.cloud/warning";
/// Confirms that the object may be deleted; the value is `true`.
pub const CONFIRMATION_DELETION: &str = "confirmation.gardener.cloud/deletion";
/// Confirms that a Shoot may be deleted without regard to its infrastructure.
pub const CONFIRMATION_FORCE_DELETION: &str = "confirmation.gardener.cloud/force-deletion";
/// Who confirmed the deletion.
pub const DELETION_CONFIRMED_BY: &str = "deletion.gardener.cloud/confirmed-by";
/// Identity of the shoot an object in the seed belongs to.
pub const SHOOT_UID: &str = "shoot.gardener.cloud/uid";
/// Purpose of the shoot a namespace in the seed belongs to.
pub const SHOOT_PURPOSE: &str = "shoot.gardener.cloud/purpose";
/// How often this Shoot is reconciled, where gardenlet allows it.
pub const SHOOT_SYNC_PERIOD: &str = "shoot.gardener.cloud/sync-period";
/// Keeps gardenlet from touching the Shoot.
pub const SHOOT_IGNORE: &str = "shoot.gardener.cloud/ignore";
/// Keeps an object in the shoot from being removed with the shoot.
pub const SHOOT_NO_CLEANUP: &str = "shoot.gardener.cloud/no-cleanup";
/// When the Shoot is deleted because its time is up.
pub const SHOOT_EXPIRATION_TIMESTAMP: &str = "shoot.gardener.cloud/expiration-timestamp";
/// Tasks the next reconciliation does on top, separated by commas.
pub const SHOOT_TASKS: &str = "shoot.gardener.cloud/tasks";
/// Marks a shoot whose control plane runs on its own machines.
pub const SHOOT_IS_SELF_HOSTED: &str = "shoot.gardener.cloud/self-hosted";
/// Maintenance window of the shoot an object in the seed belongs to.
pub const SHOOT_MAINTENANCE_WINDOW: &str = "shoot.gardener.cloud/maintenance-window";
/// Skips the removal of objects in the shoot when it is deleted.
pub const SHOOT_SKIP_CLEANUP: &str = "shoot.gardener.cloud/skip-cleanup";
/// Does not wait for the shoot's workload when it is reconciled.
pub const SHOOT_SKIP_READINESS: &str = "shoot.gardener.cloud/skip-readiness";
/// On a Seed: no Shoot of it is reconciled.
pub const SHOOT_EMERGENCY_STOP_RECONCILIATIONS: &str = "shoot.gardener.cloud/emergency-stop-reconciliations";
/// After how many seconds finalizers of webhooks are removed when the shoot is deleted.
pub const SHOOT_CLEANUP_WEBHOOKS_GRACE_PERIOD: &str =
    "shoot.gardener.cloud/cleanup-webhooks-finalize-grace-period-seconds";
/// After how many seconds finalizers of CRDs and APIServices are removed when the shoot is deleted.
pub const SHOOT_CLEANUP_EXTENDED_APIS_GRACE_PERIOD: &str =
    "shoot.gardener.cloud/cleanup-extended-apis-finalize-grace-period-seconds";
/// After how many seconds finalizers of other objects are removed when the shoot is deleted.
pub const SHOOT_CLEANUP_KUBERNETES_RESOURCES_GRACE_PERIOD: &str =
    "shoot.gardener.cloud/cleanup-kubernetes-resources-finalize-grace-period-seconds";
/// A failed Shoot is retried in its next maintenance window.
pub const FAILED_SHOOT_NEEDS_RETRY: &str = "maintenance.shoot.gardener.cloud/needs-retry-operation";
/// Who issues the shoot's service account tokens; [`AUTHENTICATION_ISSUER_MANAGED`] means the landscape.
pub const AUTHENTICATION_ISSUER: &str = "authentication.gardener.cloud/issuer";
/// The landscape issues the shoot's service account tokens.
pub const AUTHENTICATION_ISSUER_MANAGED: &str = "managed";
/// On a Cluster: current name of the Secret with the generic token kubeconfig.
pub const GENERIC_TOKEN_KUBECONFIG_SECRET_NAME: &str = "generic-token-kubeconfig.secret.gardener.cloud/name";
/// Deletes a BackupEntry without its grace period.
pub const BACKUP_ENTRY_FORCE_DELETION: &str = "backupentry.core.gardener.cloud/force-deletion";
/// On a ConfigMap with distances of regions: the CloudProfiles it holds for.
pub const SCHEDULING_CLOUD_PROFILES: &str = "scheduling.gardener.cloud/cloudprofiles";
/// On a project's namespace: the project never counts as unused.
pub const PROJECT_SKIP_STALE_CHECK: &str = "project.gardener.cloud/skip-stale-check";
/// On a namespace: the project it belongs to.
pub const NAMESPACE_PROJECT: &str = "namespace.gardener.cloud/project";
/// On a namespace: it outlives its project.
pub const NAMESPACE_KEEP_AFTER_PROJECT_DELETION: &str = "namespace.gardener.cloud/keep-after-project-deletion";
/// On a namespace: the project controller made it, and removes it.
pub const NAMESPACE_CREATED_BY_PROJECT_CONTROLLER: &str = "namespace.gardener.cloud/created-by-project-controller";
/// Keeps the type of a v1beta1 ControllerDeployment that version v1 cannot express.
pub const CONTROLLER_DEPLOYMENT_MIGRATION_TYPE: &str = "migration.controllerdeployment.gardener.cloud/type";
/// Keeps the configuration of a v1beta1 ControllerDeployment that version v1 cannot express.
pub const CONTROLLER_DEPLOYMENT_MIGRATION_PROVIDER_CONFIG: &str =
    "migration.controllerdeployment.gardener.cloud/providerConfig";
