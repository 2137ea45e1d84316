//! Rules that need a second object. Admission calls them, after it has found that object.

mod extensions; // what extensions must offer
mod workers; // pools

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    meta::Time,
};
use ipnet::IpNet;
use semver::Version;

pub use self::{
    extensions::{Offer, missing_extensions},
    workers::complete_machine_images,
};
use super::{networks, version};
use crate::{
    constants::{DEFAULT_POD_NETWORK, DEFAULT_SERVICE_NETWORK},
    core::v1beta1::{
        CloudProfile, CloudProfileSpec, ExpirableVersion, Networking, Seed, Shoot, ShootNetworks,
        VersionClassification, Worker,
    },
};

/// Longest project and shoot name together: both are part of `shoot--<project>--<shoot>`, and that of machines' names.
pub const LONGEST_PROJECT_AND_SHOOT: usize = 21;

/// Project and Shoot name together must leave room for what is built from them.
pub fn shoot_name_with_project(shoot: &str, project: &str) -> FieldErrors {
    let length = shoot.len() + project.len();
    if length <= LONGEST_PROJECT_AND_SHOOT {
        return FieldErrors::new();
    }
    FieldErrors::from(FieldError::invalid(
        &Path::new("metadata").child("name"),
        shoot,
        format!(
            "the names of project ({project}) and Shoot must not be longer than {LONGEST_PROJECT_AND_SHOOT} characters together, not {length}: choose a shorter name"
        ),
    ))
}

/// A Shoot must keep to what its CloudProfile offers.
///
/// `old` is the Shoot before a change: what it has already stays allowed, even if it is no longer on offer.
pub fn shoot_against_cloud_profile(
    shoot: &Shoot,
    old: Option<&Shoot>,
    profile: &CloudProfile,
    now: &Time,
) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    let offer = &profile.spec;
    let provider = path.child("provider").child("type");
    if shoot.spec.provider.type_ != offer.type_ {
        errors.push(FieldError::invalid(
            &provider,
            &shoot.spec.provider.type_,
            format!("must be the provider type of the cloud profile: {}", offer.type_),
        ));
    }
    let old_version = old.map(|old| old.spec.kubernetes.version.as_str());
    if old_version != Some(&shoot.spec.kubernetes.version) {
        let field = path.child("kubernetes").child("version");
        kubernetes_version(&field, &shoot.spec.kubernetes.version, offer, now, &mut errors);
    }
    let region = offer.regions.iter().find(|region| region.name == shoot.spec.region);
    if region.is_none() && old.is_none_or(|old| old.spec.region != shoot.spec.region) {
        let names = offer.regions.iter().map(|region| &region.name);
        errors.push(FieldError::not_supported(
            &path.child("region"),
            &shoot.spec.region,
            names,
        ));
    }
    let workers = path.child("provider").child("workers");
    for (index, worker) in shoot.spec.provider.workers.iter().enumerate() {
        let before = old.and_then(|old| {
            old.spec
                .provider
                .workers
                .iter()
                .find(|before| before.name == worker.name)
        });
        let check = workers::Check {
            path: workers.index(index),
            worker,
            before,
            offer,
            region,
            now,
        };
        check.run(&mut errors);
        if let Some(kubelet) = own_version(worker)
            && before.and_then(own_version) != Some(kubelet)
            && kubelet != shoot.spec.kubernetes.version
        {
            let field = workers.index(index).child("kubernetes").child("version");
            kubernetes_version(&field, kubelet, offer, now, &mut errors);
        }
    }
    errors.extend(workers::within_limits(&workers, shoot, old, offer));
    errors
}

/// Kubernetes version of a pool that does not follow the control plane.
fn own_version(worker: &Worker) -> Option<&str> {
    worker.kubernetes.as_ref()?.version.as_deref()
}

fn kubernetes_version(path: &Path, text: &str, offer: &CloudProfileSpec, now: &Time, errors: &mut FieldErrors) {
    let offered = offer.kubernetes.versions.iter();
    if !offered
        .clone()
        .any(|entry| entry.version == text && on_offer(entry, now))
    {
        let supported = newest_first(offered.filter(|entry| on_offer(entry, now)));
        errors.push(FieldError::not_supported(path, text, supported));
    }
}

