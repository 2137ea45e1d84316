//! Decides which extensions are installed on a seed. Pure.
//!
//! In: a [`Situation`]. Out: a [`Decision`]: ControllerInstallations as they shall be, those that shall go, and what nobody offers.

use std::collections::{BTreeMap, BTreeSet};

use api::constants;
use api::core::v1::ControllerDeployment;
use api::core::v1beta1::{
    ConditionStatus, ControllerDeploymentPolicy, ControllerInstallation, ControllerInstallationSpec,
    ControllerRegistration, Seed, Shoot,
};
use apimachinery::meta::ObjectMeta;
use apimachinery::selector::LabelSelection;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::ResourceExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::kinds::{KindType, of_seed, of_shoot};

/// Labels by which gardenlet sees that what it rendered is of yesterday (Gardener's names).
const REGISTRATION_HASH: &str = "registration-spec-hash";
const SEED_HASH: &str = "seed-spec-hash";
const DEPLOYMENT_HASH: &str = "deployment-hash";

/// How much pods of the extension may do; whoever registers it says so, and gardenlet makes the namespace so (Gardener's name).
const POD_SECURITY_ENFORCE: &str = "security.gardener.cloud/pod-security-enforce";

/// Everything that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) seed: &'a Seed,
    /// The shoots on it.
    pub(super) shoots: &'a [Shoot],
    pub(super) registrations: &'a [ControllerRegistration],
    pub(super) deployments: &'a [ControllerDeployment],
    /// What is installed on it.
    pub(super) installations: &'a [ControllerInstallation],
}

/// What shall be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decision {
    /// As they shall be; those that exist keep their names.
    pub(super) wished: Vec<ControllerInstallation>,
    /// Names of those that shall go.
    pub(super) unneeded: Vec<String>,
    /// Needed, and no extension says that it is responsible.
    pub(super) unsupported: BTreeSet<KindType>,
}

/// Decides.
pub(super) fn decide(situation: Situation<'_>) -> Decision {
    let needed = needed(situation);
    let mut decision = Decision {
        unsupported: needed.clone(),
        ..Decision::default()
    };
    let mut kept = BTreeSet::new();
    for registration in situation.registrations {
        for kind in offered(registration) {
            decision.unsupported.remove(&kind);
        }
        let present = present(situation, &registration.name_any());
        if is_required(situation, registration, present, &needed) {
            let installation = installation(situation, registration, present);
            kept.insert(installation.name_any());
            decision.wished.push(installation);
        }
    }
    let names = situation
        .installations
        .iter()
        .map(|installation| installation.name_any());
    decision.unneeded = names.filter(|name| !kept.contains(name)).collect();
    decision
}

fn needed(situation: Situation<'_>) -> BTreeSet<KindType> {
    let mut needed = of_seed(situation.seed, situation.registrations);
    for shoot in situation.shoots {
        needed.extend(of_shoot(shoot, situation.seed, situation.registrations));
    }
    needed
}

fn offered(registration: &ControllerRegistration) -> impl Iterator<Item = KindType> {
    let resources = registration.spec.resources.iter();
    resources.map(|resource| KindType::new(&resource.kind, &resource.type_))
}

/// The installation of a registration. Were there ever two, the older one is it.
fn present<'a>(situation: Situation<'a>, registration: &str) -> Option<&'a ControllerInstallation> {
    let of_registration = situation
        .installations
        .iter()
        .filter(|installation| installation.spec.registration_ref.name.as_deref() == Some(registration));
    of_registration.min_by_key(|installation| {
        let created = installation.metadata.creation_timestamp.as_ref();
        (created.map(|time| time.0), installation.name_any())
    })
}

fn is_required(
    situation: Situation<'_>,
    registration: &ControllerRegistration,
    present: Option<&ControllerInstallation>,
    needed: &BTreeSet<KindType>,
) -> bool {
    let Some(deployment) = &registration.spec.deployment else {
        return false;
    };
    // gardenlet says so while objects of its kinds are in the seed: without it they would never go.
    if present.is_some_and(is_used) {
        return true;
    }
    let is_going = registration.metadata.deletion_timestamp.is_some();
    if deployment.deployment_refs.is_empty() || (is_going && present.is_none()) || !fits(situation.seed, registration) {
        return false;
    }
    let seed_stays = situation.seed.metadata.deletion_timestamp.is_none();
    let by_policy = match deployment.policy {
        Some(ControllerDeploymentPolicy::Always) => seed_stays && !is_going,
        Some(ControllerDeploymentPolicy::AlwaysExceptNoShoots) => !situation.shoots.is_empty() && !is_going,
        Some(ControllerDeploymentPolicy::OnDemand | ControllerDeploymentPolicy::Other(_)) | None => false,
    };
    by_policy || offered(registration).any(|kind| needed.contains(&kind))
}

fn is_used(installation: &ControllerInstallation) -> bool {
    installation.status.conditions.iter().any(|condition| {
        condition.type_ == constants::CONTROLLER_INSTALLATION_REQUIRED && condition.status == ConditionStatus::True
    })
}

