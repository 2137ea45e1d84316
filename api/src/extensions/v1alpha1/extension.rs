//! Extension: what no other kind is for.

use apimachinery::api_type;
use apimachinery::meta::ObjectMeta;

use super::{DefaultSpec, DefaultStatus};

/// A further part of a shoot, a seed or a garden.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "Extension",
    namespaced,
    short = "ext"
)]
pub struct Extension {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ExtensionSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: ExtensionStatus,
}

/// What is wanted.
#[api_type]
pub struct ExtensionSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
}

/// State of the part.
#[api_type]
pub struct ExtensionStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
}