/// Whether a version can be had now.
pub fn on_offer(entry: &ExpirableVersion, now: &Time) -> bool {
    let staged = entry
        .lifecycle
        .iter()
        .rfind(|stage| stage.start_time.as_ref().is_none_or(|start| start.0 <= now.0))
        .map(|stage| &stage.classification);
    let gone = [VersionClassification::Unavailable, VersionClassification::Expired];
    let stage_allows = match staged {
        Some(stage) => !gone.contains(stage),
        None => entry.lifecycle.is_empty(),
    };
    stage_allows && entry.expiration_date.as_ref().is_none_or(|date| date.0 > now.0)
}

fn newest_first<'a>(entries: impl Iterator<Item = &'a ExpirableVersion>) -> Vec<&'a str> {
    let mut versions: Vec<&str> = entries.map(|entry| entry.version.as_str()).collect();
    versions.sort_by_key(|text| std::cmp::Reverse(version::parse(text)));
    versions
}

/// The version that a Shoot gets which names only `1.35`, or none at all: the newest one that is supported.
///
/// `None` if the text is a complete version already, or nothing fits; then it stays for [`shoot_against_cloud_profile`].
pub fn complete_kubernetes_version(text: &str, profile: &CloudProfile, now: &Time) -> Option<String> {
    if version::parse(text).is_some() {
        return None;
    }
    let wanted: Vec<u64> = text
        .split('.')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let fits = |version: &Version| {
        let parts = [version.major, version.minor, version.patch];
        wanted.len() < parts.len() && parts.starts_with(&wanted)
    };
    let entries = profile.spec.kubernetes.versions.iter();
    entries
        .filter(|entry| on_offer(entry, now) && entry.classification != Some(VersionClassification::Preview))
        .filter_map(|entry| Some((version::parse(&entry.version)?, entry)))
        .filter(|(version, _)| fits(version))
        .max_by(|one, other| one.0.cmp(&other.0))
        .map(|(_, entry)| entry.version.clone())
}

/// A Shoot's networks must be apart from its Seed's: its control plane reaches both.
pub fn shoot_against_seed(shoot: &Shoot, seed: &Seed) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec").child("networking");
    let Some(networking) = &shoot.spec.networking else {
        return errors;
    };
    let nets = &seed.spec.networks;
    let taken = [
        ("nodes", nets.nodes.as_deref()),
        ("pods", Some(nets.pods.as_str())),
        ("services", Some(nets.services.as_str())),
    ];
    for (name, text) in [
        ("nodes", &networking.nodes),
        ("pods", &networking.pods),
        ("services", &networking.services),
    ] {
        let Some(range) = text.as_deref().and_then(net) else {
            continue;
        };
        for (other_name, other) in taken {
            if let Some(other) = other.and_then(net)
                && networks::overlap(&range, &other)
            {
                errors.push(FieldError::invalid(
                    &path.child(name),
                    range.to_string(),
                    format!(
                        "must not overlap with the {other_name} network of the Seed ({other}): choose another range"
                    ),
                ));
            }
        }
    }
    errors
}

fn net(text: &str) -> Option<IpNet> {
    text.parse().ok()
}

/// Fills in the networks that a Shoot leaves open: the seed's defaults for shoots, else Gardener's.
///
/// A workerless Shoot has Services only.
pub fn set_default_networks(shoot: &mut Shoot, seed: &Seed) {
    let has_workers = !shoot.spec.provider.workers.is_empty();
    let ShootNetworks { pods, services } = seed.spec.networks.shoot_defaults.clone().unwrap_or_default();
    let networking = shoot.spec.networking.get_or_insert_with(Networking::default);
    networking
        .services
        .get_or_insert_with(|| services.unwrap_or_else(|| DEFAULT_SERVICE_NETWORK.to_owned()));
    if has_workers {
        networking
            .pods
            .get_or_insert_with(|| pods.unwrap_or_else(|| DEFAULT_POD_NETWORK.to_owned()));
    }
}
