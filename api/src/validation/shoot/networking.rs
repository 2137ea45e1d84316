//! Networks of a Shoot.

use apimachinery::field::{FieldError, FieldErrors, Path};

use crate::{
    core::v1beta1::{IpFamily, ShootSpec},
    validation::{checks, networks},
};

pub(super) fn validate(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let has_workers = !spec.provider.workers.is_empty();
    let Some(networking) = &spec.networking else {
        if has_workers {
            errors.push(FieldError::required(
                path,
                "must be set for a Shoot with workers: name a network type",
            ));
        }
        return;
    };
    if has_workers {
        checks::required(
            &path.child("type"),
            networking.type_.as_deref().unwrap_or_default(),
            "must name a network type for a Shoot with workers",
            errors,
        );
    }
    families(&path.child("ipFamilies"), &networking.ip_families, errors);
    let ranges: Vec<_> = [
        ("nodes", &networking.nodes),
        ("pods", &networking.pods),
        ("services", &networking.services),
    ]
    .into_iter()
    .filter_map(|(name, text)| networks::parse_optional(&path.child(name), text.as_deref(), errors))
    .collect();
    networks::disjoint(&ranges, errors);
    networks::not_reserved(&ranges, errors);
    networks::of_families(&ranges, &networking.ip_families, errors);
}

fn families(path: &Path, families: &[IpFamily], errors: &mut FieldErrors) {
    for (index, family) in families.iter().enumerate() {
        checks::one_of(
            &path.index(index),
            family.as_str(),
            &[IpFamily::Ipv4.as_str(), IpFamily::Ipv6.as_str()],
            errors,
        );
    }
    checks::unique(path, "", families.iter().map(IpFamily::as_str), errors);
}
