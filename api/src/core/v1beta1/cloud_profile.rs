//! CloudProfile: what a cloud offers. NamespacedCloudProfile: a project's variation of it.

use std::collections::BTreeMap;

use apimachinery::json::Fields;
use apimachinery::meta::{ObjectMeta, Quantity, Time};
use apimachinery::{Duration, RawExtension, api_type};
use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::{AccessRestriction, CloudProfileReference, Cri, SeedSelector};

/// What a cloud offers: versions, images, machine types, regions.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "CloudProfile",
    short = "cprofile, cpfl"
)]
pub struct CloudProfile {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: CloudProfileSpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: CloudProfileStatus,
}

/// The cloud's offer.
#[api_type]
pub struct CloudProfileSpec {
    /// Certificates every machine of this cloud trusts, as PEM.
    #[api(tag = 1)]
    pub ca_bundle: Option<String>,
    /// Kubernetes versions on offer.
    #[api(tag = 2)]
    pub kubernetes: KubernetesSettings,
    /// Machine images on offer.
    #[api(tag = 3, patch = "merge", patch_key = "name")]
    pub machine_images: Vec<MachineImage>,
    /// Machine types on offer.
    #[api(tag = 4, patch = "merge", patch_key = "name")]
    pub machine_types: Vec<MachineType>,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 5)]
    pub provider_config: Option<RawExtension>,
    /// Regions on offer.
    #[api(tag = 6, patch = "merge", patch_key = "name")]
    pub regions: Vec<Region>,
    /// Seeds that may host Shoots of this profile.
    #[api(tag = 7)]
    pub seed_selector: Option<SeedSelector>,
    /// Provider type.
    #[api(tag = 8)]
    pub type_: String,
    /// Volume types on offer.
    #[api(tag = 9, omitempty, patch = "merge", patch_key = "name")]
    pub volume_types: Vec<VolumeType>,
    /// Machine used for bastions.
    #[api(tag = 10)]
    pub bastion: Option<Bastion>,
    /// Upper bounds for Shoots of this profile.
    #[api(tag = 11)]
    pub limits: Option<Limits>,
    /// Capabilities that machine types and images declare.
    #[api(tag = 12, omitempty)]
    pub machine_capabilities: Vec<CapabilityDefinition>,
    /// What Shoots may choose about their control plane.
    #[api(tag = 13)]
    pub control_plane: Option<CloudProfileControlPlane>,
}

/// State of the offer.
#[api_type]
pub struct CloudProfileStatus {
    /// Current classification of the Kubernetes versions.
    #[api(tag = 1)]
    pub kubernetes: Option<KubernetesStatus>,
    /// Current classification of the image versions.
    #[api(tag = 2, omitempty)]
    pub machine_images: Vec<MachineImageStatus>,
}

/// Kubernetes versions on offer.
#[api_type]
pub struct KubernetesSettings {
    /// The versions.
    #[api(tag = 1, omitempty, patch = "merge", patch_key = "version")]
    pub versions: Vec<ExpirableVersion>,
}

/// Where the Kubernetes versions stand.
#[api_type]
pub struct KubernetesStatus {
    /// The versions with their stage.
    #[api(tag = 1, omitempty)]
    pub versions: Vec<ExpirableVersionStatus>,
}

/// A version on offer, and how long.
#[api_type]
pub struct ExpirableVersion {
    /// The version.
    #[api(tag = 1)]
    pub version: String,
    /// When it is no longer supported.
    #[api(tag = 2)]
    pub expiration_date: Option<Time>,
    /// Maturity; superseded by `lifecycle`.
    #[api(tag = 3)]
    pub classification: Option<VersionClassification>,
    /// When the version enters which stage.
    #[api(tag = 4, omitempty)]
    pub lifecycle: Vec<LifecycleStage>,
}

/// Where a version stands now.
#[api_type]
pub struct ExpirableVersionStatus {
    /// The version.
    #[api(tag = 1)]
    pub version: String,
    /// Its stage.
    #[api(tag = 2)]
    pub classification: VersionClassification,
}

