//! Group `authentication.gardener.cloud`, version `v1alpha1`: bodies of the Shoot's kubeconfig subresources. Never stored.

use apimachinery::api_type;
use apimachinery::meta::{ByteString, ObjectMeta, Time};

/// Asks for a kubeconfig with which a Shoot can be administered.
#[api_type]
#[api(
    group = "authentication.gardener.cloud",
    version = "v1alpha1",
    kind = "AdminKubeconfigRequest",
    namespaced
)]
pub struct AdminKubeconfigRequest {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2)]
    pub spec: AdminKubeconfigRequestSpec,
    /// What was observed last.
    #[api(tag = 3)]
    pub status: AdminKubeconfigRequestStatus,
}

/// The kubeconfig wanted.
#[api_type]
pub struct AdminKubeconfigRequestSpec {
    /// How long it is to be valid, in seconds; an hour when absent.
    #[api(tag = 1)]
    pub expiration_seconds: Option<i64>,
}

/// The kubeconfig made.
#[api_type]
pub struct AdminKubeconfigRequestStatus {
    /// The kubeconfig.
    #[api(tag = 1)]
    pub kubeconfig: ByteString,
    /// When it expires.
    #[api(tag = 2)]
    pub expiration_timestamp: Option<Time>,
}

/// Asks for a kubeconfig with which a Shoot can be read.
#[api_type]
#[api(
    group = "authentication.gardener.cloud",
    version = "v1alpha1",
    kind = "ViewerKubeconfigRequest",
    namespaced
)]
pub struct ViewerKubeconfigRequest {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2)]
    pub spec: ViewerKubeconfigRequestSpec,
    /// What was observed last.
    #[api(tag = 3)]
    pub status: ViewerKubeconfigRequestStatus,
}

/// The kubeconfig wanted.
#[api_type]
pub struct ViewerKubeconfigRequestSpec {
    /// How long it is to be valid, in seconds; an hour when absent.
    #[api(tag = 1)]
    pub expiration_seconds: Option<i64>,
}

/// The kubeconfig made.
#[api_type]
pub struct ViewerKubeconfigRequestStatus {
    /// The kubeconfig.
    #[api(tag = 1)]
    pub kubeconfig: ByteString,
    /// When it expires.
    #[api(tag = 2)]
    pub expiration_timestamp: Option<Time>,
}
