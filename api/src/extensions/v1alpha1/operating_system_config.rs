//! OperatingSystemConfig: what lies and runs on a machine.

use apimachinery::api_type;
use apimachinery::meta::{ObjectMeta, Time};
use k8s_openapi::api::core::v1::SecretReference;
use serde_json::Value;

use super::{DefaultSpec, DefaultStatus};
use crate::core::v1beta1::CriName;

/// What lies and runs on the machines of a worker pool.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "OperatingSystemConfig",
    namespaced,
    short = "osc"
)]
pub struct OperatingSystemConfig {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: OperatingSystemConfigSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: OperatingSystemConfigStatus,
}

/// The configuration wanted.
#[api_type]
pub struct OperatingSystemConfigSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// The container runtime.
    #[api(name = "criConfig")]
    pub cri_config: Option<CriConfig>,
    /// Whether it is for a machine's first start or for ever after.
    pub purpose: OperatingSystemConfigPurpose,
    /// Units of systemd.
    #[api(omitempty, patch = "merge", patch_key = "name")]
    pub units: Vec<Unit>,
    /// Files.
    #[api(omitempty, patch = "merge", patch_key = "path")]
    pub files: Vec<File>,
    /// What updates in place go by.
    pub in_place_updates: Option<InPlaceUpdates>,
}

/// What an OperatingSystemConfig is for.
#[api_type]
pub enum OperatingSystemConfigPurpose {
    /// A machine's first start: it becomes user data.
    #[api(name = "provision")]
    Provision,
    /// Ever after: node-agent applies it.
    #[api(name = "reconcile")]
    Reconcile,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// What the extension made of the configuration.
#[api_type]
pub struct OperatingSystemConfigStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// Further units of systemd, for node-agent.
    #[api(omitempty, patch = "merge", patch_key = "name")]
    pub extension_units: Vec<Unit>,
    /// Further files, for node-agent.
    #[api(omitempty, patch = "merge", patch_key = "path")]
    pub extension_files: Vec<File>,
    /// Where the user data lies.
    pub cloud_config: Option<CloudConfig>,
    /// How updates in place are done.
    pub in_place_updates: Option<InPlaceUpdatesStatus>,
}

/// Where user data lies.
#[api_type]
pub struct CloudConfig {
    /// The Secret; its key is `cloud_config`.
    pub secret_ref: SecretReference,
}

/// A unit of systemd.
#[api_type]
pub struct Unit {
    /// Name of the unit.
    pub name: String,
    /// What is done with it.
    pub command: Option<UnitCommand>,
    /// Whether it starts with the machine.
    pub enable: Option<bool>,
    /// Its text; absent for a unit that the image brings.
    pub content: Option<String>,
    /// Changes to its text.
    #[api(omitempty, patch = "merge", patch_key = "name")]
    pub drop_ins: Vec<DropIn>,
    /// Files whose change restarts it.
    #[api(omitempty)]
    pub file_paths: Vec<String>,
}

/// What is done with a unit.
#[api_type]
pub enum UnitCommand {
    /// It is started.
    #[api(name = "start")]
    Start,
    /// It is started anew.
    #[api(name = "restart")]
    Restart,
    /// It is stopped.
    #[api(name = "stop")]
    Stop,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// A change to a unit's text.
#[api_type]
pub struct DropIn {
    /// Name of its file.
    pub name: String,
    /// Its text.
    pub content: String,
}

/// A file on a machine.
#[api_type]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its mode; 0644 when absent.
    #[api(format = "int32")]
    pub permissions: Option<u32>,
    /// What is in it.
    pub content: FileContent,
    /// The only machine it is for; all when absent.
    pub host_name: Option<String>,
}

/// What is in a file, by one of several ways.
#[api_type]
pub struct FileContent {
    /// The value of a Secret.
    pub secret_ref: Option<FileContentSecretRef>,
    /// Text.
    pub inline: Option<FileContentInline>,
    /// Whether the extension must not encode it on its way.
    pub transmit_unencoded: Option<bool>,
    /// A file of a container image.
    pub image_ref: Option<FileContentImageRef>,
}

/// A Secret of the object's namespace as a file's content.
#[api_type]
pub struct FileContentSecretRef {
    /// Name of the Secret.
    pub name: String,
    /// Key in it.
    pub data_key: String,
}

/// Text as a file's content.
#[api_type]
pub struct FileContentInline {
    /// How the text is encoded: not at all when empty, or `b64`.
    pub encoding: String,
    /// The text.
    pub data: String,
}

