//! How a change of a class reaches the machines: how many at once, in which order, and when it stops.

use api::machine::v1alpha1::{RollingUpdateMachineDeployment, UpdateConfiguration};
use apimachinery::meta::{Time, set_label};

use super::*;
use crate::machine::testing::{deployment, machine, set};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A set by its size and how many of its machines serve; the rest of them do not exist yet.
fn world<'a>(sets: &'a mut Vec<(MachineSet, Vec<Machine>)>, described: &[(&str, i32, i32)]) -> Vec<SetView<'a>> {
    for (hash, wished, available) in described {
        let mut set = set(&format!("d-{hash}"), *wished);
        set_label(&mut set.metadata, TEMPLATE_HASH_LABEL, hash);
        let machines = (0..*available).map(|number| machine(&format!("d-{hash}-{number}"), "Running"));
        sets.push((set, machines.collect()));
    }
    let views = sets.iter().map(|(set, machines)| SetView {
        set,
        machines: machines.iter().collect(),
    });
    views.collect()
}

fn bounded(replicas: i32, surge: &str, unavailable: &str) -> MachineDeployment {
    let parse = |text: &str| {
        text.parse()
            .map_or_else(|_| IntOrString::String(text.to_owned()), IntOrString::Int)
    };
    let mut deployment = deployment("d", replicas, "class");
    deployment.spec.strategy.type_ = MachineDeploymentStrategyType::RollingUpdate;
    deployment.spec.strategy.rolling_update = Some(RollingUpdateMachineDeployment {
        update: UpdateConfiguration {
            max_surge: Some(parse(surge)),
            max_unavailable: Some(parse(unavailable)),
        },
    });
    deployment
}

/// `new` stands for the hash of the present template.
#[track_caller]
fn check(deployment: &MachineDeployment, described: &[(&str, i32, i32)], scale: &[(&str, i32)], delete: &[&str]) {
    let hash = template_hash(deployment);
    let full = |name: &str| if name == "new" { hash.clone() } else { name.to_owned() };
    let described: Vec<(String, i32, i32)> = described.iter().map(|(name, a, b)| (full(name), *a, *b)).collect();
    let described: Vec<(&str, i32, i32)> = described.iter().map(|(name, a, b)| (name.as_str(), *a, *b)).collect();
    let mut sets = Vec::new();
    let mut views = world(&mut sets, &described);
    for view in &mut views {
        // What a set has is not under test here.
        view.machines
            .truncate(usize::try_from(view.set.spec.replicas.max(1)).unwrap());
    }
    let plan = plan_rollout(deployment, &views, NOW);
    let scale: Vec<(String, i32)> = scale
        .iter()
        .map(|(name, size)| (format!("d-{}", full(name)), *size))
        .collect();
    let delete: Vec<String> = delete.iter().map(|name| format!("d-{name}")).collect();
    assert_eq!((plan.scale, plan.delete), (scale, delete));
}

#[test]
fn the_first_set_has_all_machines() {
    let deployment = bounded(3, "1", "0");
    let plan = plan_rollout(&deployment, &[], NOW);
    assert_eq!(plan.create, Some((template_hash(&deployment), 3)));
}

#[test]
fn a_deployment_is_scaled_by_its_set() {
    check(&bounded(3, "1", "0"), &[("new", 1, 1)], &[("new", 3)], &[]);
    check(&bounded(1, "1", "0"), &[("new", 3, 3)], &[("new", 1)], &[]);
    check(&bounded(0, "1", "0"), &[("new", 3, 3)], &[("new", 0)], &[]);
}

#[test]
fn a_new_template_begins_with_the_surge() {
    let mut sets = Vec::new();
    let deployment = bounded(3, "1", "0");
    let views = world(&mut sets, &[("old", 3, 3)]);
    let plan = plan_rollout(&deployment, &views, NOW);
    assert_eq!(plan.create, Some((template_hash(&deployment), 1)));
    assert_eq!(plan.scale, []);
}

#[test]
fn with_surge_an_old_machine_goes_when_a_new_one_serves() {
    let deployment = bounded(3, "1", "0");
    check(&deployment, &[("old", 3, 3), ("new", 1, 0)], &[], &[]);
    check(&deployment, &[("old", 3, 3), ("new", 1, 1)], &[("old", 2)], &[]);
    check(&deployment, &[("old", 2, 2), ("new", 1, 1)], &[("new", 2)], &[]);
    check(&deployment, &[("old", 1, 1), ("new", 3, 3)], &[("old", 0)], &[]);
    check(&deployment, &[("old", 0, 0), ("new", 3, 3)], &[], &["old"]);
}

