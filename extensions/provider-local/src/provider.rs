//! What the provider's parts tell each other through Gardener's objects: names, and types of the group
//! `local.provider.extensions.gardener.cloud`. Pure.

use std::collections::BTreeMap;

use api::core::v1beta1::ErrorCode;
use apimachinery::RawExtension;
use extensions_sdk::ActuatorError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Group and version of the provider's own types.
pub const API_VERSION: &str = "local.provider.extensions.gardener.cloud/v1alpha1";

/// Names of networks become names of files with a prefix: the cloud allows no more.
const LONGEST_NETWORK_NAME: usize = 40;
/// What tells two long names with one beginning apart.
const HASH_LENGTH: usize = 8;

/// Name of a shoot's network and security group in the cloud: its technical id, shortened if it must be.
pub fn network_name(technical_id: &str) -> String {
    if technical_id.len() <= LONGEST_NETWORK_NAME {
        return technical_id.to_owned();
    }
    let digest = Sha256::digest(technical_id.as_bytes());
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let beginning: String = technical_id
        .chars()
        .take(LONGEST_NETWORK_NAME - HASH_LENGTH - 1)
        .collect();
    format!("{}-{}", beginning.trim_end_matches('-'), &hash[..HASH_LENGTH])
}

/// `Infrastructure.status.providerStatus`: what workers and control plane need to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InfrastructureStatus {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `InfrastructureStatus`.
    pub kind: String,
    /// The cloud's network for the machines.
    pub network: String,
    /// The cloud's security group for the machines.
    pub security_group: String,
    /// Zones that there are machines in.
    #[serde(default)]
    pub zones: Vec<String>,
}

impl InfrastructureStatus {
    /// Network and security group have one name.
    pub fn new(name: &str, zones: &[String]) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "InfrastructureStatus".to_owned(),
            network: name.to_owned(),
            security_group: name.to_owned(),
            zones: zones.to_vec(),
        }
    }
}

/// `MachineClass.providerSpec`: what the machines of a pool in a zone are to the cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineProviderSpec {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `MachineProviderSpec`.
    pub kind: String,
    /// The network.
    pub network: String,
    /// Security groups of the network.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// The zone; the cloud's first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How much a machine may use.
    pub flavor: cloud_client::Limits,
    /// The image; the cloud's newest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Further tags of the machines.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `CloudProfile.spec.providerConfig`: what the cloud calls the profile's images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudProfileConfig {
    /// The images.
    #[serde(default)]
    pub machine_images: Vec<MachineImages>,
}

/// Versions of a machine image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineImages {
    /// Name in the profile.
    pub name: String,
    /// Its versions.
    #[serde(default)]
    pub versions: Vec<MachineImageVersion>,
}

/// One version of a machine image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineImageVersion {
    /// Version in the profile.
    pub version: String,
    /// The cloud's name of it; the cloud's newest if absent.
    #[serde(default)]
    pub image: Option<String>,
}

/// What the Infrastructure reported, as the Worker or the ControlPlane was handed it.
pub(crate) fn infrastructure_status(raw: Option<&RawExtension>) -> Result<InfrastructureStatus, ActuatorError> {
    let raw = raw.ok_or_else(|| ActuatorError::new("spec.infrastructureProviderStatus is not set"))?;
    raw.parse().map_err(|error| {
        ActuatorError::new("failed to read spec.infrastructureProviderStatus")
            .caused_by(error)
            .with_code(ErrorCode::ConfigurationProblem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_names_fit_the_cloud_and_stay_apart() {
        assert_eq!(network_name("shoot--dev--first"), "shoot--dev--first");
        let long = |end: &str| network_name(&format!("shoot--{}--{end}", "p".repeat(30)));
        assert!(long("first").len() <= LONGEST_NETWORK_NAME, "{}", long("first"));
        assert_ne!(long("first"), long("second"));
        assert_eq!(long("first"), long("first"));
    }
}
