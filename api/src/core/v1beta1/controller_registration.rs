//! ControllerRegistration, ControllerDeployment, ControllerInstallation: extensions and where they are installed.

use apimachinery::meta::{ByteString, LabelSelector, ObjectMeta};
use apimachinery::{Duration, RawExtension, api_type};
use k8s_openapi::api::core::v1::{LocalObjectReference, ObjectReference};

use super::Condition;

/// An extension controller, and what it is responsible for.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "ControllerRegistration",
    short = "ctrlreg",
    categories = "all"
)]
pub struct ControllerRegistration {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: ControllerRegistrationSpec,
}

/// What the extension does.
#[api_type]
pub struct ControllerRegistrationSpec {
    /// Extension resources it is responsible for.
    #[api(tag = 1, omitempty)]
    pub resources: Vec<ControllerResource>,
    /// How it is installed.
    #[api(tag = 2)]
    pub deployment: Option<ControllerRegistrationDeployment>,
}

/// How and when the extension is installed.
#[api_type]
pub struct ControllerRegistrationDeployment {
    /// When it is installed on a seed.
    #[api(tag = 3)]
    pub policy: Option<ControllerDeploymentPolicy>,
    /// Seeds it may be installed on.
    #[api(tag = 4)]
    pub seed_selector: Option<LabelSelector>,
    /// ControllerDeployment it is installed from; at most one.
    #[api(tag = 5, omitempty)]
    pub deployment_refs: Vec<DeploymentRef>,
}

/// A ControllerDeployment by name.
#[api_type]
pub struct DeploymentRef {
    /// Its name.
    #[api(tag = 1)]
    pub name: String,
}

/// When an extension is installed on a seed.
#[api_type]
pub enum ControllerDeploymentPolicy {
    /// When something needs it.
    OnDemand,
    /// Always.
    Always,
    /// When the seed has any shoot.
    AlwaysExceptNoShoots,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// A kind and type of extension resource a controller is responsible for.
#[api_type]
pub struct ControllerResource {
    /// Kind of extension resource, such as `Infrastructure`.
    #[api(tag = 1)]
    pub kind: String,
    /// Type of the resource, such as `local`.
    #[api(tag = 2)]
    pub type_: String,
    /// How long it is waited for the resource to be ready.
    #[api(tag = 4)]
    pub reconcile_timeout: Option<Duration>,
    /// Whether this controller alone is responsible for the type; only one may be.
    #[api(tag = 5)]
    pub primary: Option<bool>,
    /// When in a shoot's flow the extension is deployed and removed.
    #[api(tag = 6)]
    pub lifecycle: Option<ControllerResourceLifecycle>,
    /// Whether workerless Shoots can use it.
    #[api(tag = 7)]
    pub workerless_supported: Option<bool>,
    /// Kinds of clusters it is on for by default.
    #[api(tag = 8, omitempty)]
    pub auto_enable: Vec<ClusterType>,
    /// Kinds of clusters it can be used on.
    #[api(tag = 9, omitempty)]
    pub cluster_compatibility: Vec<ClusterType>,
    /// Whether it follows changes of the endpoints by itself.
    #[api(tag = 10)]
    pub continuous_endpoint_update: Option<bool>,
}

/// When an extension acts, relative to the kube-apiserver.
#[api_type]
pub struct ControllerResourceLifecycle {
    /// When it is deployed.
    #[api(tag = 1)]
    pub reconcile: Option<ControllerResourceLifecycleStrategy>,
    /// When it is removed.
    #[api(tag = 2)]
    pub delete: Option<ControllerResourceLifecycleStrategy>,
    /// When it is migrated.
    #[api(tag = 3)]
    pub migrate: Option<ControllerResourceLifecycleStrategy>,
}

/// Points in a shoot's flow at which an extension acts.
#[api_type]
pub enum ControllerResourceLifecycleStrategy {
    /// Before the kube-apiserver is handled.
    #[api(name = "BeforeKubeAPIServer")]
    BeforeKubeApiServer,
    /// After the kube-apiserver was handled.
    #[api(name = "AfterKubeAPIServer")]
    AfterKubeApiServer,
    /// After the machines were handled.
    AfterWorker,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Kinds of clusters an extension can be used on.
#[api_type]
pub enum ClusterType {
    /// Shoots.
    #[api(name = "shoot")]
    Shoot,
    /// Seeds.
    #[api(name = "seed")]
    Seed,
    /// The garden's runtime cluster.
    #[api(name = "garden")]
    Garden,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// How an extension controller is installed, in the old version of the API.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "ControllerDeployment",
    short = "ctrldeploy",
    categories = "all"
)]
pub struct ControllerDeployment {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// Kind of installation; `helm`.
    #[api(tag = 2)]
    pub type_: String,
    /// The chart and its values, in the form of the type.
    #[api(tag = 3)]
    pub provider_config: RawExtension,
    /// Whether the pods get a kubeconfig for the garden.
    #[api(tag = 4)]
    pub inject_garden_kubeconfig: Option<bool>,
}

/// Chart and values of a Helm installation.
#[api_type]
pub struct HelmControllerDeployment {
    /// The chart as a gzipped tar.
    #[api(tag = 1, omitempty)]
    pub chart: ByteString,
    /// Values for the chart.
    #[api(tag = 2)]
    pub values: Option<RawExtension>,
    /// Where to pull the chart from.
    #[api(tag = 3)]
    pub oci_repository: Option<OciRepository>,
}

/// An artifact in an OCI registry.
#[api_type]
#[api(name = "OCIRepository")]
pub struct OciRepository {
    /// Whole reference; excludes repository, tag and digest.
    #[api(tag = 1)]
    pub ref_: Option<String>,
    /// Registry and repository.
    #[api(tag = 2)]
    pub repository: Option<String>,
    /// Tag.
    #[api(tag = 3)]
    pub tag: Option<String>,
    /// Digest; wins over the tag.
    #[api(tag = 4)]
    pub digest: Option<String>,
    /// Secret with the registry's credentials.
    #[api(tag = 5)]
    pub pull_secret_ref: Option<LocalObjectReference>,
    /// Secret with the certificates the registry is trusted by.
    #[api(tag = 6)]
    pub ca_bundle_secret_ref: Option<LocalObjectReference>,
}

/// An extension controller installed on one seed.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "ControllerInstallation",
    short = "ctrlinst",
    categories = "all"
)]
pub struct ControllerInstallation {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: ControllerInstallationSpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: ControllerInstallationStatus,
}

/// What is installed where.
#[api_type]
pub struct ControllerInstallationSpec {
    /// ControllerRegistration that is installed.
    #[api(tag = 1)]
    pub registration_ref: ObjectReference,
    /// Seed it is installed on.
    #[api(tag = 2)]
    pub seed_ref: Option<ObjectReference>,
    /// Self-hosted Shoot it is installed on.
    #[api(tag = 4)]
    pub shoot_ref: Option<ObjectReference>,
    /// ControllerDeployment it is installed from.
    #[api(tag = 3)]
    pub deployment_ref: Option<ObjectReference>,
    /// Resources of the garden that the installation reads.
    #[api(tag = 5, omitempty)]
    pub resource_refs: Vec<ObjectReference>,
}

/// State of the installation.
#[api_type]
pub struct ControllerInstallationStatus {
    /// Current conditions, one per type.
    #[api(tag = 1, omitempty, patch = "merge", patch_key = "type")]
    pub conditions: Vec<Condition>,
    /// State that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_status: Option<RawExtension>,
}
