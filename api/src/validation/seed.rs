//! Seeds.

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    names,
};

use super::{
    checks::{self, NameRule},
    networks,
    shoot::resources,
};
use crate::{
    constants::INGRESS_KIND_NGINX,
    core::v1beta1::{Backup, Ingress, IpFamily, Seed, SeedDns, SeedDnsProviderConfig, SeedNetworks, SeedSpec},
};

/// Everything that is wrong with a Seed by itself.
pub fn validate_seed(seed: &Seed) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&seed.metadata, &NameRule::LabelWithoutDoubleHyphen, &mut errors);
    spec(&Path::new("spec"), &seed.spec, &mut errors);
    errors
}

/// Everything that is wrong with a changed Seed.
pub fn validate_seed_update(new: &Seed, old: &Seed) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() && new.spec == old.spec {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    let mut errors = validate_seed(new);
    let path = Path::new("spec");
    let networks = path.child("networks");
    let (new_nets, old_nets) = (&new.spec.networks, &old.spec.networks);
    checks::immutable(&networks.child("pods"), &new_nets.pods, &old_nets.pods, &mut errors);
    checks::immutable(
        &networks.child("services"),
        &new_nets.services,
        &old_nets.services,
        &mut errors,
    );
    checks::immutable_once_set(&networks.child("nodes"), &new_nets.nodes, &old_nets.nodes, &mut errors);
    if !old_nets.ip_families.is_empty() {
        let families = networks.child("ipFamilies");
        checks::immutable(&families, &new_nets.ip_families, &old_nets.ip_families, &mut errors);
    }
    let domain = |seed: &Seed| seed.spec.ingress.as_ref().map(|ingress| ingress.domain.clone());
    checks::immutable_once_set(
        &path.child("ingress").child("domain"),
        &domain(new),
        &domain(old),
        &mut errors,
    );
    backup_update(&path.child("backup"), &new.spec, &old.spec, &mut errors);
    let identity = Path::new("status").child("clusterIdentity");
    checks::immutable_once_set(
        &identity,
        &new.status.cluster_identity,
        &old.status.cluster_identity,
        &mut errors,
    );
    errors
}

/// Backups may be begun, but not moved: the old ones would be lost.
fn backup_update(path: &Path, new: &SeedSpec, old: &SeedSpec, errors: &mut FieldErrors) {
    let Some(old) = &old.backup else { return };
    match &new.backup {
        None => errors.push(FieldError::forbidden(
            path,
            "cannot be removed: the backups would be lost",
        )),
        Some(new) => {
            checks::immutable(&path.child("provider"), &new.provider, &old.provider, errors);
            checks::immutable(&path.child("region"), &new.region, &old.region, errors);
        }
    }
}

fn spec(path: &Path, spec: &SeedSpec, errors: &mut FieldErrors) {
    let provider = path.child("provider");
    checks::required(
        &provider.child("type"),
        &spec.provider.type_,
        "must specify a provider type",
        errors,
    );
    checks::required(
        &provider.child("region"),
        &spec.provider.region,
        "must specify a region",
        errors,
    );
    let zones = spec.provider.zones.iter().map(String::as_str);
    checks::unique(&provider.child("zones"), "", zones, errors);
    dns(&path.child("dns"), &spec.dns, errors);
    match &spec.ingress {
        Some(ingress) => self::ingress(&path.child("ingress"), ingress, errors),
        None => errors.push(FieldError::required(
            &path.child("ingress"),
            "must specify the domain and the controller of the seed's ingress",
        )),
    }
    nets(&path.child("networks"), &spec.networks, errors);
    if let Some(backup) = &spec.backup {
        self::backup(&path.child("backup"), backup, spec, errors);
    }
    let taints = path.child("taints");
    for (index, taint) in spec.taints.iter().enumerate() {
        checks::required(
            &taints.index(index).child("key"),
            &taint.key,
            "must specify a key",
            errors,
        );
    }
    let keys = spec.taints.iter().map(|taint| taint.key.as_str());
    checks::unique(&taints, "key", keys, errors);
    resources(&path.child("resources"), &spec.resources, errors);
}

