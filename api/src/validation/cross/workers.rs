//! Worker pools against a CloudProfile: machine types, images, volumes, zones and limits.
//!
//! What a pool has already stays allowed, even if it is no longer on offer.

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    meta::{Quantity, Time},
    quantity::Amount,
};
use semver::Version;

use super::{newest_first, on_offer};
use crate::{
    constants::ARCHITECTURE_AMD64,
    core::v1beta1::{
        CloudProfile, CloudProfileSpec, MachineImage, MachineImageVersion, MachineType, Region, Shoot,
        ShootMachineImage, VersionClassification, VolumeType, Worker,
    },
    validation::version,
};

/// One pool, as it was and as it will be, and what is on offer for it.
pub(super) struct Check<'a> {
    pub(super) path: Path,
    pub(super) worker: &'a Worker,
    pub(super) before: Option<&'a Worker>,
    pub(super) offer: &'a CloudProfileSpec,
    pub(super) region: Option<&'a Region>,
    pub(super) now: &'a Time,
}

impl Check<'_> {
    pub(super) fn run(&self, errors: &mut FieldErrors) {
        self.machine_type(errors);
        self.machine_image(errors);
        self.volumes(errors);
        self.zones(errors);
    }

    /// Whether a part of the pool is what it was.
    fn same<T: PartialEq>(&self, part: impl Fn(&Worker) -> &T) -> bool {
        self.before.is_some_and(|before| part(before) == part(self.worker))
    }

    fn machine_type(&self, errors: &mut FieldErrors) {
        if self.same(|worker| &worker.machine.type_) && self.same(|worker| &worker.machine.architecture) {
            return;
        }
        let path = self.path.child("machine").child("type");
        let wanted = &self.worker.machine.type_;
        let usable = || {
            let types = self.offer.machine_types.iter();
            types.filter(|offered| offered.usable != Some(false))
        };
        let Some(found) = usable().find(|offered| offered.name == *wanted) else {
            let names = usable().map(|offered| &offered.name);
            errors.push(FieldError::not_supported(&path, wanted, names));
            return;
        };
        let (own, wished) = (architecture(found.architecture.as_deref()), self.architecture());
        if own != wished {
            let detail = format!("machine type is of architecture {own}, the pool wants {wished}");
            errors.push(FieldError::invalid(&path, wanted, detail));
        }
    }

    fn machine_image(&self, errors: &mut FieldErrors) {
        let path = self.path.child("machine").child("image");
        let Some(image) = &self.worker.machine.image else {
            errors.push(FieldError::required(
                &path,
                "the cloud profile has no image that fits: name one",
            ));
            return;
        };
        if self.same(|worker| &worker.machine.image) && self.same(|worker| &worker.machine.architecture) {
            return;
        }
        let Some(offered) = self
            .offer
            .machine_images
            .iter()
            .find(|offered| offered.name == image.name)
        else {
            let names = self.offer.machine_images.iter().map(|offered| &offered.name);
            errors.push(FieldError::not_supported(&path.child("name"), &image.name, names));
            return;
        };
        let path = path.child("version");
        let versions = || {
            let versions = offered.versions.iter();
            versions.filter(|version| on_offer(&version.expirable_version, self.now))
        };
        let wanted = image.version.as_deref().unwrap_or_default();
        let Some(found) = versions().find(|version| version.expirable_version.version == wanted) else {
            let supported = newest_first(versions().map(|version| &version.expirable_version));
            errors.push(FieldError::not_supported(&path, wanted, supported));
            return;
        };
        if !has_architecture(found, self.architecture()) {
            let detail = format!("the image does not exist for architecture {}", self.architecture());
            errors.push(FieldError::invalid(&path, wanted, detail));
        }
        let runtime = self.worker.cri.as_ref().map(|cri| &cri.name);
        if let Some(runtime) = runtime.filter(|runtime| {
            // An image that names none brings what is usual.
            !found.cri.is_empty() && !found.cri.iter().any(|offered| offered.name == **runtime)
        }) {
            let detail = format!("the image does not bring the container runtime {runtime}");
            errors.push(FieldError::invalid(&path, wanted, detail));
        }
    }

    fn architecture(&self) -> &str {
        architecture(self.worker.machine.architecture.as_deref())
    }

    fn volumes(&self, errors: &mut FieldErrors) {
        let machine_type = self
            .offer
            .machine_types
            .iter()
            .find(|offered| offered.name == self.worker.machine.type_);
        if let Some(volume) = &self.worker.volume
            && !self.same(|worker| &worker.volume)
        {
            let least = machine_type.and_then(least_volume);
            self.volume(
                &self.path.child("volume"),
                volume.type_.as_deref(),
                &volume.size,
                least,
                errors,
            );
        }
        let path = self.path.child("dataVolumes");
        for (index, volume) in self.worker.data_volumes.iter().enumerate() {
            let before = self.before.into_iter().flat_map(|before| &before.data_volumes);
            if !before.into_iter().any(|before| before == volume) {
                self.volume(&path.index(index), volume.type_.as_deref(), &volume.size, None, errors);
            }
        }
    }

    fn volume(&self, path: &Path, type_: Option<&str>, size: &str, least: Option<&Quantity>, errors: &mut FieldErrors) {
        let mut leasts: Vec<&Quantity> = least.into_iter().collect();
        if let Some(type_) = type_ {
            let usable = || {
                self.offer
                    .volume_types
                    .iter()
                    .filter(|offered| offered.usable != Some(false))
            };
            match usable().find(|offered| offered.name == type_) {
                Some(found) => {
                    leasts.extend(&found.min_size);
                    self.volume_zones(path, found, errors);
                }
                None => {
                    let names = usable().map(|offered| &offered.name);
                    errors.push(FieldError::not_supported(&path.child("type"), type_, names));
                }
            }
        }
        let bytes = |quantity: &Quantity| Amount::parse(quantity).ok();
        let own = bytes(&Quantity(size.to_owned()));
        for least in leasts {
            if own.is_some_and(|own| bytes(least).is_some_and(|least| own < least)) {
                let detail = format!("must be {} at least", least.0);
                errors.push(FieldError::invalid(&path.child("size"), size, detail));
            }
        }
    }

    fn volume_zones(&self, path: &Path, type_: &VolumeType, errors: &mut FieldErrors) {
        let zones = self.region.into_iter().flat_map(|region| &region.zones);
        for zone in zones.filter(|zone| self.worker.zones.contains(&zone.name)) {
            if zone.unavailable_volume_types.contains(&type_.name) {
                let detail = format!("volume type cannot be had in zone {}", zone.name);
                errors.push(FieldError::invalid(&path.child("type"), &type_.name, detail));
            }
        }
    }

    fn zones(&self, errors: &mut FieldErrors) {
        let Some(region) = self.region else { return };
        let (worker, path) = (self.worker, self.path.child("zones"));
        let same_type = self.same(|worker| &worker.machine.type_);
        for (index, zone) in worker.zones.iter().enumerate() {
            let had_it = self.before.is_some_and(|before| before.zones.contains(zone));
            let path = path.index(index);
            match region.zones.iter().find(|offered| offered.name == *zone) {
                None if !had_it => {
                    let names = region.zones.iter().map(|offered| &offered.name);
                    errors.push(FieldError::not_supported(&path, zone, names));
                }
                Some(offered)
                    if !(had_it && same_type) && offered.unavailable_machine_types.contains(&worker.machine.type_) =>
                {
                    let detail = format!("machine type {} cannot be had in this zone", worker.machine.type_);
                    errors.push(FieldError::invalid(&path, zone, detail));
                }
                _ => {}
            }
        }
    }
}

