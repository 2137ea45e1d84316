//! Checks of a Shoot against the objects around it.
//!
//! In: the Shoot, as it was and as it will be, and the [`Facts`]. Out: every problem found, by field.
//! Absent: checks that need the Shoot alone, which `api::validation` has.

use std::collections::BTreeSet;

use api::core::v1beta1::{CloudProfile, Networking, Project, Seed, Shoot};
use apimachinery::field::{FieldError, FieldErrors, Path};
use ipnet::IpNet;
use jiff::Timestamp;

use super::facts::Facts;
use super::shoot_defaults::{is_expired, is_workerless};

/// DNS names and namespaces of a shoot are made of both names; longer ones would not fit.
const NAMES_LIMIT: usize = 21;

/// Extension kinds that a Shoot with workers needs of its provider.
const PROVIDER_KINDS: [&str; 3] = ["ControlPlane", "Infrastructure", "Worker"];

/// Checks a Shoot that is being created (`old` is `None`), changed or bound.
pub(crate) fn check(new: &Shoot, old: Option<&Shoot>, facts: &Facts, now: Timestamp) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if new.metadata.deletion_timestamp.is_some() {
        // What goes away must not be kept by what has gone already.
        return errors;
    }
    if let (None, Some(project)) = (old, &facts.project) {
        check_project(new, project, &mut errors);
    }
    match &facts.cloud_profile {
        Some(profile) => check_cloud_profile(new, old, profile, now, &mut errors),
        None => errors.push(FieldError::not_found(&cloud_profile_path(), Facts::cloud_profile_name(new).unwrap_or_default())),
    }
    check_domain(new, facts, &mut errors);
    check_binding(new, facts, &mut errors);
    check_seed(new, old, facts, &mut errors);
    errors
}

fn spec() -> Path {
    Path::new("spec")
}

fn cloud_profile_path() -> Path {
    spec().child("cloudProfile").child("name")
}

fn check_project(new: &Shoot, project: &Project, errors: &mut FieldErrors) {
    let project_name = project.metadata.name.as_deref().unwrap_or_default();
    let shoot_name = new.metadata.name.as_deref().unwrap_or_default();
    if project.metadata.deletion_timestamp.is_some() {
        errors.push(FieldError::forbidden(
            &Path::new("metadata").child("namespace"),
            format!("cannot create shoot {shoot_name:?} in project {project_name:?} that is already marked for deletion"),
        ));
    }
    if project_name.len() + shoot_name.len() > NAMES_LIMIT {
        let detail = format!(
            "the length of the shoot name and the project name must not exceed {NAMES_LIMIT} characters \
             (project: {project_name}; shoot: {shoot_name})"
        );
        errors.push(FieldError::invalid(&Path::new("metadata").child("name"), shoot_name, detail));
    }
}

fn check_cloud_profile(
    new: &Shoot,
    old: Option<&Shoot>,
    profile: &CloudProfile,
    now: Timestamp,
    errors: &mut FieldErrors,
) {
    if old.is_none() && profile.metadata.deletion_timestamp.is_some() {
        errors.push(FieldError::forbidden(&cloud_profile_path(), "the CloudProfile is marked for deletion"));
    }
    if new.spec.provider.type_ != profile.spec.type_ {
        let path = spec().child("provider").child("type");
        let detail = format!("provider type in shoot must match provider type of referenced CloudProfile: {:?}", profile.spec.type_);
        errors.push(FieldError::invalid(&path, &new.spec.provider.type_, detail));
    }
    let regions: Vec<&str> = profile.spec.regions.iter().map(|region| region.name.as_str()).collect();
    if !regions.contains(&new.spec.region.as_str()) && old.is_none_or(|old| old.spec.region != new.spec.region) {
        errors.push(FieldError::not_supported(&spec().child("region"), &new.spec.region, &regions));
    }
    if old.is_none_or(|old| old.spec.kubernetes.version != new.spec.kubernetes.version) {
        check_version(new, profile, now, errors);
    }
}

fn check_version(new: &Shoot, profile: &CloudProfile, now: Timestamp, errors: &mut FieldErrors) {
    let version = &new.spec.kubernetes.version;
    let usable = profile.spec.kubernetes.versions.iter().filter(|offered| !is_expired(offered, now));
    let usable: Vec<&str> = usable.map(|offered| offered.version.as_str()).collect();
    if !usable.contains(&version.as_str()) {
        errors.push(FieldError::not_supported(&spec().child("kubernetes").child("version"), version, &usable));
    }
}