fn dns(path: &Path, dns: &SeedDns, errors: &mut FieldErrors) {
    let provider = path.child("provider");
    match &dns.provider {
        None => errors.push(FieldError::required(
            &provider,
            "must specify the DNS provider of the seed's ingress domain",
        )),
        Some(config) => {
            checks::required(
                &provider.child("type"),
                &config.type_,
                "must specify a provider type",
                errors,
            );
            if config.credentials_ref.is_none() {
                errors.push(FieldError::required(
                    &provider.child("credentialsRef"),
                    "must refer to the credentials of the provider",
                ));
            }
        }
    }
    match &dns.internal {
        None => errors.push(FieldError::required(
            &path.child("internal"),
            "must specify the domain of the shoots' internal names",
        )),
        Some(config) => dns_domain(&path.child("internal"), config, errors),
    }
    let defaults = path.child("defaults");
    for (index, config) in dns.defaults.iter().enumerate() {
        dns_domain(&defaults.index(index), config, errors);
    }
    let domains = dns.defaults.iter().map(|config| config.domain.as_str());
    checks::unique(&defaults, "domain", domains, errors);
}

fn dns_domain(path: &Path, config: &SeedDnsProviderConfig, errors: &mut FieldErrors) {
    checks::required(
        &path.child("type"),
        &config.type_,
        "must specify a provider type",
        errors,
    );
    domain(&path.child("domain"), &config.domain, errors);
    checks::required(
        &path.child("credentialsRef").child("name"),
        config.credentials_ref.name.as_deref().unwrap_or_default(),
        "must refer to the credentials of the provider",
        errors,
    );
}

fn domain(path: &Path, domain: &str, errors: &mut FieldErrors) {
    if domain.is_empty() {
        errors.push(FieldError::required(path, "must specify a domain"));
    } else {
        errors.invalid_for_each(path, domain, names::dns1123_subdomain(domain));
    }
}

fn ingress(path: &Path, ingress: &Ingress, errors: &mut FieldErrors) {
    domain(&path.child("domain"), &ingress.domain, errors);
    checks::one_of(
        &path.child("controller").child("kind"),
        &ingress.controller.kind,
        &[INGRESS_KIND_NGINX],
        errors,
    );
}

fn nets(path: &Path, nets: &SeedNetworks, errors: &mut FieldErrors) {
    let families = path.child("ipFamilies");
    for (index, family) in nets.ip_families.iter().enumerate() {
        let supported = [IpFamily::Ipv4.as_str(), IpFamily::Ipv6.as_str()];
        checks::one_of(&families.index(index), family.as_str(), &supported, errors);
    }
    let mut ranges = Vec::new();
    ranges.extend(networks::parse_optional(
        &path.child("nodes"),
        nets.nodes.as_deref(),
        errors,
    ));
    for (name, text) in [("pods", &nets.pods), ("services", &nets.services)] {
        if text.is_empty() {
            errors.push(FieldError::required(&path.child(name), "must specify a CIDR"));
        } else {
            ranges.extend(networks::parse(&path.child(name), text, errors));
        }
    }
    if let Some(defaults) = &nets.shoot_defaults {
        let path = path.child("shootDefaults");
        ranges.extend(networks::parse_optional(
            &path.child("pods"),
            defaults.pods.as_deref(),
            errors,
        ));
        ranges.extend(networks::parse_optional(
            &path.child("services"),
            defaults.services.as_deref(),
            errors,
        ));
    }
    networks::disjoint(&ranges, errors);
    networks::not_reserved(&ranges, errors);
    networks::of_families(&ranges, &nets.ip_families, errors);
    for (index, text) in nets.block_cidrs.iter().enumerate() {
        networks::parse(&path.child("blockCIDRs").index(index), text, errors);
    }
}

fn backup(path: &Path, backup: &Backup, spec: &SeedSpec, errors: &mut FieldErrors) {
    checks::required(
        &path.child("provider"),
        &backup.provider,
        "must specify the provider of the object store",
        errors,
    );
    let region = backup.region.as_deref().unwrap_or_default();
    if backup.provider != spec.provider.type_ {
        checks::required(
            &path.child("region"),
            region,
            "must specify a region: the provider differs from the seed's own",
            errors,
        );
    }
    if backup.credentials_ref.is_none() {
        errors.push(FieldError::required(
            &path.child("credentialsRef"),
            "must refer to the credentials of the object store",
        ));
    }
}