fn architecture(text: Option<&str>) -> &str {
    text.filter(|text| !text.is_empty()).unwrap_or(ARCHITECTURE_AMD64)
}

/// An image that names none exists for all.
fn has_architecture(version: &MachineImageVersion, architecture: &str) -> bool {
    version.architectures.is_empty() || version.architectures.iter().any(|offered| offered == architecture)
}

fn least_volume(machine_type: &MachineType) -> Option<&Quantity> {
    machine_type.storage.as_ref()?.min_size.as_ref()
}

/// All pools together may have no more nodes than the profile allows; a Shoot that had as many already may keep them.
pub(super) fn within_limits(path: &Path, shoot: &Shoot, old: Option<&Shoot>, offer: &CloudProfileSpec) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let limit = offer.limits.as_ref().and_then(|limits| limits.max_nodes_total);
    let Some(limit) = limit.map(i64::from) else {
        return errors;
    };
    let most = |shoot: &Shoot| {
        shoot
            .spec
            .provider
            .workers
            .iter()
            .map(|worker| i64::from(worker.maximum))
            .sum::<i64>()
    };
    let (new, before) = (most(shoot), old.map_or(0, most));
    if new > limit && new > before {
        let detail = format!("the pools may have {new} nodes together, the cloud profile allows {limit}");
        errors.push(FieldError::forbidden(path, detail));
    }
    errors
}

