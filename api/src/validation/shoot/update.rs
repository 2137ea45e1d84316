//! What may not change in a Shoot.

use apimachinery::field::{FieldError, FieldErrors, Path};

use super::validate_shoot;
use crate::{
    core::v1beta1::{Shoot, ShootSpec, Worker},
    validation::{checks, version},
};

/// Everything that is wrong with a changed Shoot.
pub fn validate_shoot_update(new: &Shoot, old: &Shoot) -> FieldErrors {
    let path = Path::new("spec");
    if new.metadata.deletion_timestamp.is_some() {
        // Only this: a Shoot that newer rules refuse must still lose its finalizers.
        let mut errors = FieldErrors::new();
        checks::forbid(
            new.spec != old.spec,
            &path,
            "cannot be changed any more: the Shoot is being deleted",
            &mut errors,
        );
        return errors;
    }
    let mut errors = validate_shoot(new);
    checks::forbid(
        new.spec.seed_name != old.spec.seed_name,
        &path.child("seedName"),
        "can only be changed through the subresource shoots/binding",
        &mut errors,
    );
    frozen(&path, &new.spec, &old.spec, &mut errors);
    networking(&path.child("networking"), &new.spec, &old.spec, &mut errors);
    credentials(&path, &new.spec, &old.spec, &mut errors);
    versions(&path, &new.spec, &old.spec, &mut errors);
    workers(
        &path.child("provider").child("workers"),
        &new.spec,
        &old.spec,
        &mut errors,
    );
    errors
}

/// Everything that is wrong with a change through `shoots/binding`: only the seed may change, and not go.
pub fn validate_shoot_binding_update(new: &Shoot, old: &Shoot) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    if new.spec.seed_name.as_deref().unwrap_or_default().is_empty() {
        errors.push(FieldError::required(
            &path.child("seedName"),
            "must name a Seed; a Shoot cannot be taken from its seed without another one",
        ));
    }
    let mut expected = old.spec.clone();
    expected.seed_name.clone_from(&new.spec.seed_name);
    checks::forbid(
        expected != new.spec,
        &path,
        "only seedName can be changed through the subresource shoots/binding",
        &mut errors,
    );
    checks::forbid(
        new.metadata.deletion_timestamp.is_some() && new.spec.seed_name != old.spec.seed_name,
        &path.child("seedName"),
        "cannot be changed any more: the Shoot is being deleted",
        &mut errors,
    );
    errors
}

/// Everything that is wrong with a changed status: identities stay.
pub fn validate_shoot_status_update(new: &Shoot, old: &Shoot) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("status");
    for (name, new, old) in [
        ("uid", &new.status.uid, &old.status.uid),
        ("technicalID", &new.status.technical_id, &old.status.technical_id),
    ] {
        if !old.is_empty() {
            checks::immutable(&path.child(name), new, old, &mut errors);
        }
    }
    checks::immutable_once_set(
        &path.child("clusterIdentity"),
        &new.status.cluster_identity,
        &old.status.cluster_identity,
        &mut errors,
    );
    errors
}

fn frozen(path: &Path, new: &ShootSpec, old: &ShootSpec, errors: &mut FieldErrors) {
    checks::immutable(
        &path.child("provider").child("type"),
        &new.provider.type_,
        &old.provider.type_,
        errors,
    );
    checks::immutable(&path.child("region"), &new.region, &old.region, errors);
    checks::immutable(
        &path.child("exposureClassName"),
        &new.exposure_class_name,
        &old.exposure_class_name,
        errors,
    );
    let domain = |spec: &ShootSpec| spec.dns.as_ref().and_then(|dns| dns.domain.clone());
    checks::immutable_once_set(&path.child("dns").child("domain"), &domain(new), &domain(old), errors);
    let tolerance = |spec: &ShootSpec| {
        let availability = spec.control_plane.as_ref()?.high_availability.as_ref()?;
        Some(availability.failure_tolerance.type_.clone())
    };
    checks::immutable_once_set(
        &path
            .child("controlPlane")
            .child("highAvailability")
            .child("failureTolerance")
            .child("type"),
        &tolerance(new),
        &tolerance(old),
        errors,
    );
}

fn networking(path: &Path, new: &ShootSpec, old: &ShootSpec, errors: &mut FieldErrors) {
    let (Some(old), Some(new)) = (&old.networking, &new.networking) else {
        return checks::forbid(
            old.networking.is_some() && new.networking.is_none(),
            path,
            "cannot be removed",
            errors,
        );
    };
    for (name, new, old) in [
        ("type", &new.type_, &old.type_),
        ("pods", &new.pods, &old.pods),
        ("services", &new.services, &old.services),
        ("nodes", &new.nodes, &old.nodes),
    ] {
        checks::immutable_once_set(&path.child(name), new, old, errors);
    }
    if !old.ip_families.is_empty() && old.ip_families.first() != new.ip_families.first() {
        errors.push(FieldError::invalid(
            &path.child("ipFamilies"),
            &new.ip_families,
            "the first IP family must stay; a second one may be added or removed",
        ));
    }
}

/// The old binding may be replaced by the new one; neither may go.
fn credentials(path: &Path, new: &ShootSpec, old: &ShootSpec, errors: &mut FieldErrors) {
    let migrated = new.secret_binding_name.is_none() && new.credentials_binding_name.is_some();
    if !migrated {
        checks::immutable_once_set(
            &path.child("secretBindingName"),
            &new.secret_binding_name,
            &old.secret_binding_name,
            errors,
        );
    }
    checks::forbid(
        old.credentials_binding_name.is_some() && new.credentials_binding_name.is_none(),
        &path.child("credentialsBindingName"),
        "cannot be removed",
        errors,
    );
}

fn versions(path: &Path, new: &ShootSpec, old: &ShootSpec, errors: &mut FieldErrors) {
    version::update(
        &path.child("kubernetes").child("version"),
        &new.kubernetes.version,
        &old.kubernetes.version,
        errors,
    );
    // A kubelet without a version of its own follows the control plane.
    let kubelet = |worker: &Worker, spec: &ShootSpec| {
        let own = worker
            .kubernetes
            .as_ref()
            .and_then(|kubernetes| kubernetes.version.clone());
        own.unwrap_or_else(|| spec.kubernetes.version.clone())
    };
    let path = path.child("provider").child("workers");
    for (index, worker) in new.provider.workers.iter().enumerate() {
        let before = old.provider.workers.iter().find(|before| before.name == worker.name);
        if let Some(before) = before
            && worker
                .kubernetes
                .as_ref()
                .is_some_and(|kubernetes| kubernetes.version.is_some())
        {
            version::update(
                &path.index(index).child("kubernetes").child("version"),
                &kubelet(worker, new),
                &kubelet(before, old),
                errors,
            );
        }
    }
}

/// With or without workers is decided at creation.
fn workers(path: &Path, new: &ShootSpec, old: &ShootSpec, errors: &mut FieldErrors) {
    match (old.provider.workers.is_empty(), new.provider.workers.is_empty()) {
        (true, false) => errors.push(FieldError::forbidden(
            path,
            "a workerless Shoot cannot get workers: create another Shoot",
        )),
        (false, true) => errors.push(FieldError::forbidden(
            path,
            "a Shoot with workers cannot become workerless: hibernate or delete it instead",
        )),
        _ => {}
    }
}
