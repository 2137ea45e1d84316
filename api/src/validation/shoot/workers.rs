//! Worker pools of a Shoot.

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    meta::IntOrString,
    names,
};

use super::nodes;
use crate::{
    constants::{ARCHITECTURE_AMD64, ARCHITECTURE_ARM64},
    core::v1beta1::{CriName, MachineUpdateStrategy, ShootSpec, Worker},
    validation::{checks, version},
};

/// Part of machines' names, together with shoot and project.
const LONGEST_NAME: usize = 15;

/// How many minor versions kubelets may be older than the control plane.
const LARGEST_SKEW: u64 = 3;

pub(super) fn validate(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let path = path.child("workers");
    for (index, worker) in spec.provider.workers.iter().enumerate() {
        self::worker(&path.index(index), worker, &spec.kubernetes.version, errors);
    }
    nodes::room(&path, spec, errors);
    let workers = &spec.provider.workers;
    checks::unique(&path, "name", workers.iter().map(|worker| worker.name.as_str()), errors);
    let runs_system_components = |worker: &Worker| worker.maximum > 0 && worker.allows_system_components();
    if !workers.iter().any(runs_system_components) {
        errors.push(FieldError::forbidden(
            &path,
            "at least one worker pool must have maximum > 0 and systemComponents.allow=true",
        ));
    }
}

fn worker(path: &Path, worker: &Worker, control_plane: &str, errors: &mut FieldErrors) {
    let name = path.child("name");
    checks::required(&name, &worker.name, "must specify a name", errors);
    if !worker.name.is_empty() {
        errors.invalid_for_each(&name, &worker.name, names::dns1123_label(&worker.name));
    }
    if worker.name.len() > LONGEST_NAME {
        errors.push(FieldError::too_long(&name, LONGEST_NAME));
    }
    size(path, worker, errors);
    nodes::pool(path, worker, errors);
    machine(path, worker, errors);
    volumes(path, worker, errors);
    if let Some(cri) = &worker.cri {
        checks::one_of(
            &path.child("cri").child("name"),
            cri.name.as_str(),
            &[CriName::Containerd.as_str()],
            errors,
        );
    }
    checks::unique(
        &path.child("zones"),
        "",
        worker.zones.iter().map(String::as_str),
        errors,
    );
    if let Some(version) = worker
        .kubernetes
        .as_ref()
        .and_then(|kubernetes| kubernetes.version.as_deref())
    {
        kubelet_version(
            &path.child("kubernetes").child("version"),
            version,
            control_plane,
            errors,
        );
    }
    if let Some(strategy) = &worker.update_strategy {
        checks::one_of(
            &path.child("updateStrategy"),
            strategy.as_str(),
            &[
                MachineUpdateStrategy::AutoRollingUpdate.as_str(),
                MachineUpdateStrategy::AutoInPlaceUpdate.as_str(),
                MachineUpdateStrategy::ManualInPlaceUpdate.as_str(),
            ],
            errors,
        );
    }
}

fn size(path: &Path, worker: &Worker, errors: &mut FieldErrors) {
    for (name, value) in [("minimum", worker.minimum), ("maximum", worker.maximum)] {
        if value < 0 {
            errors.push(FieldError::invalid(
                &path.child(name),
                value,
                "must be greater than or equal to 0",
            ));
        }
    }
    if worker.maximum < worker.minimum {
        errors.push(FieldError::invalid(
            &path.child("maximum"),
            worker.maximum,
            format!("must not be less than minimum ({})", worker.minimum),
        ));
    }
    let manual = worker.update_strategy == Some(MachineUpdateStrategy::ManualInPlaceUpdate);
    for (name, value) in [
        ("maxSurge", &worker.max_surge),
        ("maxUnavailable", &worker.max_unavailable),
    ] {
        if let Some(value) = value
            && amount(value).is_none()
        {
            errors.push(FieldError::invalid(
                &path.child(name),
                value,
                "must be a number of machines or a percentage, such as 1 or 25%",
            ));
        }
    }
    let is_zero = |value: &Option<IntOrString>| value.as_ref().and_then(amount) == Some(0);
    if !manual && is_zero(&worker.max_surge) && is_zero(&worker.max_unavailable) {
        errors.push(FieldError::invalid(
            &path.child("maxUnavailable"),
            &worker.max_unavailable,
            "may not be 0 when maxSurge is 0: no machine could ever be replaced",
        ));
    }
}

/// A number or percentage, not below zero.
fn amount(value: &IntOrString) -> Option<u32> {
    match value {
        IntOrString::Int(number) => u32::try_from(*number).ok(),
        IntOrString::String(text) => text.strip_suffix('%')?.parse().ok().filter(|percent| *percent <= 100),
    }
}

fn machine(path: &Path, worker: &Worker, errors: &mut FieldErrors) {
    let path = path.child("machine");
    checks::required(
        &path.child("type"),
        &worker.machine.type_,
        "must specify a machine type of the cloud profile",
        errors,
    );
    if let Some(architecture) = &worker.machine.architecture {
        checks::one_of(
            &path.child("architecture"),
            architecture,
            &[ARCHITECTURE_AMD64, ARCHITECTURE_ARM64],
            errors,
        );
    }
    if let Some(image) = &worker.machine.image {
        let path = path.child("image");
        checks::required(
            &path.child("name"),
            &image.name,
            "must specify a machine image of the cloud profile",
            errors,
        );
        if let Some(version) = image.version.as_deref().filter(|version| !version.is_empty()) {
            version::well_formed(&path.child("version"), version, errors);
        }
    }
}

fn volumes(path: &Path, worker: &Worker, errors: &mut FieldErrors) {
    if let Some(volume) = &worker.volume {
        volume_size(&path.child("volume").child("size"), &volume.size, errors);
    }
    let data = path.child("dataVolumes");
    for (index, volume) in worker.data_volumes.iter().enumerate() {
        let path = data.index(index);
        if volume.name.is_empty() {
            errors.push(FieldError::required(&path.child("name"), "must specify a name"));
        } else {
            errors.invalid_for_each(&path.child("name"), &volume.name, names::dns1123_label(&volume.name));
        }
        volume_size(&path.child("size"), &volume.size, errors);
    }
    let volume_names = || worker.data_volumes.iter().map(|volume| volume.name.as_str());
    checks::unique(&data, "name", volume_names(), errors);
    if let Some(name) = &worker.kubelet_data_volume_name
        && !volume_names().any(|volume| volume == name)
    {
        errors.push(FieldError::invalid(
            &path.child("kubeletDataVolumeName"),
            name,
            "must be the name of one of dataVolumes",
        ));
    }
}

fn volume_size(path: &Path, size: &str, errors: &mut FieldErrors) {
    let is_size = size
        .strip_suffix("Gi")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_size {
        errors.push(FieldError::invalid(path, size, "must be a number of Gi, such as 50Gi"));
    }
}

fn kubelet_version(path: &Path, text: &str, control_plane: &str, errors: &mut FieldErrors) {
    version::well_formed(path, text, errors);
    let (Some(kubelet), Some(control_plane)) = (version::parse(text), version::parse(control_plane)) else {
        return;
    };
    if kubelet > control_plane {
        errors.push(FieldError::forbidden(
            path,
            format!("kubelets must not be newer than the control plane ({control_plane})"),
        ));
    } else if kubelet.major < control_plane.major || control_plane.minor.saturating_sub(kubelet.minor) > LARGEST_SKEW {
        errors.push(FieldError::forbidden(
            path,
            format!("kubelets must not be more than {LARGEST_SKEW} minor versions older than the control plane ({control_plane})"),
        ));
    }
}