/// Stages in the life of a version.
#[api_type]
pub enum VersionClassification {
    /// Not yet on offer.
    #[api(name = "unavailable")]
    Unavailable,
    /// On offer for tests.
    #[api(name = "preview")]
    Preview,
    /// On offer for all.
    #[api(name = "supported")]
    Supported,
    /// On offer, but about to go.
    #[api(name = "deprecated")]
    Deprecated,
    /// No longer on offer.
    #[api(name = "expired")]
    Expired,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// When a version enters a stage.
#[api_type]
pub struct LifecycleStage {
    /// The stage.
    #[api(tag = 1)]
    pub classification: VersionClassification,
    /// When it begins; at once when absent.
    #[api(tag = 2)]
    pub start_time: Option<Time>,
}

/// A machine image on offer.
#[api_type]
pub struct MachineImage {
    /// Name of the image.
    #[api(tag = 1)]
    pub name: String,
    /// Its versions.
    #[api(tag = 2, patch = "merge", patch_key = "version")]
    pub versions: Vec<MachineImageVersion>,
    /// To which newer version expired ones are updated.
    #[api(tag = 3)]
    pub update_strategy: Option<MachineImageUpdateStrategy>,
}

/// A version of a machine image.
#[api_type]
pub struct MachineImageVersion {
    /// The version, and how long it is offered.
    #[api(tag = 1, inline)]
    pub expirable_version: ExpirableVersion,
    /// Container runtime interfaces it supports.
    #[api(tag = 2, omitempty)]
    pub cri: Vec<Cri>,
    /// CPU architectures it exists for.
    #[api(tag = 3, omitempty)]
    pub architectures: Vec<String>,
    /// Kubelet versions it works with, as a semver range.
    #[api(tag = 4)]
    pub kubelet_version_constraint: Option<String>,
    /// Whether machines can be updated to it in place.
    #[api(tag = 5)]
    pub in_place_updates: Option<InPlaceUpdates>,
    /// Its variants, by capability.
    #[api(tag = 6, omitempty)]
    pub capability_flavors: Vec<MachineImageFlavor>,
}

/// One variant of an image version, by the capabilities it supports.
#[api_type]
pub struct MachineImageFlavor {
    /// Supported values, by capability.
    #[api(inline, tag = 1)]
    pub capabilities: Capabilities,
}

/// Where the versions of an image stand.
#[api_type]
pub struct MachineImageStatus {
    /// Name of the image.
    #[api(tag = 1)]
    pub name: String,
    /// Its versions with their stage.
    #[api(tag = 2, omitempty)]
    pub versions: Vec<ExpirableVersionStatus>,
}

/// To which newer version an expired image version is updated.
#[api_type]
pub enum MachineImageUpdateStrategy {
    /// The newest patch version of its minor version.
    #[api(name = "patch")]
    Patch,
    /// The newest minor version of its major version.
    #[api(name = "minor")]
    Minor,
    /// The newest version.
    #[api(name = "major")]
    Major,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Whether an image version can be updated without replacing the machine.
#[api_type]
pub struct InPlaceUpdates {
    /// Whether it can.
    #[api(tag = 1)]
    pub supported: bool,
    /// Oldest version the update can start from.
    #[api(tag = 2)]
    pub min_version_for_update: Option<String>,
}

/// Values of one capability.
#[api_type]
pub struct CapabilityValues(pub Vec<String>);

/// Values by capability.
#[api_type]
pub struct Capabilities(pub BTreeMap<String, CapabilityValues>);

/// A variant of an image is written as its capabilities: every key is one.
impl Fields for Capabilities {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.0
            .iter()
            .try_for_each(|(name, values)| map.serialize_entry(name, values))
    }

    fn deserialize_field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let values: Option<CapabilityValues> = map.next_value()?;
        self.0.insert(key.to_owned(), values.unwrap_or_default());
        Ok(true)
    }
}

/// A machine type on offer.
#[api_type]
pub struct MachineType {
    /// Number of CPUs.
    #[api(tag = 1)]
    pub cpu: Quantity,
    /// Number of GPUs.
    #[api(tag = 2)]
    pub gpu: Quantity,
    /// Memory.
    #[api(tag = 3)]
    pub memory: Quantity,
    /// Name of the type, by the provider.
    #[api(tag = 4)]
    pub name: String,
    /// Storage that comes with it.
    #[api(tag = 5)]
    pub storage: Option<MachineTypeStorage>,
    /// Whether new pools may use it; true when absent.
    #[api(tag = 6)]
    pub usable: Option<bool>,
    /// CPU architecture.
    #[api(tag = 7)]
    pub architecture: Option<String>,
    /// Values it offers, by capability.
    #[api(tag = 8, omitempty)]
    pub capabilities: Capabilities,
    /// Machine controller settings for the type.
    #[api(tag = 9)]
    pub machine_controller_manager: Option<CloudProfileMachineControllerManagerSettings>,
}

/// Storage that comes with a machine type.
#[api_type]
pub struct MachineTypeStorage {
    /// Class of the storage.
    #[api(tag = 1)]
    pub class: String,
    /// Its size, where it is fixed.
    #[api(tag = 2)]
    pub size: Option<Quantity>,
    /// Type of the storage.
    #[api(tag = 3)]
    pub type_: String,
    /// Least size of a root volume.
    #[api(tag = 4)]
    pub min_size: Option<Quantity>,
}

/// Machine controller settings of a machine type.
#[api_type]
pub struct CloudProfileMachineControllerManagerSettings {
    /// How long a machine of this type may take to join.
    #[api(tag = 1)]
    pub machine_creation_timeout: Option<Duration>,
}

