//! What gardener-resource-manager reads and writes on objects.

/// Leaves an object or ManagedResource alone.
pub const RESOURCES_IGNORE: &str = "resources.gardener.cloud/ignore";
/// Leaves an object out of the health check.
pub const RESOURCES_SKIP_HEALTH_CHECK: &str = "resources.gardener.cloud/skip-health-check";
/// Recreates an object whose update is refused as invalid.
pub const RESOURCES_DELETE_ON_INVALID_UPDATE: &str = "resources.gardener.cloud/delete-on-invalid-update";
/// Keeps an object when it is no longer part of a ManagedResource.
pub const RESOURCES_KEEP_OBJECT: &str = "resources.gardener.cloud/keep-object";
/// How an object is treated; see [`RESOURCES_MODE_IGNORE`].
pub const RESOURCES_MODE: &str = "resources.gardener.cloud/mode";
/// Value of [`RESOURCES_MODE`]: the object is left alone.
pub const RESOURCES_MODE_IGNORE: &str = "Ignore";
/// Leaves the number of replicas to others.
pub const RESOURCES_PRESERVE_REPLICAS: &str = "resources.gardener.cloud/preserve-replicas";
/// Leaves requests and limits to others.
pub const RESOURCES_PRESERVE_RESOURCES: &str = "resources.gardener.cloud/preserve-resources";
/// ManagedResource that an object comes from.
pub const RESOURCES_ORIGIN: &str = "resources.gardener.cloud/origin";
/// After how long finalizers of a deleted object are removed.
pub const RESOURCES_FINALIZE_DELETION_AFTER: &str = "resources.gardener.cloud/finalize-deletion-after";
/// Label of objects that come from a ManagedResource; see [`RESOURCES_GARDENER_MANAGER`].
pub const RESOURCES_MANAGED_BY: &str = "resources.gardener.cloud/managed-by";
/// Value of [`RESOURCES_MANAGED_BY`].
pub const RESOURCES_GARDENER_MANAGER: &str = "gardener";
/// Label that tells what a Secret is for; see [`RESOURCES_PURPOSE_TOKEN_REQUESTOR`].
pub const RESOURCES_PURPOSE: &str = "resources.gardener.cloud/purpose";
/// Value of [`RESOURCES_PURPOSE`]: a token is asked for and kept in the Secret.
pub const RESOURCES_PURPOSE_TOKEN_REQUESTOR: &str = "token-requestor";
/// Label that tells for which cluster a token is asked for.
pub const RESOURCES_CLASS: &str = "resources.gardener.cloud/class";
/// Value of [`RESOURCES_CLASS`]: a shoot, or the virtual garden from its runtime cluster.
pub const RESOURCES_CLASS_SHOOT: &str = "shoot";
/// Value of [`RESOURCES_CLASS`]: the garden.
pub const RESOURCES_CLASS_GARDEN: &str = "garden";
/// Class of ManagedResources whose objects lie in the seed itself.
pub const RESOURCES_CLASS_SEED: &str = "seed";
/// Class of ManagedResources that name none.
pub const RESOURCES_DEFAULT_CLASS: &str = "resources";
/// End of keys whose value is compressed with brotli.
pub const RESOURCES_SECRET_COMPRESSION_SUFFIX: &str = ".br";
/// Service account a token is asked for.
pub const SERVICE_ACCOUNT_NAME: &str = "serviceaccount.resources.gardener.cloud/name";
/// Namespace of that service account.
pub const SERVICE_ACCOUNT_NAMESPACE: &str = "serviceaccount.resources.gardener.cloud/namespace";
/// Labels of that service account, as JSON.
pub const SERVICE_ACCOUNT_LABELS: &str = "serviceaccount.resources.gardener.cloud/labels";
/// How long the token is to be valid.
pub const SERVICE_ACCOUNT_TOKEN_EXPIRATION: &str = "serviceaccount.resources.gardener.cloud/token-expiration-duration";
/// When the token is renewed.
pub const SERVICE_ACCOUNT_TOKEN_RENEW_TIMESTAMP: &str = "serviceaccount.resources.gardener.cloud/token-renew-timestamp";
/// Adds the certificates to trust to the Secret.
pub const SERVICE_ACCOUNT_INJECT_CA_BUNDLE: &str = "serviceaccount.resources.gardener.cloud/inject-ca-bundle";
/// Secret in the target cluster that gets the token instead.
pub const TOKEN_REQUESTOR_TARGET_SECRET_NAME: &str = "token-requestor.resources.gardener.cloud/target-secret-name";
/// Namespace of that Secret.
pub const TOKEN_REQUESTOR_TARGET_SECRET_NAMESPACE: &str =
    "token-requestor.resources.gardener.cloud/target-secret-namespace";
