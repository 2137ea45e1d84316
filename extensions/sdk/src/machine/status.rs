//! Status of MachineSets and MachineDeployments. Pure.

use api::machine::v1alpha1::{
    ConditionStatus, Machine, MachineDeployment, MachineDeploymentCondition, MachineDeploymentConditionType,
    MachineDeploymentStatus, MachineSet, MachineSetStatus, MachineSummary,
};
use apimachinery::meta::Time;
use jiff::Timestamp;

use super::{
    facts,
    rollout::{SetView, bounds, count, is_new},
};

/// How many failures an owner tells of: enough to see a pattern.
const FAILURES: usize = 5;

/// Status of a set and the machines that it controls.
pub(crate) fn set_status(set: &MachineSet, machines: &[&Machine], now: Timestamp) -> MachineSetStatus {
    let least = set.spec.min_ready_seconds;
    let active = || machines.iter().filter(|machine| facts::is_active(machine));
    let wished = set.spec.template.metadata.labels.clone().unwrap_or_default();
    let has_all = |machine: &Machine| {
        let labels = machine.metadata.labels.clone().unwrap_or_default();
        wished.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let available = count(active().filter(|machine| facts::is_available(machine, least, now)));
    let present = machines.iter().filter_map(|machine| facts::failure(machine));
    let before = set.status.failed_machines.clone().unwrap_or_default();
    let failed = remembered(before, present.collect(), available >= set.spec.replicas);
    MachineSetStatus {
        replicas: count(active()),
        fully_labeled_replicas: count(active().filter(|machine| has_all(machine))),
        ready_replicas: count(active().filter(|machine| facts::is_ready(machine))),
        available_replicas: available,
        observed_generation: set.metadata.generation.unwrap_or_default(),
        failed_machines: (!failed.is_empty()).then_some(failed),
        ..set.status.clone()
    }
}

/// A failed machine is removed at once and its error with it; the owner remembers it until all is well.
fn remembered(before: Vec<MachineSummary>, present: Vec<MachineSummary>, well: bool) -> Vec<MachineSummary> {
    if well {
        return Vec::new();
    }
    let mut all = before;
    all.retain(|summary| !present.iter().any(|now| now.name == summary.name));
    all.extend(present);
    all.sort_by_key(|summary| summary.last_operation.last_update_time.clone());
    all.split_off(all.len().saturating_sub(FAILURES))
}

/// The last failures of all sets. Those of the newest set come last and push out all others: old sets may go on failing.
fn last_failures(hash: &str, sets: &[(&SetView<'_>, MachineSetStatus)]) -> Vec<MachineSummary> {
    let of_set = |(view, status): &(&SetView<'_>, MachineSetStatus)| {
        let new = is_new(view.set, hash);
        let failed = status.failed_machines.clone().unwrap_or_default();
        failed.into_iter().map(move |summary| (new, summary))
    };
    let mut failed: Vec<(bool, MachineSummary)> = sets.iter().flat_map(of_set).collect();
    failed.sort_by_key(|(new, summary)| (*new, summary.last_operation.last_update_time.clone()));
    let failed = failed.split_off(failed.len().saturating_sub(FAILURES));
    failed.into_iter().map(|(_, summary)| summary).collect()
}

/// Status of a deployment and the sets that it controls; their status counts, not their machines', so that they agree.
pub(crate) fn deployment_status(
    deployment: &MachineDeployment,
    hash: &str,
    sets: &[(&SetView<'_>, MachineSetStatus)],
    now: Timestamp,
) -> MachineDeploymentStatus {
    let sum = |of: fn(&MachineSetStatus) -> i32| sets.iter().map(|(_, status)| of(status)).sum::<i32>();
    let replicas = deployment.spec.replicas;
    let available = sum(|status| status.available_replicas);
    let updated = sets.iter().filter(|(view, _)| is_new(view.set, hash));
    let updated = updated.map(|(_, status)| status.replicas).sum();
    let failed = last_failures(hash, sets);
    let (_, unavailable) = bounds(deployment);
    let enough = available >= replicas - unavailable && (replicas == 0 || available > 0);
    let availability = if enough {
        condition(
            ConditionStatus::True,
            "MinimumReplicasAvailable",
            format!("{available} of {replicas} machines are available"),
        )
    } else {
        condition(
            ConditionStatus::False,
            "MinimumReplicasUnavailable",
            format!("{available} of {replicas} machines are available"),
        )
    };
    let mut conditions = deployment.status.conditions.clone();
    set_condition(
        &mut conditions,
        MachineDeploymentConditionType::Available,
        availability,
        now,
    );
    let failure = match failed.last() {
        Some(summary) => condition(ConditionStatus::True, "MachineFailed", describe(summary)),
        None => condition(ConditionStatus::False, "NoFailure", "no machine has failed".to_owned()),
    };
    set_condition(
        &mut conditions,
        MachineDeploymentConditionType::ReplicaFailure,
        failure,
        now,
    );
    MachineDeploymentStatus {
        observed_generation: deployment.metadata.generation.unwrap_or_default(),
        replicas: sum(|status| status.replicas),
        updated_replicas: updated,
        ready_replicas: sum(|status| status.ready_replicas),
        available_replicas: available,
        unavailable_replicas: (replicas - available).max(0),
        conditions,
        failed_machines: failed,
        ..deployment.status.clone()
    }
}

/// A failure in one line.
pub(crate) fn describe(summary: &MachineSummary) -> String {
    format!(
        "machine {} failed: {}",
        summary.name, summary.last_operation.description
    )
}

fn condition(status: ConditionStatus, reason: &str, message: String) -> MachineDeploymentCondition {
    MachineDeploymentCondition {
        status,
        reason: reason.to_owned(),
        message,
        ..MachineDeploymentCondition::default()
    }
}

fn set_condition(
    conditions: &mut Vec<MachineDeploymentCondition>,
    type_: MachineDeploymentConditionType,
    new: MachineDeploymentCondition,
    now: Timestamp,
) {
    let now = Some(Time(now));
    let Some(present) = conditions.iter_mut().find(|condition| condition.type_ == type_) else {
        conditions.push(MachineDeploymentCondition {
            type_,
            last_update_time: now.clone(),
            last_transition_time: now,
            ..new
        });
        return;
    };
    let same = (&present.status, &present.reason, &present.message) == (&new.status, &new.reason, &new.message);
    if same {
        return;
    }
    if present.status != new.status {
        present.last_transition_time.clone_from(&now);
    }
    present.last_update_time = now;
    (present.status, present.reason, present.message) = (new.status, new.reason, new.message);
}

#[cfg(test)]
mod tests {
    use api::machine::v1alpha1::{LastOperation, MachineState};

    use super::*;
    use crate::machine::testing::{deployment, machine, set};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed(name: &str, second: i64) -> Machine {
        let mut machine = machine(name, "Failed");
        machine.status.last_operation = LastOperation {
            description: "no quota".to_owned(),
            state: MachineState::Failed,
            last_update_time: Some(Time(at(second))),
            ..LastOperation::default()
        };
        machine
    }

    #[test]
    fn a_set_counts_its_machines() {
        let machines = [
            machine("a", "Running"),
            machine("b", "Pending"),
            machine("c", "deleting"),
        ];
        let status = set_status(&set("s", 2), &machines.iter().collect::<Vec<_>>(), at(0));
        assert_eq!(
            (status.replicas, status.ready_replicas, status.available_replicas),
            (2, 1, 1)
        );
        assert_eq!(status.failed_machines, None);
    }

    #[test]
    fn a_failure_is_remembered_until_all_is_well() {
        let mut set = set("s", 1);
        set.status = set_status(&set, &[&failed("a", 1)], at(1));
        let names = |set: &MachineSet| -> Vec<String> {
            let failed = set.status.failed_machines.clone().unwrap_or_default();
            failed.into_iter().map(|summary| summary.name).collect()
        };
        assert_eq!(names(&set), ["a"]);
        // Its successor does not serve yet.
        set.status = set_status(&set, &[&machine("b", "Pending")], at(2));
        assert_eq!(names(&set), ["a"]);
        for number in 0..9 {
            set.status = set_status(&set, &[&failed(&format!("c{number}"), number + 3)], at(12));
        }
        assert_eq!(names(&set), ["c4", "c5", "c6", "c7", "c8"]);
        set.status = set_status(&set, &[&machine("b", "Running")], at(13));
        assert_eq!(names(&set), [""; 0]);
    }

    #[test]
    fn failures_of_the_newest_set_come_last() {
        let hash = crate::machine::rollout::template_hash(&deployment("d", 2, "class"));
        let (mut new, old) = (set("new", 1), set("old", 1));
        apimachinery::meta::set_label(&mut new.metadata, crate::machine::names::TEMPLATE_HASH_LABEL, &hash);
        let young = failed("young", 1);
        let others: Vec<Machine> = (2..9).map(|second| failed(&format!("o{second}"), second)).collect();
        let views = [
            SetView {
                set: &new,
                machines: vec![&young],
            },
            SetView {
                set: &old,
                machines: others.iter().collect(),
            },
        ];
        let statuses: Vec<_> = views
            .iter()
            .map(|view| (view, set_status(view.set, &view.machines, at(9))))
            .collect();
        let failures = last_failures(&hash, &statuses);
        let names: Vec<&str> = failures.iter().map(|summary| summary.name.as_str()).collect();
        assert_eq!(names, ["o5", "o6", "o7", "o8", "young"]);
    }

    #[test]
    fn a_deployment_tells_what_its_sets_tell() {
        let mut deployment = deployment("d", 2, "class");
        let hash = crate::machine::rollout::template_hash(&deployment);
        let mut new = set("new", 1);
        apimachinery::meta::set_label(&mut new.metadata, crate::machine::names::TEMPLATE_HASH_LABEL, &hash);
        let old = set("old", 2);
        let (running, failed) = (machine("a", "Running"), failed("b", 1));
        let views = [
            SetView {
                set: &new,
                machines: vec![&running],
            },
            SetView {
                set: &old,
                machines: vec![&failed],
            },
        ];
        let statuses: Vec<_> = views
            .iter()
            .map(|view| (view, set_status(view.set, &view.machines, at(5))))
            .collect();
        let status = deployment_status(&deployment, &hash, &statuses, at(5));
        assert_eq!(
            (status.replicas, status.updated_replicas, status.available_replicas),
            (1, 1, 1)
        );
        assert_eq!(status.unavailable_replicas, 1);
        let messages: Vec<&str> = status
            .conditions
            .iter()
            .map(|condition| condition.message.as_str())
            .collect();
        assert_eq!(
            messages,
            ["1 of 2 machines are available", "machine b failed: no quota"]
        );
        // Nothing new: no time moves.
        deployment.status = status;
        assert_eq!(
            deployment_status(&deployment, &hash, &statuses, at(9)),
            deployment.status
        );
    }
}
