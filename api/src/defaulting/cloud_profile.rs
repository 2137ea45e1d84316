//! Defaults of CloudProfiles and NamespacedCloudProfiles.

use super::fill;
use crate::{
    constants::ARCHITECTURE_AMD64,
    core::v1beta1::{
        CloudProfile, Cri, CriName, MachineImage, MachineImageUpdateStrategy, MachineType, NamespacedCloudProfile,
        VolumeType,
    },
};

/// Fills in what a CloudProfile leaves open.
pub fn set_defaults_cloud_profile(profile: &mut CloudProfile) {
    let spec = &mut profile.spec;
    // With capabilities the architectures follow from them.
    let architectures = spec.machine_capabilities.is_empty();
    offers(
        &mut spec.machine_images,
        &mut spec.machine_types,
        &mut spec.volume_types,
        architectures,
    );
}

/// Fills in what a NamespacedCloudProfile leaves open.
pub fn set_defaults_namespaced_cloud_profile(profile: &mut NamespacedCloudProfile) {
    let spec = &mut profile.spec;
    // What architectures there are depends on the parent.
    offers(
        &mut spec.machine_images,
        &mut spec.machine_types,
        &mut spec.volume_types,
        false,
    );
}

fn offers(images: &mut [MachineImage], types: &mut [MachineType], volumes: &mut [VolumeType], architectures: bool) {
    for image in images {
        fill(&mut image.update_strategy, MachineImageUpdateStrategy::Major);
        for version in &mut image.versions {
            if version.cri.is_empty() {
                version.cri.push(Cri {
                    name: CriName::Containerd,
                    container_runtimes: Vec::new(),
                });
            }
            if architectures && version.architectures.is_empty() {
                version.architectures.push(ARCHITECTURE_AMD64.to_owned());
            }
        }
    }
    for machine_type in types {
        fill(&mut machine_type.usable, true);
        if architectures {
            fill(&mut machine_type.architecture, ARCHITECTURE_AMD64.to_owned());
        }
    }
    for volume in volumes {
        fill(&mut volume.usable, true);
    }
}
