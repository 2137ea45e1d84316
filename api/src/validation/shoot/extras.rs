//! DNS, maintenance, hibernation, extensions and resources of a Shoot.

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    names,
};

use crate::{
    core::v1beta1::{Dns, NamedResourceReference, ShootSpec},
    validation::{checks, schedule},
};

pub(super) fn validate(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    if let Some(dns) = &spec.dns {
        self::dns(&path.child("dns"), dns, errors);
    }
    if let Some(window) = spec
        .maintenance
        .as_ref()
        .and_then(|maintenance| maintenance.time_window.as_ref())
    {
        schedule::maintenance_window(&path.child("maintenance").child("timeWindow"), window, errors);
    }
    if let Some(hibernation) = &spec.hibernation {
        schedule::hibernation(
            &path.child("hibernation").child("schedules"),
            &hibernation.schedules,
            errors,
        );
    }
    let extensions = path.child("extensions");
    for (index, extension) in spec.extensions.iter().enumerate() {
        checks::required(
            &extensions.index(index).child("type"),
            &extension.type_,
            "must specify the type of the extension",
            errors,
        );
    }
    let types = spec.extensions.iter().map(|extension| extension.type_.as_str());
    checks::unique(&extensions, "type", types, errors);
    resources(&path.child("resources"), &spec.resources, errors);
}

fn dns(path: &Path, dns: &Dns, errors: &mut FieldErrors) {
    if let Some(domain) = &dns.domain {
        errors.invalid_for_each(&path.child("domain"), domain, names::dns1123_subdomain(domain));
    }
    let providers = path.child("providers");
    let primaries = dns.providers.iter().filter(|provider| provider.primary == Some(true));
    if primaries.count() > 1 {
        errors.push(FieldError::forbidden(&providers, "only one provider can be primary"));
    }
    for (index, provider) in dns.providers.iter().enumerate() {
        let has_credentials = provider.secret_name.is_some() || provider.credentials_ref.is_some();
        if has_credentials && provider.type_.is_none() {
            errors.push(FieldError::required(
                &providers.index(index).child("type"),
                "must specify the provider type that the credentials are for",
            ));
        }
    }
}

/// Objects of the project that other fields refer to; also a Seed has them.
pub(in crate::validation) fn resources(path: &Path, resources: &[NamedResourceReference], errors: &mut FieldErrors) {
    for (index, resource) in resources.iter().enumerate() {
        let path = path.index(index);
        checks::required(&path.child("name"), &resource.name, "must specify a name", errors);
        let reference = path.child("resourceRef");
        checks::one_of(
            &reference.child("kind"),
            &resource.resource_ref.kind,
            &["ConfigMap", "Secret", "WorkloadIdentity"],
            errors,
        );
        checks::required(
            &reference.child("name"),
            &resource.resource_ref.name,
            "must specify the name of the object",
            errors,
        );
    }
    checks::unique(
        path,
        "name",
        resources.iter().map(|resource| resource.name.as_str()),
        errors,
    );
}