/// A capability machines of this cloud may have, with its values.
#[api_type]
pub struct CapabilityDefinition {
    /// Name of the capability.
    #[api(tag = 1)]
    pub name: String,
    /// All values it can take.
    #[api(tag = 2)]
    pub values: CapabilityValues,
}

/// A volume type on offer.
#[api_type]
pub struct VolumeType {
    /// Class, such as `standard` or `premium`.
    #[api(tag = 1)]
    pub class: String,
    /// Name of the type, by the provider.
    #[api(tag = 2)]
    pub name: String,
    /// Whether new pools may use it; true when absent.
    #[api(tag = 3)]
    pub usable: Option<bool>,
    /// Least size.
    #[api(tag = 4)]
    pub min_size: Option<Quantity>,
}

/// A region on offer.
#[api_type]
pub struct Region {
    /// Name of the region, by the provider.
    #[api(tag = 1)]
    pub name: String,
    /// Its zones.
    #[api(tag = 2, omitempty, patch = "merge", patch_key = "name")]
    pub zones: Vec<AvailabilityZone>,
    /// Labels for scheduling, such as its distance.
    #[api(tag = 3, omitempty)]
    pub labels: BTreeMap<String, String>,
    /// Access restrictions that hold in it.
    #[api(tag = 4, omitempty)]
    pub access_restrictions: Vec<AccessRestriction>,
}

/// A zone of a region, and what it lacks.
#[api_type]
pub struct AvailabilityZone {
    /// Name of the zone.
    #[api(tag = 1)]
    pub name: String,
    /// Machine types that cannot be had in this zone.
    #[api(tag = 2, omitempty)]
    pub unavailable_machine_types: Vec<String>,
    /// Volume types that cannot be had in this zone.
    #[api(tag = 3, omitempty)]
    pub unavailable_volume_types: Vec<String>,
}

/// Machine used for bastions of this cloud.
#[api_type]
pub struct Bastion {
    /// Image of the bastion.
    #[api(tag = 1)]
    pub machine_image: Option<BastionMachineImage>,
    /// Machine type of the bastion.
    #[api(tag = 2)]
    pub machine_type: Option<BastionMachineType>,
}

/// Image of bastions.
#[api_type]
pub struct BastionMachineImage {
    /// Name of a machine image of the profile.
    #[api(tag = 1)]
    pub name: String,
    /// Version of the image; the newest suitable when absent.
    #[api(tag = 2)]
    pub version: Option<String>,
}

/// Machine type of bastions.
#[api_type]
pub struct BastionMachineType {
    /// Name of a machine type of the profile.
    #[api(tag = 1)]
    pub name: String,
}

/// Upper bounds for Shoots of a profile.
#[api_type]
pub struct Limits {
    /// Most nodes of all pools together.
    #[api(tag = 1)]
    pub max_nodes_total: Option<i32>,
}

/// What Shoots may choose about their control plane.
#[api_type]
pub struct CloudProfileControlPlane {
    /// Whether Shoots may name the zones of their control plane.
    #[api(tag = 1, omitempty)]
    pub allow_zone_pinning: bool,
}

/// A project's variation of a CloudProfile.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "NamespacedCloudProfile",
    namespaced,
    short = "nsprofile, nscpfl"
)]
pub struct NamespacedCloudProfile {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: NamespacedCloudProfileSpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: NamespacedCloudProfileStatus,
}

/// What differs from the parent.
#[api_type]
pub struct NamespacedCloudProfileSpec {
    /// Further certificates machines trust, as PEM.
    #[api(tag = 1)]
    pub ca_bundle: Option<String>,
    /// Changed expiration of Kubernetes versions.
    #[api(tag = 2)]
    pub kubernetes: Option<KubernetesSettings>,
    /// Further machine images, or changed expiration.
    #[api(tag = 3, omitempty, patch = "merge", patch_key = "name")]
    pub machine_images: Vec<MachineImage>,
    /// Further machine types.
    #[api(tag = 4, omitempty, patch = "merge", patch_key = "name")]
    pub machine_types: Vec<MachineType>,
    /// Further volume types.
    #[api(tag = 6, omitempty, patch = "merge", patch_key = "name")]
    pub volume_types: Vec<VolumeType>,
    /// The CloudProfile varied.
    #[api(tag = 7)]
    pub parent: CloudProfileReference,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 8)]
    pub provider_config: Option<RawExtension>,
    /// Other upper bounds.
    #[api(tag = 9)]
    pub limits: Option<Limits>,
}

/// The outcome of parent and variation.
#[api_type]
pub struct NamespacedCloudProfileStatus {
    /// Parent and variation merged.
    #[api(tag = 1, optional)]
    pub cloud_profile_spec: CloudProfileSpec,
    /// Generation of the spec that this status describes.
    #[api(tag = 2, omitempty)]
    pub observed_generation: i64,
}
