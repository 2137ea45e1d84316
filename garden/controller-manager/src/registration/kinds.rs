//! Which kinds and types of extension objects a seed needs. Pure.
//!
//! In: a Seed, the Shoots on it, all ControllerRegistrations (some extensions are on by default). Out: a set of [`KindType`]s.

use std::collections::BTreeSet;
use std::fmt;

use api::core::v1beta1::{ClusterType, ControllerRegistration, Extension, Seed, Shoot, Worker};

/// What a shoot with machines has of its provider.
const OF_PROVIDER: [&str; 3] = ["ControlPlane", "Infrastructure", "Worker"];

/// The type of DNS provider that stands for none.
const UNMANAGED: &str = "unmanaged";

/// A kind of extension object and its type: one extension is responsible for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KindType {
    kind: String,
    type_: String,
}

impl KindType {
    pub(super) fn new(kind: &str, type_: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            type_: type_.to_owned(),
        }
    }
}

impl fmt::Display for KindType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind, self.type_)
    }
}

/// What the seed itself needs, before any shoot is on it: then the first shoot does not wait for an installation. A seed that goes
/// needs nothing.
pub(super) fn of_seed(seed: &Seed, registrations: &[ControllerRegistration]) -> BTreeSet<KindType> {
    if seed.metadata.deletion_timestamp.is_some() {
        return BTreeSet::new();
    }
    let spec = &seed.spec;
    let mut kinds: BTreeSet<KindType> = OF_PROVIDER
        .iter()
        .map(|kind| KindType::new(kind, &spec.provider.type_))
        .collect();
    let dns = &spec.dns;
    let own = dns.provider.iter().map(|provider| &provider.type_);
    let for_shoots = dns.internal.iter().chain(&dns.defaults).map(|provider| &provider.type_);
    kinds.extend(own.chain(for_shoots).map(|type_| KindType::new("DNSRecord", type_)));
    let backup = spec.backup.iter();
    kinds.extend(backup.map(|backup| KindType::new("BackupBucket", &backup.provider)));
    let by_default = default_extensions(registrations, &ClusterType::Seed, false);
    kinds.extend(extensions(&spec.extensions, &by_default));
    kinds
}

/// What a shoot on the seed needs of it.
pub(super) fn of_shoot(shoot: &Shoot, seed: &Seed, registrations: &[ControllerRegistration]) -> BTreeSet<KindType> {
    let spec = &shoot.spec;
    let workers = &spec.provider.workers;
    let mut kinds = BTreeSet::new();
    let backup = seed.spec.backup.iter();
    kinds.extend(backup.map(|backup| KindType::new("BackupEntry", &backup.provider)));
    let providers = spec.dns.iter().flat_map(|dns| &dns.providers);
    let types = providers.filter_map(|provider| provider.type_.as_deref());
    kinds.extend(
        types
            .filter(|type_| *type_ != UNMANAGED)
            .map(|type_| KindType::new("DNSRecord", type_)),
    );
    let by_default = default_extensions(registrations, &ClusterType::Shoot, workers.is_empty());
    kinds.extend(extensions(&spec.extensions, &by_default));
    if workers.is_empty() {
        return kinds;
    }
    kinds.extend(OF_PROVIDER.iter().map(|kind| KindType::new(kind, &spec.provider.type_)));
    let network = spec
        .networking
        .as_ref()
        .and_then(|networking| networking.type_.as_deref());
    kinds.extend(network.map(|type_| KindType::new("Network", type_)));
    kinds.extend(workers.iter().flat_map(of_worker));
    kinds
}

/// An operating system by its machine image's name, and container runtimes beyond the usual one.
fn of_worker(worker: &Worker) -> Vec<KindType> {
    let image = worker.machine.image.iter();
    let runtimes = worker.cri.iter().flat_map(|cri| &cri.container_runtimes);
    image
        .map(|image| KindType::new("OperatingSystemConfig", &image.name))
        .chain(runtimes.map(|runtime| KindType::new("ContainerRuntime", &runtime.type_)))
        .collect()
}

