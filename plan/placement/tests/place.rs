//! Placement as a table: a valid landscape, and each case breaks one thing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and its helpers with it")]

use std::collections::BTreeMap;

use api::core::v1beta1::{CloudProfileSpec, Seed, Shoot};
use plan_placement::{Request, Strategy, count_shoots, place};
use serde_json::{Value, json};

fn seed(name: &str) -> Value {
    json!({
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "Seed",
        "metadata": { "name": name, "labels": { "tier": "standard" } },
        "spec": {
            "provider": { "type": "local", "region": "local", "zones": ["a"] },
            "networks": { "pods": "10.2.0.0/16", "services": "10.3.0.0/16", "nodes": "10.1.0.0/24" },
            "dns": { "defaults": [{ "type": "local", "domain": "shoots.example.org", "credentialsRef": {} }] },
            "settings": { "scheduling": { "visible": true } },
        },
        "status": {
            "allocatable": { "shoots": "2" },
            "conditions": [
                { "type": "GardenletReady", "status": "True" },
                { "type": "SeedSystemComponentsHealthy", "status": "True" },
            ],
        },
    })
}

fn shoot() -> Value {
    json!({
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "Shoot",
        "metadata": { "name": "first", "namespace": "garden-dev" },
        "spec": {
            "provider": { "type": "local" },
            "region": "local",
            "dns": { "domain": "first.dev.shoots.example.org" },
            "networking": { "pods": "10.4.0.0/16", "services": "10.5.0.0/16", "nodes": "10.6.0.0/16" },
        },
    })
}

struct Landscape {
    shoot: Value,
    profile: Value,
    seeds: Vec<Value>,
    others: Vec<Value>,
    strategy: Strategy,
}

impl Landscape {
    fn new() -> Self {
        let profile = json!({ "type": "local" });
        Self {
            shoot: shoot(),
            profile,
            seeds: vec![seed("one")],
            others: Vec::new(),
            strategy: Strategy::SameRegion,
        }
    }

    fn place(&self) -> String {
        let shoot: Shoot = serde_json::from_value(self.shoot.clone()).unwrap();
        let profile: CloudProfileSpec = serde_json::from_value(self.profile.clone()).unwrap();
        let seeds: Vec<Seed> = self
            .seeds
            .iter()
            .map(|seed| serde_json::from_value(seed.clone()).unwrap())
            .collect();
        let others: Vec<Shoot> = self
            .others
            .iter()
            .map(|other| serde_json::from_value(other.clone()).unwrap())
            .collect();
        let counts: BTreeMap<String, usize> = count_shoots(&others);
        let result = place(&Request {
            shoot: &shoot,
            cloud_profile: &profile,
            seeds: &seeds.iter().collect::<Vec<_>>(),
            shoots_per_seed: &counts,
            strategy: self.strategy,
        });
        match result {
            Ok(placement) => format!("{} of {}", placement.seed, placement.candidates),
            Err(unplaceable) => unplaceable.to_string(),
        }
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Landscape), expected: &str) {
    let mut landscape = Landscape::new();
    change(&mut landscape);
    assert_eq!(landscape.place(), expected);
}

/// Sets a value by its path; `-` appends to a list.
fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for part in path.split('.') {
        place = match part.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[part],
        };
    }
    *place = value;
}

#[track_caller]
fn only_seed(path: &str, value: Value, reason: &str) {
    check(
        |landscape| set(&mut landscape.seeds[0], path, value),
        &format!("the only seed does not fit: seed \"one\" {reason}"),
    );
}

#[track_caller]
fn only_seed_for(path: &str, value: Value, reason: &str) {
    check(
        |landscape| set(&mut landscape.shoot, path, value),
        &format!("the only seed does not fit: seed \"one\" {reason}"),
    );
}

#[test]
fn a_good_seed_is_taken() {
    check(|_| (), "one of 1");
}

#[test]
fn without_seeds_there_is_nothing_to_say_about_them() {
    check(|landscape| landscape.seeds.clear(), "there is no seed");
}

#[test]
fn a_seed_must_be_usable() {
    only_seed(
        "metadata.deletionTimestamp",
        json!("2026-01-01T00:00:00Z"),
        "is being deleted",
    );
    only_seed(
        "spec.settings.scheduling.visible",
        json!(false),
        "is not visible to the scheduler",
    );
    only_seed(
        "status.conditions",
        json!([]),
        "is not ready: condition GardenletReady is missing",
    );
    only_seed(
        "status.conditions.0.status",
        json!("Unknown"),
        "is not ready: condition GardenletReady is Unknown",
    );
    only_seed(
        "status.conditions.1.status",
        json!("False"),
        "is not ready: condition SeedSystemComponentsHealthy is False",
    );
    only_seed(
        "spec.backup",
        json!({ "provider": "local" }),
        "is not ready: condition BackupBucketsReady is missing",
    );
    let stop = json!([
        { "type": "GardenletReady", "status": "True" },
        { "type": "SeedSystemComponentsHealthy", "status": "True" },
        { "type": "EmergencyStopShootReconciliations", "status": "True" },
    ]);
    only_seed(
        "status.conditions",
        stop,
        "has stopped reconciling shoots (emergency stop)",
    );
}

