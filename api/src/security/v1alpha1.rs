//! Group `security.gardener.cloud`, version `v1alpha1`: credentials of Shoots.

use apimachinery::meta::{ObjectMeta, Time};
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::core::v1::ObjectReference;

/// Makes credentials usable by Shoots of a project.
#[api_type]
#[api(
    group = "security.gardener.cloud",
    version = "v1alpha1",
    kind = "CredentialsBinding",
    namespaced,
    short = "cb"
)]
pub struct CredentialsBinding {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// Provider the credentials are for.
    #[api(tag = 2)]
    pub provider: CredentialsBindingProvider,
    /// The Secret, InternalSecret or WorkloadIdentity with the credentials.
    #[api(tag = 3)]
    pub credentials_ref: ObjectReference,
    /// Quotas that apply.
    #[api(tag = 4, omitempty)]
    pub quotas: Vec<ObjectReference>,
}

/// Provider that credentials are for.
#[api_type]
pub struct CredentialsBindingProvider {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
}

/// An identity that a cloud can trust without a shared secret.
#[api_type]
#[api(
    group = "security.gardener.cloud",
    version = "v1alpha1",
    kind = "WorkloadIdentity",
    plural = "workloadidentities",
    namespaced,
    short = "wi"
)]
pub struct WorkloadIdentity {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2)]
    pub spec: WorkloadIdentitySpec,
    /// What was observed last.
    #[api(tag = 3)]
    pub status: WorkloadIdentityStatus,
}

/// The identity wanted.
#[api_type]
pub struct WorkloadIdentitySpec {
    /// Audiences of its tokens.
    #[api(tag = 1)]
    pub audiences: Vec<String>,
    /// The system that is to trust it.
    #[api(tag = 2)]
    pub target_system: TargetSystem,
}

/// The system that is to trust the identity.
#[api_type]
pub struct TargetSystem {
    /// Type of the system.
    #[api(tag = 1)]
    pub type_: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
}

/// The identity made.
#[api_type]
pub struct WorkloadIdentityStatus {
    /// Subject of its tokens.
    #[api(tag = 1)]
    pub sub: String,
}

/// Asks for a token of a WorkloadIdentity.
#[api_type]
#[api(
    group = "security.gardener.cloud",
    version = "v1alpha1",
    kind = "TokenRequest",
    namespaced
)]
pub struct TokenRequest {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2)]
    pub spec: TokenRequestSpec,
    /// What was observed last.
    #[api(tag = 3)]
    pub status: TokenRequestStatus,
}

/// The token wanted.
#[api_type]
pub struct TokenRequestSpec {
    /// The object it is wanted for.
    #[api(tag = 1)]
    pub context_object: Option<ContextObject>,
    /// How long it is to be valid, in seconds.
    #[api(tag = 2)]
    pub expiration_seconds: Option<i64>,
}

/// The object a token is asked for.
#[api_type]
pub struct ContextObject {
    /// Kind of the object meant.
    #[api(tag = 1)]
    pub kind: String,
    /// API group and version of the object meant.
    #[api(tag = 2)]
    pub api_version: String,
    /// Its name.
    #[api(tag = 3)]
    pub name: String,
    /// Its namespace; absent where its kind has none.
    #[api(tag = 4)]
    pub namespace: Option<String>,
    /// Its identity.
    #[api(tag = 5)]
    pub uid: String,
}

/// The token made.
#[api_type]
pub struct TokenRequestStatus {
    /// The token.
    #[api(tag = 1)]
    pub token: String,
    /// When it expires.
    #[api(tag = 2)]
    pub expiration_timestamp: Option<Time>,
}