/// A file of a container image as a file's content.
#[api_type]
pub struct FileContentImageRef {
    /// The image.
    pub image: String,
    /// Path of the file in it.
    pub file_path_in_image: String,
}

/// The container runtime of a machine.
#[api_type]
#[api(name = "CRIConfig")]
pub struct CriConfig {
    /// Name of its interface.
    #[api(immutable, values = "containerd")]
    pub name: CriName,
    /// Who makes cgroups.
    pub cgroup_driver: Option<CgroupDriverName>,
    /// Settings of containerd.
    pub containerd: Option<ContainerdConfig>,
}

/// Who makes cgroups.
#[api_type]
pub enum CgroupDriverName {
    /// The runtime itself.
    #[api(name = "cgroupfs")]
    Cgroupfs,
    /// systemd.
    #[api(name = "systemd")]
    Systemd,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Settings of containerd.
#[api_type]
pub struct ContainerdConfig {
    /// Registries, and where they are really reached.
    #[api(omitempty)]
    pub registries: Vec<RegistryConfig>,
    /// Image of the container that holds a pod's network.
    pub sandbox_image: String,
    /// Changes to settings of its plugins.
    #[api(omitempty)]
    pub plugins: Vec<PluginConfig>,
}

/// A change to the settings of containerd's plugins.
#[api_type]
pub struct PluginConfig {
    /// Whether the values are set or removed; set when absent.
    pub op: Option<PluginPathOperation>,
    /// Path to the values.
    pub path: Vec<String>,
    /// The values.
    pub values: Option<Value>,
}

/// What is done with settings of a plugin.
#[api_type]
pub enum PluginPathOperation {
    /// They are set.
    #[api(name = "add")]
    Add,
    /// They are removed.
    #[api(name = "remove")]
    Remove,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// A registry, and where it is really reached.
#[api_type]
pub struct RegistryConfig {
    /// The registry as image names have it.
    pub upstream: String,
    /// Its own address.
    pub server: Option<String>,
    /// Hosts that are asked first.
    #[api(omitempty)]
    pub hosts: Vec<RegistryHost>,
    /// Whether the hosts have to answer before they are used.
    pub readiness_probe: Option<bool>,
}

/// A host that stands in for a registry.
#[api_type]
pub struct RegistryHost {
    /// Its address.
    pub url: String,
    /// What it is asked for.
    #[api(omitempty)]
    pub capabilities: Vec<RegistryCapability>,
    /// Paths of certificates it is trusted by.
    #[api(omitempty)]
    pub ca_certs: Vec<String>,
    /// Whether the path in its address replaces the API's root.
    pub override_path: Option<bool>,
}

/// What a registry is asked for.
#[api_type]
pub enum RegistryCapability {
    /// Content.
    #[api(name = "pull")]
    Pull,
    /// What a tag means.
    #[api(name = "resolve")]
    Resolve,
    /// To take content.
    #[api(name = "push")]
    Push,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// What updates of a machine in place go by.
#[api_type]
pub struct InPlaceUpdates {
    /// Version of the operating system.
    pub operating_system_version: String,
    /// Hash of what a kubelet must be emptied for.
    pub kubelet: String,
    /// When credentials were last made anew.
    pub credentials_rotation: Option<CredentialsRotation>,
}

/// How a machine is updated in place.
#[api_type]
pub struct InPlaceUpdatesStatus {
    /// How its operating system is.
    pub os_update: Option<OsUpdate>,
}

/// How an operating system is updated.
#[api_type]
#[api(name = "OSUpdate")]
pub struct OsUpdate {
    /// The program.
    pub command: String,
    /// Its arguments.
    #[api(omitempty)]
    pub args: Vec<String>,
}

/// When credentials were last made anew.
#[api_type]
pub struct CredentialsRotation {
    /// Certificate authorities.
    pub certificate_authorities: Option<CaRotation>,
    /// The key of service account tokens.
    pub service_account_key: Option<ServiceAccountKeyRotation>,
}

/// When certificate authorities were last made anew.
#[api_type]
#[api(name = "CARotation")]
pub struct CaRotation {
    /// When it began.
    pub last_initiation_time: Option<Time>,
}

/// When the key of service account tokens was last made anew.
#[api_type]
pub struct ServiceAccountKeyRotation {
    /// When it began.
    pub last_initiation_time: Option<Time>,
}