/// Types of extensions that are on unless somebody turns them off.
fn default_extensions(
    registrations: &[ControllerRegistration],
    cluster: &ClusterType,
    workerless: bool,
) -> BTreeSet<String> {
    let resources = registrations
        .iter()
        .filter(|registration| registration.metadata.deletion_timestamp.is_none())
        .flat_map(|registration| &registration.spec.resources);
    resources
        .filter(|resource| resource.kind == "Extension" && resource.auto_enable.contains(cluster))
        .filter(|resource| !workerless || resource.workerless_supported == Some(true))
        .map(|resource| resource.type_.clone())
        .collect()
}

/// Those that are on by default and those that are wished, without those that are turned off.
fn extensions(wished: &[Extension], by_default: &BTreeSet<String>) -> BTreeSet<KindType> {
    let is_off = |type_: &str| {
        wished
            .iter()
            .any(|extension| extension.type_ == type_ && extension.disabled == Some(true))
    };
    let types = wished.iter().map(|extension| &extension.type_).chain(by_default);
    types
        .filter(|type_| !is_off(type_))
        .map(|type_| KindType::new("Extension", type_))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn seed(change: impl FnOnce(&mut Value)) -> Seed {
        let mut seed = json!({
            "metadata": { "name": "one" },
            "spec": {
                "provider": { "type": "local", "region": "local" },
                "dns": { "internal": { "type": "local" }, "defaults": [{ "type": "route53" }] },
            },
        });
        change(&mut seed);
        serde_json::from_value(seed).unwrap()
    }

    fn registrations() -> Vec<ControllerRegistration> {
        let extension = |type_: &str, on: &[&str], workerless: bool| json!({ "kind": "Extension", "type": type_, "autoEnable": on, "workerlessSupported": workerless });
        let spec = json!({ "resources": [
            extension("audit", &["shoot", "seed"], true),
            extension("lb", &["shoot"], false),
            extension("asked-for", &[], true),
        ] });
        vec![serde_json::from_value(json!({ "metadata": { "name": "more" }, "spec": spec })).unwrap()]
    }

    fn shoot(spec: &Value) -> Shoot {
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    fn texts(kinds: &BTreeSet<KindType>) -> Vec<String> {
        kinds.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_seed_needs_its_provider_its_names_and_what_is_on_by_default() {
        let wished = [
            "ControlPlane/local",
            "DNSRecord/local",
            "DNSRecord/route53",
            "Extension/audit",
            "Infrastructure/local",
            "Worker/local",
        ];
        assert_eq!(texts(&of_seed(&seed(|_| {}), &registrations())), wished);
        let with_backup = seed(|seed| seed["spec"]["backup"] = json!({ "provider": "s3" }));
        assert!(texts(&of_seed(&with_backup, &[])).contains(&"BackupBucket/s3".to_owned()));
        let going = seed(|seed| seed["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
        assert!(of_seed(&going, &registrations()).is_empty());
    }

    #[test]
    fn a_shoot_with_machines_needs_more_than_one_without() {
        let workerless = shoot(&json!({ "provider": { "type": "local" }, "networking": { "type": "bridge" } }));
        assert_eq!(
            texts(&of_shoot(&workerless, &seed(|_| {}), &registrations())),
            ["Extension/audit"]
        );
        let worker = json!({
            "machine": { "image": { "name": "gardenlinux" } },
            "cri": { "name": "containerd", "containerRuntimes": [{ "type": "gvisor" }] },
        });
        let full = shoot(&json!({
            "provider": { "type": "aws", "workers": [worker] },
            "networking": { "type": "calico" },
            "dns": { "providers": [{ "type": "unmanaged" }, { "type": "google" }] },
            "extensions": [{ "type": "asked-for" }, { "type": "audit", "disabled": true }],
        }));
        let wished = [
            "ContainerRuntime/gvisor",
            "ControlPlane/aws",
            "DNSRecord/google",
            "Extension/asked-for",
            "Extension/lb",
            "Infrastructure/aws",
            "Network/calico",
            "OperatingSystemConfig/gardenlinux",
            "Worker/aws",
        ];
        assert_eq!(texts(&of_shoot(&full, &seed(|_| {}), &registrations())), wished);
    }
}
