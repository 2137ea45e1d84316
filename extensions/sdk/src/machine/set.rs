//! What a MachineSet needs: machines made, machines removed. Pure.

use api::machine::v1alpha1::{Machine, MachineDeployment, MachinePhase, MachineSet};
use apimachinery::meta::{ObjectMeta, Time, controller_reference};

use super::{
    facts::{self, is_active, is_deleting},
    names::{MACHINE_FINALIZER, OWNER_FINALIZER, TEMPLATE_HASH_LABEL},
    rollout::template_hash,
};

/// What to do with the machines of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SetPlan {
    /// How many to make.
    pub(crate) create: usize,
    /// Names of those that go: failed ones, which are replaced, and those too many.
    pub(crate) delete: Vec<String>,
    /// Names of those whose template changed in a way that needs no new machine.
    pub(crate) update: Vec<String>,
    /// Nothing is left: the set may go.
    pub(crate) release: bool,
}

/// Decides for a set and the machines that it controls.
pub(crate) fn plan_set(set: &MachineSet, machines: &[&Machine]) -> SetPlan {
    let living = || machines.iter().filter(|machine| !is_deleting(&machine.metadata));
    let name = |machine: &Machine| facts::name(&machine.metadata).to_owned();
    if is_deleting(&set.metadata) {
        return SetPlan {
            delete: living().map(|machine| name(machine)).collect(),
            release: machines.is_empty(),
            ..SetPlan::default()
        };
    }
    let mut active: Vec<&Machine> = machines.iter().copied().filter(|machine| is_active(machine)).collect();
    let wished = usize::try_from(set.spec.replicas).unwrap_or_default();
    let failed = living()
        .filter(|machine| !is_active(machine))
        .map(|machine| name(machine));
    let mut delete: Vec<String> = failed.collect();
    let too_many = active.len().saturating_sub(wished);
    let create = wished.saturating_sub(active.len());
    active.sort_by_key(|machine| first_to_go(machine));
    delete.extend(active.drain(..too_many).map(name));
    let update = active.into_iter().filter(|machine| is_behind(set, machine)).map(name);
    SetPlan {
        create,
        delete,
        update: update.collect(),
        release: false,
    }
}

/// Machines that serve nobody go first, then the youngest: they carry the least.
fn first_to_go(machine: &Machine) -> (i32, u8, std::cmp::Reverse<Option<Time>>, String) {
    let rank = match facts::phase(machine) {
        MachinePhase::Running => 3,
        MachinePhase::Unknown => 2,
        MachinePhase::Pending | MachinePhase::Available => 1,
        _ => 0,
    };
    let created = machine.metadata.creation_timestamp.clone();
    (
        facts::priority(machine),
        rank,
        std::cmp::Reverse(created),
        facts::name(&machine.metadata).to_owned(),
    )
}

/// What of a template counts for machines that are there already.
fn is_behind(set: &MachineSet, machine: &Machine) -> bool {
    let template = &set.spec.template.spec;
    template.node_template != machine.spec.node_template || template.configuration != machine.spec.configuration
}