/// Fills in the machine images that pools leave open: the profile's first that fits, and its newest version.
///
/// A pool that had that image keeps its version. What nothing fits stays open, for
/// [`super::shoot_against_cloud_profile`].
pub fn complete_machine_images(shoot: &mut Shoot, old: Option<&Shoot>, profile: &CloudProfile, now: &Time) {
    for worker in &mut shoot.spec.provider.workers {
        let workers = old.into_iter().flat_map(|old| &old.spec.provider.workers);
        let before = workers.into_iter().find(|before| before.name == worker.name);
        let before = before.and_then(|before| before.machine.image.as_ref());
        complete_machine_image(worker, before, &profile.spec.machine_images, now);
    }
}

fn complete_machine_image(
    worker: &mut Worker,
    before: Option<&ShootMachineImage>,
    images: &[MachineImage],
    now: &Time,
) {
    let wished = worker.machine.image.clone().unwrap_or_default();
    let text = wished.version.clone().unwrap_or_default();
    let same_image = |before: &&ShootMachineImage| wished.name.is_empty() || before.name == wished.name;
    if let (true, Some(before)) = (text.is_empty(), before.filter(same_image)) {
        let provider_config = wished
            .provider_config
            .clone()
            .or_else(|| before.provider_config.clone());
        worker.machine.image = Some(ShootMachineImage {
            provider_config,
            ..before.clone()
        });
        return;
    }
    let architecture = architecture(worker.machine.architecture.as_deref());
    let mut candidates = images
        .iter()
        .filter(|image| wished.name.is_empty() || image.name == wished.name);
    let found = candidates.find_map(|image| Some((image, newest(image, architecture, &text, now)?)));
    if let Some((image, version)) = found {
        worker.machine.image = Some(ShootMachineImage {
            name: image.name.clone(),
            version: Some(version),
            ..wished
        });
    }
}

/// The newest version that begins as `text` does: `1.2` stands for the newest of `1.2.x`.
fn newest(image: &MachineImage, architecture: &str, text: &str, now: &Time) -> Option<String> {
    let wanted: Vec<u64> = match text {
        "" => Vec::new(),
        text => text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?,
    };
    let fits = |version: &Version| {
        let parts = [version.major, version.minor, version.patch];
        wanted.len() < parts.len() && parts.starts_with(&wanted)
    };
    let versions = image.versions.iter().filter(|version| {
        let entry = &version.expirable_version;
        on_offer(entry, now)
            && entry.classification != Some(VersionClassification::Preview)
            && has_architecture(version, architecture)
    });
    versions
        .filter_map(|entry| version::parse(&entry.expirable_version.version))
        .filter(fits)
        .max()
        .map(|version| version.to_string())
}
