//! BackupBucket and BackupEntry: where etcd backups lie.

use apimachinery::meta::{ObjectMeta, Time};
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::{ObjectReference, SecretReference};

use super::{LastError, LastOperation};

/// A bucket that holds etcd backups, one per seed or self-hosted shoot.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "BackupBucket",
    short = "bbc",
    categories = "all"
)]
pub struct BackupBucket {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2)]
    pub spec: BackupBucketSpec,
    /// What was observed last.
    #[api(tag = 3)]
    pub status: BackupBucketStatus,
}

/// The bucket wanted.
#[api_type]
pub struct BackupBucketSpec {
    /// Provider and place of the bucket.
    #[api(tag = 1)]
    pub provider: BackupBucketProvider,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
    /// Seed whose gardenlet makes the bucket.
    #[api(tag = 4)]
    pub seed_name: Option<String>,
    /// The Secret, InternalSecret or WorkloadIdentity with the credentials.
    #[api(tag = 5)]
    pub credentials_ref: Option<ObjectReference>,
    /// The self-hosted Shoot this belongs to.
    #[api(tag = 6)]
    pub shoot_ref: Option<ObjectReference>,
}

/// Provider and place of a bucket.
#[api_type]
pub struct BackupBucketProvider {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
    /// Region of the bucket.
    #[api(tag = 2)]
    pub region: String,
}

/// State of the bucket.
#[api_type]
pub struct BackupBucketStatus {
    /// State that only the extension of this type understands.
    #[api(tag = 1)]
    pub provider_status: Option<RawExtension>,
    /// What was done last, and how far it got.
    #[api(tag = 2)]
    pub last_operation: Option<LastOperation>,
    /// Why the last operation failed; absent when it did not.
    #[api(tag = 3)]
    pub last_error: Option<LastError>,
    /// Generation of the spec that this status describes.
    #[api(tag = 4, omitempty)]
    pub observed_generation: i64,
    /// Secret with credentials the extension made for the bucket.
    #[api(tag = 5)]
    pub generated_secret_ref: Option<SecretReference>,
}

/// The place of one shoot's backups inside a bucket.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "BackupEntry",
    plural = "backupentries",
    namespaced,
    short = "bec",
    categories = "all"
)]
pub struct BackupEntry {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: BackupEntrySpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: BackupEntryStatus,
}

/// The backup entry wanted.
#[api_type]
pub struct BackupEntrySpec {
    /// BackupBucket the entry lies in.
    #[api(tag = 1)]
    pub bucket_name: String,
    /// Name of the Seed responsible.
    #[api(tag = 2)]
    pub seed_name: Option<String>,
    /// The self-hosted Shoot this belongs to.
    #[api(tag = 3)]
    pub shoot_ref: Option<ObjectReference>,
}

/// State of the backup entry.
#[api_type]
pub struct BackupEntryStatus {
    /// What was done last, and how far it got.
    #[api(tag = 1)]
    pub last_operation: Option<LastOperation>,
    /// Why the last operation failed; absent when it did not.
    #[api(tag = 2)]
    pub last_error: Option<LastError>,
    /// Generation of the spec that this status describes.
    #[api(tag = 3, omitempty)]
    pub observed_generation: i64,
    /// Seed that has taken the entry over.
    #[api(tag = 4)]
    pub seed_name: Option<String>,
    /// When the move to another seed began.
    #[api(tag = 5)]
    pub migration_start_time: Option<Time>,
}
