//! BackupBucket and BackupEntry: where backups of etcds lie.

use apimachinery::meta::ObjectMeta;
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::SecretReference;

use super::{DefaultSpec, DefaultStatus};

/// A bucket for backups of a seed's etcds.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "BackupBucket",
    short = "bb"
)]
pub struct BackupBucket {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: BackupBucketSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: BackupBucketStatus,
}

/// The bucket wanted.
#[api_type]
pub struct BackupBucketSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// Region of the provider.
    pub region: String,
    /// The Secret with the credentials.
    pub secret_ref: SecretReference,
}

/// State of the bucket.
#[api_type]
pub struct BackupBucketStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// The Secret that the extension made for those who use the bucket.
    pub generated_secret_ref: Option<SecretReference>,
}

/// The part of a bucket that belongs to one etcd.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "BackupEntry",
    plural = "backupentries",
    short = "be"
)]
pub struct BackupEntry {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: BackupEntrySpec,
    /// What was observed last.
    #[api(optional)]
    pub status: BackupEntryStatus,
}

/// The entry wanted.
#[api_type]
pub struct BackupEntrySpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// What the bucket's extension reported.
    #[api(preserve_unknown)]
    pub backup_bucket_provider_status: Option<RawExtension>,
    /// Region of the provider.
    pub region: String,
    /// Name of the bucket.
    pub bucket_name: String,
    /// The Secret with the credentials.
    pub secret_ref: SecretReference,
}

/// State of the entry.
#[api_type]
pub struct BackupEntryStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
}
