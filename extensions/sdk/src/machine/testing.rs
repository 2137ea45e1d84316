//! Objects for unit tests.

use api::machine::v1alpha1::{Machine, MachineDeployment, MachinePhase, MachineSet};
use apimachinery::meta::{LabelSelector, ObjectMeta, Time};
use jiff::Timestamp;

fn metadata(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some("shoot--dev--first".to_owned()),
        uid: Some(format!("uid-of-{name}")),
        ..ObjectMeta::default()
    }
}

/// A machine in a phase; `deleting` is one that goes.
pub(crate) fn machine(name: &str, phase: &str) -> Machine {
    let mut machine = Machine {
        metadata: metadata(name),
        ..Machine::default()
    };
    if phase == "deleting" {
        machine.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        machine.status.current_status.phase = MachinePhase::Terminating;
    } else {
        machine.status.current_status.phase = phase.into();
    }
    machine
}

/// A set.
pub(crate) fn set(name: &str, replicas: i32) -> MachineSet {
    let mut set = MachineSet {
        metadata: metadata(name),
        ..MachineSet::default()
    };
    set.spec.replicas = replicas;
    set
}

/// A deployment whose machines have the label `name`.
pub(crate) fn deployment(name: &str, replicas: i32, class: &str) -> MachineDeployment {
    let mut deployment = MachineDeployment {
        metadata: metadata(name),
        ..MachineDeployment::default()
    };
    let labels = std::collections::BTreeMap::from([("name".to_owned(), name.to_owned())]);
    deployment.spec.replicas = replicas;
    deployment.spec.selector = Some(LabelSelector {
        match_labels: Some(labels.clone()),
        ..LabelSelector::default()
    });
    deployment.spec.template.metadata.labels = Some(labels);
    deployment.spec.template.spec.class.name = class.to_owned();
    deployment
}
