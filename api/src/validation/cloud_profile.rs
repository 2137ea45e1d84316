//! CloudProfiles.

use apimachinery::field::{FieldError, FieldErrors, Path};

use super::{
    checks::{self, NameRule},
    version,
};
use crate::core::v1beta1::{
    CloudProfile, CloudProfileSpec, ExpirableVersion, MachineImage, MachineType, Region, VersionClassification,
};

/// Everything that is wrong with a CloudProfile by itself.
pub fn validate_cloud_profile(profile: &CloudProfile) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&profile.metadata, &NameRule::Subdomain, &mut errors);
    spec(&Path::new("spec"), &profile.spec, &mut errors);
    errors
}

/// Everything that is wrong with a changed CloudProfile.
pub fn validate_cloud_profile_update(new: &CloudProfile, old: &CloudProfile) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() && new.spec == old.spec {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    let mut errors = validate_cloud_profile(new);
    let path = Path::new("spec").child("type");
    checks::immutable(&path, &new.spec.type_, &old.spec.type_, &mut errors);
    errors
}

fn spec(path: &Path, spec: &CloudProfileSpec, errors: &mut FieldErrors) {
    checks::required(&path.child("type"), &spec.type_, "must specify a provider type", errors);
    kubernetes(
        &path.child("kubernetes").child("versions"),
        &spec.kubernetes.versions,
        errors,
    );
    images(&path.child("machineImages"), &spec.machine_images, errors);
    machine_types(&path.child("machineTypes"), &spec.machine_types, errors);
    regions(&path.child("regions"), &spec.regions, errors);
    let volumes = path.child("volumeTypes");
    for (index, volume) in spec.volume_types.iter().enumerate() {
        let path = volumes.index(index);
        checks::required(&path.child("name"), &volume.name, "must specify a name", errors);
        checks::required(&path.child("class"), &volume.class, "must specify a class", errors);
    }
    let names = spec.volume_types.iter().map(|volume| volume.name.as_str());
    checks::unique(&volumes, "name", names, errors);
    let most = spec.limits.as_ref().and_then(|limits| limits.max_nodes_total);
    if let Some(most) = most.filter(|most| *most <= 0) {
        let field = path.child("limits").child("maxNodesTotal");
        errors.push(FieldError::invalid(&field, most, "must be greater than 0"));
    }
}

fn not_empty(path: &Path, length: usize, what: &str, errors: &mut FieldErrors) {
    if length == 0 {
        errors.push(FieldError::required(path, format!("must provide at least one {what}")));
    }
}

fn kubernetes(path: &Path, versions: &[ExpirableVersion], errors: &mut FieldErrors) {
    not_empty(path, versions.len(), "Kubernetes version", errors);
    expirable(path, versions.iter(), errors);
    let newest = versions
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| Some((version::parse(&entry.version)?, index, entry)))
        .max_by(|one, other| one.0.cmp(&other.0));
    if let Some((_, index, entry)) = newest
        && entry.expiration_date.is_some()
    {
        errors.push(FieldError::invalid(
            &path.index(index).child("expirationDate"),
            &entry.expiration_date,
            format!(
                "the newest version ({}) must not expire: Shoots would have no update",
                entry.version
            ),
        ));
    }
    for (index, entry) in versions.iter().enumerate() {
        let minor =
            |entry: &ExpirableVersion| version::parse(&entry.version).map(|parsed| (parsed.major, parsed.minor));
        let supported = |entry: &ExpirableVersion| entry.classification == Some(VersionClassification::Supported);
        let earlier = versions[..index]
            .iter()
            .any(|other| supported(other) && minor(other).is_some() && minor(other) == minor(entry));
        if supported(entry) && earlier {
            errors.push(FieldError::forbidden(
                &path.index(index).child("classification"),
                "only one patch version of a minor version can be supported: deprecate the others",
            ));
        }
    }
}

fn expirable<'a>(path: &Path, versions: impl Iterator<Item = &'a ExpirableVersion> + Clone, errors: &mut FieldErrors) {
    for (index, entry) in versions.clone().enumerate() {
        let path = path.index(index);
        version::well_formed(&path.child("version"), &entry.version, errors);
        if let Some(classification) = &entry.classification {
            let supported = [
                VersionClassification::Preview.as_str(),
                VersionClassification::Supported.as_str(),
                VersionClassification::Deprecated.as_str(),
            ];
            checks::one_of(
                &path.child("classification"),
                classification.as_str(),
                &supported,
                errors,
            );
        }
    }
    checks::unique(path, "version", versions.map(|entry| entry.version.as_str()), errors);
}

fn images(path: &Path, images: &[MachineImage], errors: &mut FieldErrors) {
    not_empty(path, images.len(), "machine image", errors);
    for (index, image) in images.iter().enumerate() {
        let path = path.index(index);
        checks::required(&path.child("name"), &image.name, "must specify a name", errors);
        let versions = path.child("versions");
        not_empty(&versions, image.versions.len(), "version of the machine image", errors);
        expirable(
            &versions,
            image.versions.iter().map(|version| &version.expirable_version),
            errors,
        );
    }
    checks::unique(path, "name", images.iter().map(|image| image.name.as_str()), errors);
}

fn machine_types(path: &Path, types: &[MachineType], errors: &mut FieldErrors) {
    not_empty(path, types.len(), "machine type", errors);
    for (index, machine_type) in types.iter().enumerate() {
        let name = path.index(index).child("name");
        checks::required(&name, &machine_type.name, "must specify a name", errors);
    }
    let names = types.iter().map(|machine_type| machine_type.name.as_str());
    checks::unique(path, "name", names, errors);
}

fn regions(path: &Path, regions: &[Region], errors: &mut FieldErrors) {
    not_empty(path, regions.len(), "region", errors);
    for (index, region) in regions.iter().enumerate() {
        let path = path.index(index);
        checks::required(&path.child("name"), &region.name, "must specify a name", errors);
        let zones = path.child("zones");
        for (index, zone) in region.zones.iter().enumerate() {
            let name = zones.index(index).child("name");
            checks::required(&name, &zone.name, "must specify a name", errors);
        }
        checks::unique(
            &zones,
            "name",
            region.zones.iter().map(|zone| zone.name.as_str()),
            errors,
        );
    }
    checks::unique(path, "name", regions.iter().map(|region| region.name.as_str()), errors);
}