/// Below a default domain a shoot has exactly one name, so that no shoot can take another's.
fn check_domain(new: &Shoot, facts: &Facts, errors: &mut FieldErrors) {
    let Some(domain) = new.spec.dns.as_ref().and_then(|dns| dns.domain.as_deref()) else { return };
    let shoot = new.metadata.name.as_deref().unwrap_or_default();
    let parent = facts.domains().into_iter().find(|parent| domain.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')));
    let Some(parent) = parent else { return };
    let only = facts.domain_below(shoot, parent);
    if domain != only {
        let detail = format!("shoots using the default domain {parent:?} must have the domain {only:?}");
        errors.push(FieldError::invalid(&spec().child("dns").child("domain"), domain, detail));
    }
}

fn check_binding(new: &Shoot, facts: &Facts, errors: &mut FieldErrors) {
    let Some(name) = new.spec.credentials_binding_name.as_deref() else { return };
    let path = spec().child("credentialsBindingName");
    match &facts.credentials_binding {
        None => errors.push(FieldError::not_found(&path, name)),
        Some(binding) if binding.provider.type_ != new.spec.provider.type_ => {
            let detail = format!(
                "the binding is for provider type {:?}, the shoot's is {:?}",
                binding.provider.type_, new.spec.provider.type_
            );
            errors.push(FieldError::invalid(&path, name, detail));
        }
        Some(_) => {}
    }
}

/// Machines need an extension for their provider; nobody would ever make them otherwise.
pub(crate) fn check_extensions(new: &Shoot, facts: &Facts) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if is_workerless(new) {
        return errors;
    }
    let wanted = &new.spec.provider.type_;
    let offered = facts.controller_registrations.iter().flat_map(|registration| &registration.spec.resources);
    let offered: BTreeSet<&str> = offered.filter(|resource| resource.type_ == *wanted).map(|resource| resource.kind.as_str()).collect();
    let missing: Vec<&str> = PROVIDER_KINDS.into_iter().filter(|kind| !offered.contains(kind)).collect();
    if !missing.is_empty() {
        let detail = format!(
            "a shoot with workers needs an extension for its provider, but no ControllerRegistration offers {} of type {wanted:?}; \
             install the provider's extension, or leave spec.provider.workers empty",
            missing.join(", ")
        );
        errors.push(FieldError::invalid(&spec().child("provider").child("type"), wanted, detail));
    }
    errors
}

fn check_seed(new: &Shoot, old: Option<&Shoot>, facts: &Facts, errors: &mut FieldErrors) {
    let Some(name) = new.spec.seed_name.as_deref() else { return };
    if old.is_some_and(|old| old.spec.seed_name.as_deref() == Some(name)) {
        return;
    }
    let path = || spec().child("seedName");
    let Some(seed) = &facts.seed else {
        errors.push(FieldError::not_found(&path(), name));
        return;
    };
    if seed.metadata.deletion_timestamp.is_some() {
        errors.push(FieldError::forbidden(&path(), format!("cannot place the shoot on seed {name:?}, which is marked for deletion")));
    }
    if let Some(taint) = untolerated_taint(new, seed) {
        errors.push(FieldError::forbidden(&path(), format!("the shoot does not tolerate the taint {taint:?} of seed {name:?}")));
    }
    let allocatable = seed.status.allocatable.get("shoots").and_then(|quantity| quantity.0.parse::<usize>().ok());
    if allocatable.is_some_and(|allocatable| facts.shoots_on_seed >= allocatable) {
        errors.push(FieldError::forbidden(&path(), format!("seed {name:?} already has the maximum number of shoots scheduled on it")));
    }
    if let Some(networking) = &new.spec.networking {
        check_disjoint(networking, seed, errors);
    }
}

fn untolerated_taint<'a>(shoot: &Shoot, seed: &'a Seed) -> Option<&'a str> {
    let tolerated = |taint: &&api::core::v1beta1::SeedTaint| {
        shoot.spec.tolerations.iter().any(|toleration| {
            toleration.key == taint.key && (toleration.value.is_none() || toleration.value == taint.value)
        })
    };
    seed.spec.taints.iter().find(|taint| !tolerated(taint)).map(|taint| taint.key.as_str())
}

/// The shoot's networks must differ from its seed's: a control plane talks to both.
fn check_disjoint(networking: &Networking, seed: &Seed, errors: &mut FieldErrors) {
    let networks = &seed.spec.networks;
    let of_seed = [("nodes", networks.nodes.as_deref()), ("pods", Some(&*networks.pods)), ("services", Some(&*networks.services))];
    let of_shoot = [("nodes", &networking.nodes), ("pods", &networking.pods), ("services", &networking.services)];
    for (shoot_role, shoot_range) in of_shoot {
        let Some(shoot_net) = shoot_range.as_deref().and_then(parse) else { continue };
        for (seed_role, seed_range) in of_seed {
            let Some(seed_net) = seed_range.and_then(parse) else { continue };
            if shoot_net.contains(&seed_net.network()) || seed_net.contains(&shoot_net.network()) {
                let detail = format!("must not overlap with the seed's {seed_role} network {seed_net}");
                errors.push(FieldError::invalid(&spec().child("networking").child(shoot_role), shoot_net.to_string(), detail));
            }
        }
    }
}

fn parse(range: &str) -> Option<IpNet> {
    range.parse().ok()
}
