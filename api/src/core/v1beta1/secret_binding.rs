//! SecretBinding and Quota: credentials and limits for Shoots of a project.

use std::collections::BTreeMap;

use apimachinery::api_type;
use apimachinery::meta::{ObjectMeta, Quantity};
use k8s_openapi::api::core::v1::{ObjectReference, SecretReference};

/// Credentials and quotas for Shoots; superseded by CredentialsBinding.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "SecretBinding",
    namespaced,
    short = "sb"
)]
pub struct SecretBinding {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// Secret with the credentials.
    #[api(tag = 2)]
    pub secret_ref: SecretReference,
    /// Quotas that apply.
    #[api(tag = 3, omitempty)]
    pub quotas: Vec<ObjectReference>,
    /// Provider the credentials are for.
    #[api(tag = 4)]
    pub provider: Option<SecretBindingProvider>,
}

/// Provider that credentials are for.
#[api_type]
pub struct SecretBindingProvider {
    /// Provider type.
    #[api(tag = 1)]
    pub type_: String,
}

/// Limit on what Shoots of a project or of some credentials may use.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "Quota",
    namespaced,
    short = "squota"
)]
pub struct Quota {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: QuotaSpec,
}

/// The limit.
#[api_type]
pub struct QuotaSpec {
    /// Days after which such Shoots are deleted.
    #[api(tag = 1)]
    pub cluster_lifetime_days: Option<i32>,
    /// Most resources of all such Shoots together.
    #[api(tag = 2)]
    pub metrics: BTreeMap<String, Quantity>,
    /// Whether it counts per project or per credentials.
    #[api(tag = 3)]
    pub scope: ObjectReference,
}