#[test]
fn with_unavailable_an_old_machine_goes_first() {
    let deployment = bounded(3, "0", "1");
    let mut sets = Vec::new();
    let views = world(&mut sets, &[("old", 3, 3)]);
    let plan = plan_rollout(&deployment, &views, NOW);
    assert_eq!(plan.create, Some((template_hash(&deployment), 0)));
    assert_eq!(plan.scale, [("d-old".to_owned(), 2)]);
    check(&deployment, &[("old", 2, 2), ("new", 0, 0)], &[("new", 1)], &[]);
    check(&deployment, &[("old", 2, 2), ("new", 1, 0)], &[], &[]);
    check(&deployment, &[("old", 2, 2), ("new", 1, 1)], &[("old", 1)], &[]);
}

#[test]
fn old_machines_that_serve_nobody_go_first() {
    // One of the three old ones is dead: its going takes nothing away.
    check(
        &bounded(3, "1", "1"),
        &[("old", 3, 2), ("new", 1, 0)],
        &[("old", 2)],
        &[],
    );
}

#[test]
fn shares_are_of_the_replicas() {
    assert_eq!(bounds(&bounded(10, "25%", "25%")), (3, 2));
    assert_eq!(bounds(&bounded(1, "10%", "0%")), (1, 0));
    assert_eq!(bounds(&bounded(3, "0", "0")), (0, 1));
    assert_eq!(bounds(&bounded(3, "x", "y")), (1, 0));
}

#[test]
fn labels_of_nodes_need_no_new_machines() {
    let mut deployment = bounded(1, "1", "0");
    let hash = template_hash(&deployment);
    set_label(
        &mut deployment.spec.template.spec.node_template.metadata,
        "color",
        "green",
    );
    assert_eq!(template_hash(&deployment), hash);
    let mut sets = Vec::new();
    let views = world(&mut sets, &[(&hash, 1, 1)]);
    assert_eq!(plan_rollout(&deployment, &views, NOW).update, [format!("d-{hash}")]);
    deployment.spec.template.spec.class.name = "other".to_owned();
    assert_ne!(template_hash(&deployment), hash);
}

#[test]
fn a_deleted_deployment_goes_after_its_sets() {
    let mut deployment = bounded(1, "1", "0");
    deployment.metadata.deletion_timestamp = Some(Time(NOW));
    let mut sets = Vec::new();
    let views = world(&mut sets, &[("old", 1, 1)]);
    let plan = plan_rollout(&deployment, &views, NOW);
    assert_eq!((plan.delete, plan.release), (vec!["d-old".to_owned()], false));
    assert!(plan_rollout(&deployment, &[], NOW).release);
}

#[test]
fn recreation_waits_until_the_old_machines_are_gone() {
    let mut deployment = bounded(2, "1", "0");
    deployment.spec.strategy.type_ = MachineDeploymentStrategyType::Recreate;
    check(&deployment, &[("old", 2, 2), ("new", 0, 0)], &[("old", 0)], &[]);
    check(&deployment, &[("old", 0, 0), ("new", 0, 0)], &[("new", 2)], &["old"]);
}

/// Whatever the bounds, a rollout ends, and keeps them on its way.
#[test]
fn every_rollout_ends_within_its_bounds() {
    for (replicas, surge, unavailable) in [
        (1, 1, 0),
        (3, 1, 0),
        (3, 0, 1),
        (5, 2, 2),
        (4, 3, 1),
        (2, 0, 0),
        (7, 0, 3),
    ] {
        let deployment = bounded(replicas, &surge.to_string(), &unavailable.to_string());
        let hash = template_hash(&deployment);
        let (surge, unavailable) = bounds(&deployment);
        let (mut old, mut new) = (replicas, 0);
        let mut steps = 0;
        while (old, new) != (0, replicas) {
            steps += 1;
            assert!(
                steps < 50,
                "{replicas} {surge} {unavailable}: stuck at {old} old and {new} new"
            );
            let mut sets = Vec::new();
            let described = [("old", old, old), (hash.as_str(), new, new)];
            let views = world(&mut sets, &described[..if steps == 1 { 1 } else { 2 }]);
            let plan = plan_rollout(&deployment, &views, NOW);
            new = plan.create.map_or(new, |(_, size)| size);
            for (name, size) in plan.scale {
                *(if name == "d-old" { &mut old } else { &mut new }) = size;
            }
            assert!(old + new <= replicas + surge, "{old} + {new}");
            assert!(old + new >= replicas - unavailable, "{old} + {new}");
        }
    }
}