/// A new machine of a set.
pub(crate) fn new_machine(set: &MachineSet, suffix: &str) -> Machine {
    let template = &set.spec.template;
    let name = format!("{}-{suffix}", facts::name(&set.metadata));
    let mut spec = template.spec.clone();
    spec.provider_id.clear();
    if spec.class.name.is_empty() {
        spec.class = set.spec.machine_class.clone();
    }
    Machine {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: set.metadata.namespace.clone(),
            labels: template.metadata.labels.clone(),
            annotations: template.metadata.annotations.clone(),
            owner_references: Some(vec![controller_reference(set)]),
            finalizers: Some(vec![MACHINE_FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        spec,
        ..Machine::default()
    }
}

fn set_name(deployment: &MachineDeployment, hash: &str) -> String {
    format!("{}-{hash}", facts::name(&deployment.metadata))
}

/// Name of the set for the deployment's present template, whether it is there yet or not.
pub(crate) fn newest_set_name(deployment: &MachineDeployment) -> String {
    set_name(deployment, &template_hash(deployment))
}

/// A new set of a deployment, with the labels by which it finds its machines.
pub(crate) fn new_set(deployment: &MachineDeployment, hash: &str, replicas: i32) -> MachineSet {
    let mut template = deployment.spec.template.clone();
    let labels = template.metadata.labels.get_or_insert_default();
    labels.insert(TEMPLATE_HASH_LABEL.to_owned(), hash.to_owned());
    let labels = labels.clone();
    let mut selector = deployment.spec.selector.clone().unwrap_or_default();
    let matched = selector.match_labels.get_or_insert_default();
    matched.insert(TEMPLATE_HASH_LABEL.to_owned(), hash.to_owned());
    let mut set = MachineSet {
        metadata: ObjectMeta {
            name: Some(set_name(deployment, hash)),
            namespace: deployment.metadata.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(vec![controller_reference(deployment)]),
            finalizers: Some(vec![OWNER_FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        },
        ..MachineSet::default()
    };
    set.spec.replicas = replicas;
    set.spec.selector = Some(selector);
    set.spec.machine_class = template.spec.class.clone();
    set.spec.template = template;
    set.spec.min_ready_seconds = deployment.spec.min_ready_seconds;
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing::{machine, set};

    #[track_caller]
    fn check(replicas: i32, machines: &[(&str, &str)], create: usize, delete: &[&str]) {
        let set = set("s", replicas);
        let machines: Vec<Machine> = machines.iter().map(|(name, phase)| machine(name, phase)).collect();
        let plan = plan_set(&set, &machines.iter().collect::<Vec<_>>());
        assert_eq!(
            (plan.create, plan.delete),
            (create, delete.iter().map(|name| (*name).to_owned()).collect())
        );
    }

    #[test]
    fn machines_are_made_and_removed_by_count() {
        check(2, &[], 2, &[]);
        check(2, &[("a", "Running")], 1, &[]);
        check(1, &[("a", "Pending"), ("b", "")], 0, &["b"]);
        check(0, &[("a", "Running")], 0, &["a"]);
    }

    #[test]
    fn failed_machines_are_replaced_and_going_ones_do_not_count() {
        check(1, &[("a", "Failed")], 1, &["a"]);
        check(1, &[("a", "deleting")], 1, &[]);
        check(1, &[("a", "Unknown")], 0, &[]);
    }

    #[test]
    fn those_that_serve_nobody_go_first() {
        check(
            1,
            &[("a", "Running"), ("b", "Pending"), ("c", "Unknown")],
            0,
            &["b", "c"],
        );
        check(
            2,
            &[("a", "Running"), ("b", "CrashLoopBackOff"), ("c", "Running")],
            0,
            &["b"],
        );
    }

    #[test]
    fn a_low_priority_goes_before_all_else() {
        let set = set("s", 1);
        let (mut first, second) = (machine("a", "Running"), machine("b", "Pending"));
        apimachinery::meta::set_annotation(&mut first.metadata, super::super::names::PRIORITY_ANNOTATION, "1");
        assert_eq!(plan_set(&set, &[&first, &second]).delete, ["a"]);
    }

    #[test]
    fn a_deleted_set_goes_after_its_machines() {
        let mut set = set("s", 2);
        set.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        let (living, going) = (machine("a", "Running"), machine("b", "deleting"));
        let plan = plan_set(&set, &[&living, &going]);
        assert_eq!((plan.delete, plan.release), (vec!["a".to_owned()], false));
        assert!(plan_set(&set, &[]).release);
    }

    #[test]
    fn what_needs_no_new_machine_is_handed_on() {
        let mut set = set("s", 1);
        let machine = machine("a", "Running");
        assert!(plan_set(&set, &[&machine]).update.is_empty());
        let labels = set
            .spec
            .template
            .spec
            .node_template
            .metadata
            .labels
            .get_or_insert_default();
        labels.insert("color".to_owned(), "green".to_owned());
        assert_eq!(plan_set(&set, &[&machine]).update, ["a"]);
    }
}
