//! What extensions must offer for a Shoot: nobody would ever do it otherwise.

use apimachinery::field::{FieldError, FieldErrors, Path};

use crate::core::v1beta1::Shoot;

/// A kind of extension resource and a type of it, such as `Worker` and `local`.
pub type Offer<'a> = (&'a str, &'a str);

/// A Shoot is refused while something that it needs is offered by no ControllerRegistration.
pub fn missing_extensions(shoot: &Shoot, offered: &[Offer<'_>]) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (path, kind, type_) in needed(shoot) {
        if !type_.is_empty() && !offered.contains(&(kind, type_.as_str())) {
            let detail =
                format!("no ControllerRegistration offers kind {kind} of type {type_:?}: register an extension");
            errors.push(FieldError::invalid(&path, &type_, detail));
        }
    }
    errors
}

fn needed(shoot: &Shoot) -> Vec<(Path, &'static str, String)> {
    let (spec, path) = (&shoot.spec, Path::new("spec"));
    let mut needed = Vec::new();
    for (index, extension) in spec.extensions.iter().enumerate() {
        // One that is switched off is asked for nothing.
        if extension.disabled != Some(true) {
            let path = path.child("extensions").index(index).child("type");
            needed.push((path, "Extension", extension.type_.clone()));
        }
    }
    if spec.provider.workers.is_empty() {
        return needed;
    }
    let provider = path.child("provider");
    for kind in ["ControlPlane", "Infrastructure", "Worker"] {
        needed.push((provider.child("type"), kind, spec.provider.type_.clone()));
    }
    let network = spec.networking.as_ref().and_then(|networking| networking.type_.clone());
    needed.push((
        path.child("networking").child("type"),
        "Network",
        network.unwrap_or_default(),
    ));
    for (index, worker) in spec.provider.workers.iter().enumerate() {
        let path = provider.child("workers").index(index);
        if let Some(image) = &worker.machine.image {
            let path = path.child("machine").child("image").child("name");
            needed.push((path, "OperatingSystemConfig", image.name.clone()));
        }
        let runtimes = worker.cri.iter().flat_map(|cri| &cri.container_runtimes);
        for (index, runtime) in runtimes.enumerate() {
            let path = path.child("cri").child("containerRuntimes").index(index).child("type");
            needed.push((path, "ContainerRuntime", runtime.type_.clone()));
        }
    }
    needed
}
