//! What a Shoot gets that its user did not say: who made it, the Kubernetes version, networks, its domain.
//!
//! In: the Shoot and the [`Facts`] around it. Out: the same Shoot, completed. Absent: defaults that need no other object,
//! which the API types have, and whether the result is valid.

use std::collections::BTreeMap;

use api::constants;
use api::core::v1beta1::{Dns, ExpirableVersion, Networking, Seed, Shoot, VersionClassification};
use jiff::Timestamp;

use super::facts::Facts;

/// Gardener's networks of a shoot whose seed has no opinion.
const PODS: &str = constants::DEFAULT_POD_NETWORK;
const SERVICES: &str = constants::DEFAULT_SERVICE_NETWORK;
/// A shoot with this provider takes care of its DNS itself.
const UNMANAGED: &str = "unmanaged";

/// Completes a Shoot that is being created.
pub(crate) fn complete_new(shoot: &mut Shoot, facts: &Facts, user: &str, now: Timestamp) {
    let annotations = shoot.metadata.annotations.get_or_insert_with(BTreeMap::new);
    annotations.insert(constants::GARDEN_CREATED_BY.to_owned(), user.to_owned());
    if let Some(version) = kubernetes_version(shoot, facts, now) {
        shoot.spec.kubernetes.version = version;
    }
}

/// Gives a Shoot its networks as soon as its seed is known, for they must differ from the seed's.
pub(crate) fn complete_networks(shoot: &mut Shoot, facts: &Facts) {
    if let Some(seed) = &facts.seed {
        default_networks(shoot, seed);
    }
}

/// True when there is nothing to run workloads on.
pub(crate) fn is_workerless(shoot: &Shoot) -> bool {
    shoot.spec.provider.workers.is_empty()
}

/// A workerless shoot has Services only.
fn default_networks(shoot: &mut Shoot, seed: &Seed) {
    let workerless = is_workerless(shoot);
    let defaults = seed.spec.networks.shoot_defaults.clone().unwrap_or_default();
    let networking = shoot.spec.networking.get_or_insert_with(Networking::default);
    if !workerless {
        networking.pods.get_or_insert_with(|| defaults.pods.unwrap_or_else(|| PODS.to_owned()));
    }
    networking.services.get_or_insert_with(|| defaults.services.unwrap_or_else(|| SERVICES.to_owned()));
}

/// `<shoot>.<project>.<default domain>`, when the user names no domain.
pub(crate) fn default_domain(shoot: &mut Shoot, facts: &Facts) {
    let unmanaged = shoot.spec.dns.as_ref().is_some_and(|dns| {
        dns.domain.is_some() || dns.providers.iter().any(|provider| provider.type_.as_deref() == Some(UNMANAGED))
    });
    if let (false, Some(domain)) = (unmanaged, facts.domain_of(shoot)) {
        shoot.spec.dns.get_or_insert_with(Dns::default).domain = Some(domain);
    }
}

/// The newest supported version that begins like the one asked for; nothing if it is complete, or none does.
fn kubernetes_version(shoot: &Shoot, facts: &Facts, now: Timestamp) -> Option<String> {
    let asked = parts(&shoot.spec.kubernetes.version)?;
    let profile = facts.cloud_profile.as_ref()?;
    if asked.len() == 3 {
        return None;
    }
    let offered = profile.spec.kubernetes.versions.iter().filter(|version| is_offered(version, now));
    let matching = offered.filter_map(|version| {
        let numbers = parts(&version.version)?;
        numbers.starts_with(&asked).then_some((numbers, version.version.clone()))
    });
    matching.max().map(|(_, version)| version)
}

/// Neither a preview nor about to go.
fn is_offered(version: &ExpirableVersion, now: Timestamp) -> bool {
    let classified = matches!(&version.classification, None | Some(VersionClassification::Supported));
    classified && !is_expired(version, now)
}

/// True once nobody should use the version any more.
pub(crate) fn is_expired(version: &ExpirableVersion, now: Timestamp) -> bool {
    version.expiration_date.as_ref().is_some_and(|date| date.0 <= now)
        || version.classification == Some(VersionClassification::Expired)
}

/// `1.35.4` as numbers; of an empty text no numbers; `None` for what is no version.
fn parts(version: &str) -> Option<Vec<u64>> {
    match version {
        "" => Some(Vec::new()),
        version => version.split('.').map(|part| part.parse().ok()).collect(),
    }
}
