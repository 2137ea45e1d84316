//! ExposureClass: ways to expose API servers.

use apimachinery::api_type;
use apimachinery::meta::ObjectMeta;

use super::{SeedSelector, Toleration};

/// A way to expose API servers, such as to a private network.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "ExposureClass",
    plural = "exposureclasses",
    short = "expclass, expcls"
)]
pub struct ExposureClass {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// Handler of the gardenlet that does it.
    #[api(tag = 2)]
    pub handler: String,
    /// Which Seeds can do it.
    #[api(tag = 3)]
    pub scheduling: Option<ExposureClassScheduling>,
}

/// Which Seeds can serve an exposure class.
#[api_type]
pub struct ExposureClassScheduling {
    /// Seeds that can.
    #[api(tag = 1)]
    pub seed_selector: Option<SeedSelector>,
    /// Seed taints a Shoot of the class tolerates.
    #[api(tag = 2, omitempty, patch = "merge", patch_key = "key")]
    pub tolerations: Vec<Toleration>,
}