/// Whether the seed is one of those that the registration is for. A selector that cannot be understood selects none.
fn fits(seed: &Seed, registration: &ControllerRegistration) -> bool {
    let deployment = registration.spec.deployment.as_ref();
    match deployment.and_then(|deployment| deployment.seed_selector.as_ref()) {
        None => true,
        Some(selector) => LabelSelection::from_selector(Some(selector))
            .is_ok_and(|selection| selection.matches_optional(seed.metadata.labels.as_ref())),
    }
}

fn installation(
    situation: Situation<'_>,
    registration: &ControllerRegistration,
    present: Option<&ControllerInstallation>,
) -> ControllerInstallation {
    let name = present.map_or_else(|| new_name(registration, situation.seed), |present| present.name_any());
    let reference = |name: String| ObjectReference {
        name: Some(name),
        ..ObjectReference::default()
    };
    let references = registration
        .spec
        .deployment
        .iter()
        .flat_map(|deployment| &deployment.deployment_refs);
    let deployment_name = references.map(|reference| reference.name.clone()).next();
    let deployment = situation
        .deployments
        .iter()
        .find(|deployment| deployment.metadata.name == deployment_name);
    let mut labels = BTreeMap::from([
        (REGISTRATION_HASH.to_owned(), hash(&registration.spec)),
        (SEED_HASH.to_owned(), hash(&situation.seed.spec)),
    ]);
    labels.extend(deployment.map(|deployment| {
        let content = (
            &deployment.helm,
            &deployment.inject_garden_kubeconfig,
            &deployment.resources,
        );
        (DEPLOYMENT_HASH.to_owned(), hash(&content))
    }));
    let security = registration
        .annotations()
        .get_key_value(POD_SECURITY_ENFORCE)
        .map(|(key, level)| BTreeMap::from([(key.clone(), level.clone())]));
    ControllerInstallation {
        metadata: ObjectMeta {
            name: Some(name),
            labels: Some(labels),
            annotations: security,
            ..ObjectMeta::default()
        },
        spec: ControllerInstallationSpec {
            registration_ref: reference(registration.name_any()),
            seed_ref: Some(reference(situation.seed.name_any())),
            deployment_ref: deployment_name.map(reference),
            ..ControllerInstallationSpec::default()
        },
        ..ControllerInstallation::default()
    }
}

/// The same for the same registration and seed: made twice, by a process that knows nothing of the first time, it is still one.
fn new_name(registration: &ControllerRegistration, seed: &Seed) -> String {
    let registration = registration.name_any();
    let both = format!("{registration}/{}", seed.name_any());
    let digest = format!("{:x}", Sha256::digest(both));
    format!("{registration}-{}", &digest[..5])
}