#[test]
fn selectors_and_provider_types_choose() {
    let gold = json!({ "matchLabels": { "tier": "gold" } });
    only_seed_for(
        "spec.seedSelector",
        gold.clone(),
        "does not match the labels that the shoot selects",
    );
    check(
        |landscape| landscape.profile["seedSelector"] = gold,
        "the only seed does not fit: seed \"one\" does not match the labels that the cloud profile selects",
    );
    only_seed(
        "spec.provider.type",
        json!("aws"),
        "has provider type \"aws\", wanted is local",
    );
    check(
        |landscape| {
            set(&mut landscape.seeds[0], "spec.provider.type", json!("aws"));
            set(
                &mut landscape.shoot,
                "spec.seedSelector",
                json!({ "providerTypes": ["*"] }),
            );
        },
        "one of 1",
    );
    only_seed_for(
        "spec.seedSelector",
        json!({ "providerTypes": ["gcp", "azure"] }),
        "has provider type \"local\", wanted is gcp or azure",
    );
}

#[test]
fn zones_restrictions_and_domains_must_be_there() {
    let zonal = json!({ "highAvailability": { "failureTolerance": { "type": "zone" } } });
    only_seed_for(
        "spec.controlPlane",
        zonal,
        "has 1 zones, a control plane that survives the loss of a zone needs 3",
    );
    only_seed_for(
        "spec.controlPlane",
        json!({ "zones": ["a", "b"] }),
        "lacks the zone \"b\"",
    );
    only_seed_for(
        "spec.accessRestrictions",
        json!([{ "name": "eu-only" }]),
        "does not support the access restriction \"eu-only\"",
    );
    only_seed_for(
        "spec.dns.domain",
        json!("first.dev.example.com"),
        "does not offer a default domain for \"first.dev.example.com\"",
    );
}

#[test]
fn networks_must_not_overlap() {
    only_seed_for(
        "spec.networking.services",
        json!("10.2.128.0/20"),
        "has overlapping networks: the shoot's services 10.2.128.0/20 and the seed's pods 10.2.0.0/16",
    );
    only_seed_for(
        "spec.networking.nodes",
        json!("10.0.0.0/8"),
        "has overlapping networks: the shoot's nodes 10.0.0.0/8 and the seed's pods 10.2.0.0/16",
    );
    check(
        |landscape| set(&mut landscape.shoot, "spec.networking", Value::Null),
        "one of 1",
    );
}

#[test]
fn taints_need_tolerations() {
    let taint = json!([{ "key": "seed.gardener.cloud/protected", "value": "x" }]);
    only_seed(
        "spec.taints",
        taint.clone(),
        "has the taint \"seed.gardener.cloud/protected\", which the shoot does not tolerate",
    );
    for toleration in [
        json!({ "key": "seed.gardener.cloud/protected" }),
        json!({ "key": "seed.gardener.cloud/protected", "value": "x" }),
    ] {
        check(
            |landscape| {
                set(&mut landscape.seeds[0], "spec.taints", taint.clone());
                set(&mut landscape.shoot, "spec.tolerations", json!([toleration]));
            },
            "one of 1",
        );
    }
}

#[test]
fn a_full_seed_takes_no_more() {
    let carried =
        |wanted: &str, actual: &str| json!({ "spec": { "seedName": wanted }, "status": { "seedName": actual } });
    check(
        |landscape| landscape.others = vec![carried("one", "one"), carried("two", "one")],
        "the only seed does not fit: seed \"one\" is full: it carries 2 of 2 shoots",
    );
    check(|landscape| landscape.others = vec![carried("one", "one")], "one of 1");
}

#[test]
fn the_emptiest_seed_wins_then_the_first_by_name() {
    let carried = |seed: &str| json!({ "spec": { "seedName": seed } });
    check(
        |landscape| {
            landscape.seeds = vec![seed("b"), seed("a")];
            landscape.others = vec![carried("a")];
        },
        "b of 2",
    );
    check(|landscape| landscape.seeds = vec![seed("b"), seed("a")], "a of 2");
}

#[test]
fn regions_are_the_same_or_close() {
    let elsewhere = |landscape: &mut Landscape| {
        set(&mut landscape.seeds[0], "spec.provider.region", json!("eu-west-1"));
        landscape.seeds.push(seed("two"));
        set(&mut landscape.seeds[1], "spec.provider.region", json!("us-east-1"));
        set(&mut landscape.shoot, "spec.region", json!("eu-west-2"));
    };
    check(
        elsewhere,
        "none of 2 seeds fits: seed \"one\" is in region \"eu-west-1\", wanted is \"eu-west-2\"; \
         seed \"two\" is in region \"us-east-1\", wanted is \"eu-west-2\"",
    );
    check(
        |landscape| {
            elsewhere(landscape);
            landscape.strategy = Strategy::MinimalDistance;
        },
        "one of 1",
    );
}
