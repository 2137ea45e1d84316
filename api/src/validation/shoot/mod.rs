//! Shoots.

mod control_plane; // versions and components of Kubernetes
mod extras; // DNS, maintenance, hibernation, extensions, resources
mod networking;
mod nodes; // what nodes of a pool get, and room for them
mod update;
mod workerless; // what a Shoot without workers must not have
mod workers;

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    names,
};

pub(super) use self::extras::resources;
pub use self::update::{validate_shoot_binding_update, validate_shoot_status_update, validate_shoot_update};
use super::{
    checks::{self, NameRule},
    version,
};
use crate::{
    constants::{
        CLOUD_PROFILE_KIND, FINALIZER_GARDENER, FINALIZER_REFERENCE_PROTECTION, GARDEN_NAMESPACE,
        NAMESPACED_CLOUD_PROFILE_KIND,
    },
    core::v1beta1::{Shoot, ShootPurpose, ShootSpec},
};

/// Everything that is wrong with a Shoot by itself.
pub fn validate_shoot(shoot: &Shoot) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    checks::name(&shoot.metadata, &NameRule::LabelWithoutDoubleHyphen, &mut errors);
    basics(&path, &shoot.spec, &mut errors);
    purpose(&path.child("purpose"), shoot, &mut errors);
    credentials(&path, &shoot.spec, &mut errors);
    control_plane::validate(&path, &shoot.spec, &mut errors);
    networking::validate(&path.child("networking"), &shoot.spec, &mut errors);
    extras::validate(&path, &shoot.spec, &mut errors);
    if shoot.spec.provider.workers.is_empty() {
        workerless::validate(&path, &shoot.spec, &mut errors);
    } else {
        workers::validate(&path.child("provider"), &shoot.spec, &mut errors);
    }
    errors
}

/// Everything that is wrong with a Shoot that is to be created.
pub fn validate_shoot_creation(shoot: &Shoot) -> FieldErrors {
    let mut errors = validate_shoot(shoot);
    let path = Path::new("metadata").child("finalizers");
    for (index, finalizer) in shoot.metadata.finalizers.iter().flatten().enumerate() {
        if [FINALIZER_GARDENER, FINALIZER_REFERENCE_PROTECTION].contains(&finalizer.as_str()) {
            errors.push(FieldError::forbidden(
                &path.index(index),
                format!("finalizer {finalizer:?} cannot be added on creation: Gardener adds it itself"),
            ));
        }
    }
    errors
}

fn basics(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    checks::required(
        &path.child("provider").child("type"),
        &spec.provider.type_,
        "must specify a provider type",
        errors,
    );
    checks::required(&path.child("region"), &spec.region, "must specify a region", errors);
    cloud_profile(path, spec, errors);
    if let Some(name) = &spec.exposure_class_name {
        errors.invalid_for_each(&path.child("exposureClassName"), name, names::dns1123_subdomain(name));
    }
    if let Some(name) = &spec.seed_name {
        errors.invalid_for_each(&path.child("seedName"), name, names::dns1123_label(name));
    }
    let tolerations = path.child("tolerations");
    for (index, toleration) in spec.tolerations.iter().enumerate() {
        checks::required(
            &tolerations.index(index).child("key"),
            &toleration.key,
            "must specify the key of a taint",
            errors,
        );
    }
    let keys = spec.tolerations.iter().map(|toleration| toleration.key.as_str());
    checks::unique(&tolerations, "key", keys, errors);
}

fn cloud_profile(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let old_name = spec.cloud_profile_name.as_deref().filter(|name| !name.is_empty());
    if version::at_least(&spec.kubernetes.version, 1, 34) {
        checks::forbid(
            old_name.is_some(),
            &path.child("cloudProfileName"),
            "not supported from Kubernetes 1.34 on: use spec.cloudProfile",
            errors,
        );
    }
    let path = path.child("cloudProfile");
    let Some(reference) = &spec.cloud_profile else {
        if old_name.is_none() {
            errors.push(FieldError::required(
                &path,
                "must specify a cloud profile by kind and name",
            ));
        }
        return;
    };
    checks::one_of(
        &path.child("kind"),
        &reference.kind,
        &[CLOUD_PROFILE_KIND, NAMESPACED_CLOUD_PROFILE_KIND],
        errors,
    );
    let name = path.child("name");
    checks::required(
        &name,
        &reference.name,
        "must specify the name of the cloud profile",
        errors,
    );
    if let Some(old_name) = old_name
        && old_name != reference.name
    {
        errors.push(FieldError::invalid(
            &name,
            &reference.name,
            "must be the same as spec.cloudProfileName, or that field must be empty",
        ));
    }
}

fn purpose(path: &Path, shoot: &Shoot, errors: &mut FieldErrors) {
    let supported = [
        ShootPurpose::Evaluation,
        ShootPurpose::Testing,
        ShootPurpose::Development,
        ShootPurpose::Production,
        ShootPurpose::Infrastructure,
    ];
    match &shoot.spec.purpose {
        None => {}
        Some(ShootPurpose::Infrastructure) if shoot.metadata.namespace.as_deref() != Some(GARDEN_NAMESPACE) => {
            errors.push(FieldError::forbidden(
                path,
                format!("purpose infrastructure is only for Shoots in the namespace {GARDEN_NAMESPACE}"),
            ));
        }
        Some(purpose) if !supported.contains(purpose) => {
            let names = supported.iter().map(ShootPurpose::as_str);
            errors.push(FieldError::not_supported(path, purpose, names));
        }
        Some(_) => {}
    }
}

/// A Shoot with workers needs credentials for the cloud, one without must not have any.
fn credentials(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let (old, new) = (path.child("secretBindingName"), path.child("credentialsBindingName"));
    let old_name = spec.secret_binding_name.as_deref().filter(|name| !name.is_empty());
    let new_name = spec.credentials_binding_name.as_deref().filter(|name| !name.is_empty());
    if spec.provider.workers.is_empty() {
        checks::forbid(old_name.is_some(), &old, workerless::REMEDY, errors);
        checks::forbid(new_name.is_some(), &new, workerless::REMEDY, errors);
        return;
    }
    match (old_name, new_name) {
        (Some(_), Some(_)) => errors.push(FieldError::forbidden(
            &old,
            "must not be set together with spec.credentialsBindingName: keep only the latter",
        )),
        (Some(_), None) if version::at_least(&spec.kubernetes.version, 1, 34) => errors.push(FieldError::forbidden(
            &old,
            "not supported from Kubernetes 1.34 on: use spec.credentialsBindingName",
        )),
        (None, None) => errors.push(FieldError::required(
            &new,
            "must be set for a Shoot with workers: name a CredentialsBinding of the project",
        )),
        _ => {}
    }
}
