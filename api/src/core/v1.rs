//! Group `core.gardener.cloud`, version `v1`: ControllerDeployment in the form it is stored in.

use apimachinery::meta::{ByteString, ObjectMeta};
use apimachinery::{RawExtension, api_type};

use crate::core::v1beta1::{NamedResourceReference, OciRepository};

/// How an extension controller is installed.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1",
    kind = "ControllerDeployment",
    short = "ctrldeploy",
    categories = "all"
)]
pub struct ControllerDeployment {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// By a Helm chart.
    #[api(tag = 2)]
    pub helm: Option<HelmControllerDeployment>,
    /// Whether the pods get a kubeconfig for the garden.
    #[api(tag = 3)]
    pub inject_garden_kubeconfig: Option<bool>,
    /// Objects of the garden that the values refer to by a name.
    #[api(tag = 4, omitempty, patch = "merge", patch_key = "name")]
    pub resources: Vec<NamedResourceReference>,
}

/// Chart and values of a Helm installation.
#[api_type]
pub struct HelmControllerDeployment {
    /// The chart as a gzipped tar.
    #[api(tag = 1, omitempty)]
    pub raw_chart: ByteString,
    /// Values for the chart.
    #[api(tag = 2)]
    pub values: Option<RawExtension>,
    /// Where to pull the chart from.
    #[api(tag = 3)]
    pub oci_repository: Option<OciRepository>,
}
