//! What a Shoot gets that its user did not say: who made it, the Kubernetes version, machine images, networks, its domain.
//!
//! In: the Shoot and the [`Facts`] around it. Out: the same Shoot, completed. Absent: defaults that need no other object,
//! which the API types have, and whether the result is valid.

use std::collections::BTreeMap;

use api::constants;
use api::core::v1beta1::{Dns, Shoot};
use api::validation::cross;
use apimachinery::meta::Time;
use jiff::Timestamp;

use super::facts::Facts;

/// A shoot with this DNS provider takes care of its names itself.
const UNMANAGED: &str = "unmanaged";

/// Completes a Shoot that is being created.
pub(crate) fn complete_new(shoot: &mut Shoot, facts: &Facts, user: &str, now: Timestamp) {
    let annotations = shoot.metadata.annotations.get_or_insert_with(BTreeMap::new);
    annotations.insert(constants::GARDEN_CREATED_BY.to_owned(), user.to_owned());
    let profile = facts.cloud_profile.as_ref();
    let version = profile
        .and_then(|profile| cross::complete_kubernetes_version(&shoot.spec.kubernetes.version, profile, &Time(now)));
    if let Some(version) = version {
        shoot.spec.kubernetes.version = version;
    }
}

/// Gives pools the machine images that their user left open.
pub(crate) fn complete_images(shoot: &mut Shoot, old: Option<&Shoot>, facts: &Facts, now: Timestamp) {
    if let Some(profile) = &facts.cloud_profile {
        cross::complete_machine_images(shoot, old, profile, &Time(now));
    }
}

/// Gives a Shoot its networks as soon as its seed is known, for they must differ from the seed's.
pub(crate) fn complete_networks(shoot: &mut Shoot, facts: &Facts) {
    if let Some(seed) = &facts.seed {
        cross::set_default_networks(shoot, seed);
    }
}

/// `<shoot>.<project>.<default domain>`, when the user names no domain.
pub(crate) fn default_domain(shoot: &mut Shoot, facts: &Facts) {
    let decided = shoot.spec.dns.as_ref().is_some_and(|dns| {
        dns.domain.is_some()
            || dns
                .providers
                .iter()
                .any(|provider| provider.type_.as_deref() == Some(UNMANAGED))
    });
    if let (false, Some(domain)) = (decided, facts.domain_of(shoot)) {
        shoot.spec.dns.get_or_insert_with(Dns::default).domain = Some(domain);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts() -> Facts {
        Facts {
            project: Some(serde_json::from_value(json!({ "metadata": { "name": "dev" } })).unwrap()),
            default_domains: vec!["shoots.example.org".to_owned()],
            ..Facts::default()
        }
    }

    fn shoot(spec: &serde_json::Value) -> Shoot {
        serde_json::from_value(json!({ "metadata": { "name": "first" }, "spec": spec })).unwrap()
    }

    fn domain(mut shoot: Shoot, facts: &Facts) -> Option<String> {
        default_domain(&mut shoot, facts);
        shoot.spec.dns.and_then(|dns| dns.domain)
    }

    #[test]
    fn the_domain_is_made_of_both_names() {
        assert_eq!(
            domain(shoot(&json!({})), &facts()).as_deref(),
            Some("first.dev.shoots.example.org")
        );
        let mine = shoot(&json!({ "dns": { "domain": "mine.example.com" } }));
        assert_eq!(domain(mine, &facts()).as_deref(), Some("mine.example.com"));
        assert_eq!(
            domain(
                shoot(&json!({ "dns": { "providers": [{ "type": "unmanaged" }] } })),
                &facts()
            ),
            None
        );
        assert_eq!(domain(shoot(&json!({})), &Facts::default()), None);
    }

    #[test]
    fn the_seeds_domain_comes_before_the_installations() {
        let seed = json!({ "spec": { "dns": { "defaults": [{ "domain": "seed.example.org" }] } } });
        let facts = Facts {
            seed: Some(serde_json::from_value(seed).unwrap()),
            ..facts()
        };
        assert_eq!(
            domain(shoot(&json!({})), &facts).as_deref(),
            Some("first.dev.seed.example.org")
        );
    }

    #[test]
    fn a_new_shoot_says_who_made_it_and_has_a_whole_version() {
        let profile =
            json!({ "spec": { "kubernetes": { "versions": [{ "version": "1.35.4" }, { "version": "1.35.10" }] } } });
        let facts = Facts {
            cloud_profile: Some(serde_json::from_value(profile).unwrap()),
            ..facts()
        };
        let mut new = shoot(&json!({ "kubernetes": { "version": "1.35" } }));
        complete_new(&mut new, &facts, "alice", Timestamp::UNIX_EPOCH);
        assert_eq!(new.spec.kubernetes.version, "1.35.10");
        assert_eq!(new.metadata.annotations.unwrap()["gardener.cloud/created-by"], "alice");
    }
}