/// The same for the same content, short enough for a label.
fn hash<T: Serialize>(content: &T) -> String {
    // What cannot be written is the same as nothing: types of the API can be.
    let text = serde_json::to_string(content).unwrap_or_default();
    format!("{:x}", Sha256::digest(text))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    struct World {
        seed: Value,
        shoots: Vec<Value>,
        registration: Value,
        installations: Vec<Value>,
    }

    impl Default for World {
        fn default() -> Self {
            let seed = json!({
                "metadata": { "name": "one", "labels": { "environment": "test" } },
                "spec": { "provider": { "type": "local" } },
            });
            let registration = json!({
                "metadata": { "name": "network" },
                "spec": {
                    "resources": [{ "kind": "Network", "type": "bridge" }],
                    "deployment": { "policy": "OnDemand", "deploymentRefs": [{ "name": "network" }] },
                },
            });
            Self {
                seed,
                shoots: Vec::new(),
                registration,
                installations: Vec::new(),
            }
        }
    }

    impl World {
        fn decide(&self) -> Decision {
            fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
                serde_json::from_value(value.clone()).unwrap()
            }
            let deployment = json!({ "metadata": { "name": "network" }, "helm": { "rawChart": "AAAA" } });
            let shoots: Vec<Shoot> = self.shoots.iter().map(read).collect();
            let installations: Vec<ControllerInstallation> = self.installations.iter().map(read).collect();
            decide(Situation {
                seed: &read(&self.seed),
                shoots: &shoots,
                registrations: &[read(&self.registration)],
                deployments: &[read(&deployment)],
                installations: &installations,
            })
        }

        fn use_network(&mut self) {
            self.shoots.push(json!({ "spec": {
                "provider": { "type": "local", "workers": [{ "name": "a" }] }, "networking": { "type": "bridge" },
            } }));
        }

        fn set_policy(&mut self, policy: &str) {
            self.registration["spec"]["deployment"]["policy"] = json!(policy);
        }

        fn install(&mut self, required: &str) {
            self.installations.push(json!({
                "metadata": { "name": "network-old" },
                "spec": { "registrationRef": { "name": "network" }, "seedRef": { "name": "one" } },
                "status": { "conditions": [{ "type": "Required", "status": required }] },
            }));
        }
    }

    /// Names of what shall be and of what shall go.
    #[track_caller]
    fn check(change: impl FnOnce(&mut World), wished: &[&str], unneeded: &[&str]) {
        let mut world = World::default();
        change(&mut world);
        let decision = world.decide();
        let names: Vec<String> = decision
            .wished
            .iter()
            .map(|installation| installation.name_any())
            .collect();
        assert_eq!((names, decision.unneeded), (owned(wished), owned(unneeded)));
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    const NEW: &[&str] = &["network-89b58"];
    const OLD: &[&str] = &["network-old"];

    #[test]
    fn on_demand_means_when_somebody_asks_for_its_kinds() {
        check(|_| {}, &[], &[]);
        check(World::use_network, NEW, &[]);
        check(
            |world| {
                world.use_network();
                world.install("False");
            },
            OLD,
            &[],
        );
        check(|world| world.install("False"), &[], OLD);
    }

    #[test]
    fn policies_ask_for_no_kind() {
        check(|world| world.set_policy("Always"), NEW, &[]);
        check(|world| world.set_policy("AlwaysExceptNoShoots"), &[], &[]);
        check(
            |world| {
                world.set_policy("AlwaysExceptNoShoots");
                world.shoots.push(json!({}));
            },
            NEW,
            &[],
        );
    }

    #[test]
    fn a_seed_that_is_not_selected_gets_nothing() {
        let select = |environment: &str| json!({ "matchLabels": { "environment": environment } });
        let with = |environment: &'static str| {
            move |world: &mut World| {
                world.use_network();
                world.registration["spec"]["deployment"]["seedSelector"] = select(environment);
            }
        };
        check(with("test"), NEW, &[]);
        check(with("production"), &[], &[]);
    }

    #[test]
    fn what_is_used_stays() {
        check(|world| world.install("True"), OLD, &[]);
        let going = json!("2026-01-01T00:00:00Z");
        check(
            |world| {
                world.set_policy("Always");
                world.seed["metadata"]["deletionTimestamp"] = going.clone();
                world.install("True");
            },
            OLD,
            &[],
        );
        check(
            |world| {
                world.set_policy("Always");
                world.seed["metadata"]["deletionTimestamp"] = going.clone();
                world.install("False");
            },
            &[],
            OLD,
        );
    }

    #[test]
    fn a_registration_that_goes_is_not_installed_anew() {
        let going =
            |world: &mut World| world.registration["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        check(
            |world| {
                world.use_network();
                going(world);
            },
            &[],
            &[],
        );
        check(
            |world| {
                world.use_network();
                world.install("False");
                going(world);
            },
            OLD,
            &[],
        );
        check(
            |world| {
                world.set_policy("Always");
                world.install("False");
                going(world);
            },
            &[],
            OLD,
        );
    }

    #[test]
    fn of_two_installations_one_goes() {
        check(
            |world| {
                world.use_network();
                world.install("False");
                world.installations.push(world.installations[0].clone());
                world.installations[1]["metadata"] =
                    json!({ "name": "network-new", "creationTimestamp": "2026-01-01T00:00:00Z" });
                world.installations[0]["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
            },
            OLD,
            &["network-new"],
        );
    }

    #[test]
    fn what_nobody_offers_is_told() {
        let mut world = World::default();
        world.use_network();
        let unsupported: Vec<String> = world.decide().unsupported.iter().map(ToString::to_string).collect();
        assert_eq!(
            unsupported,
            ["ControlPlane/local", "Infrastructure/local", "Worker/local"]
        );
    }

    #[test]
    fn an_installation_names_its_parts_and_shows_their_changes() {
        let mut world = World::default();
        world.use_network();
        world.registration["metadata"]["annotations"] =
            json!({ "security.gardener.cloud/pod-security-enforce": "baseline", "other": "x" });
        let before = world.decide().wished.remove(0);
        let text = serde_yaml_ng::to_string(&before).unwrap();
        expect_test::expect![[r#"
            apiVersion: core.gardener.cloud/v1beta1
            kind: ControllerInstallation
            metadata:
              annotations:
                security.gardener.cloud/pod-security-enforce: baseline
              labels:
                deployment-hash: 4c7b2d2787b78b58
                registration-spec-hash: 4e38153bc165549b
                seed-spec-hash: bf9e5ec9df0f2abd
              name: network-89b58
            spec:
              registrationRef:
                name: network
              seedRef:
                name: one
              deploymentRef:
                name: network
            status: {}
        "#]]
        .assert_eq(&text);
        world.seed["spec"]["provider"]["region"] = json!("elsewhere");
        let after = world.decide().wished.remove(0);
        assert_ne!(before.labels()[SEED_HASH], after.labels()[SEED_HASH]);
        assert_eq!(before.labels()[REGISTRATION_HASH], after.labels()[REGISTRATION_HASH]);
    }
}
