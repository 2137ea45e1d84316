//! What another seed has to know of a worker's machines. Pure.
//!
//! In: classes, deployments, sets and machines, as one seed has them. Out: the same without what only that seed's API server
//! knows, as it lies in the Worker's `status.state`; and from there, objects to create in the other seed.

use std::collections::BTreeMap;

use api::machine::v1alpha1::{
    Machine, MachineClass, MachineDeployment, MachineDeploymentStatus, MachineSet, MachineSetStatus,
};
use apimachinery::meta::{ObjectMeta, remove_annotation};
use serde::{Deserialize, Serialize};

use crate::machine::GIVEN_UP_ANNOTATION;

/// Uids of objects of one kind, by name.
pub(super) type Uids = BTreeMap<String, String>;

/// All objects of a worker's machines. All must be there and nothing else: to read the state of another kind as one without
/// machines would be their end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineState {
    pub(super) classes: Vec<MachineClass>,
    pub(super) deployments: Vec<MachineDeployment>,
    pub(super) sets: Vec<MachineSet>,
    pub(super) machines: Vec<Machine>,
}

impl MachineState {
    /// Without what the other seed finds out by itself.
    pub(super) fn carried(mut self) -> Self {
        for class in &mut self.classes {
            carry(&mut class.metadata);
        }
        for deployment in &mut self.deployments {
            carry(&mut deployment.metadata);
            deployment.status = MachineDeploymentStatus::default();
        }
        for set in &mut self.sets {
            carry(&mut set.metadata);
            set.status = MachineSetStatus::default();
        }
        for machine in &mut self.machines {
            carry(&mut machine.metadata);
            machine.status.conditions.clear();
        }
        self
    }
}

/// Keeps what was not given by the API server, and whether the object is on its way out.
fn carry(metadata: &mut ObjectMeta) {
    let before = std::mem::take(metadata);
    *metadata = ObjectMeta {
        name: before.name,
        labels: before.labels,
        annotations: before.annotations,
        finalizers: before.finalizers,
        owner_references: before.owner_references,
        deletion_timestamp: before.deletion_timestamp,
        ..ObjectMeta::default()
    };
    remove_annotation(metadata, GIVEN_UP_ANNOTATION);
}

/// As it is created in a namespace. References to owners get the uids that those have there; who has no owner there is
/// adopted by the machine controller.
pub(super) fn place(metadata: &mut ObjectMeta, namespace: &str, owners: &Uids) {
    metadata.namespace = Some(namespace.to_owned());
    metadata.deletion_timestamp = None;
    if let Some(references) = &mut metadata.owner_references {
        references.retain_mut(|reference| {
            let uid = owners.get(&reference.name);
            if let Some(uid) = uid {
                reference.uid.clone_from(uid);
            }
            uid.is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn machine() -> Machine {
        serde_json::from_value(json!({
            "metadata": {
                "name": "m", "namespace": "shoot--dev--first", "uid": "old", "resourceVersion": "7", "generation": 2,
                "labels": { "node": "m" }, "annotations": { "since": "then" }, "finalizers": ["f"],
                "deletionTimestamp": "2026-01-02T03:04:05Z",
                "ownerReferences": [
                    { "apiVersion": "machine.sapcloud.io/v1alpha1", "kind": "MachineSet", "name": "s", "uid": "old" },
                ],
            },
            "spec": { "class": { "kind": "MachineClass", "name": "c" }, "providerID": "fake:///m" },
            "status": {
                "conditions": [{ "type": "Ready", "status": "True" }],
                "currentStatus": { "phase": "Running" },
            },
        }))
        .unwrap()
    }

    fn state() -> MachineState {
        let mut class = MachineClass::default();
        class.metadata.name = Some("c".to_owned());
        apimachinery::meta::set_annotation(&mut class.metadata, GIVEN_UP_ANNOTATION, "done");
        let state = MachineState {
            classes: vec![class],
            deployments: Vec::new(),
            sets: Vec::new(),
            machines: vec![machine()],
        };
        state.carried()
    }

    #[test]
    fn what_the_other_seed_needs_is_carried_and_read_again() {
        let state = state();
        assert_eq!(
            state.classes[0].metadata.annotations.clone().unwrap_or_default(),
            BTreeMap::new()
        );
        let machine = &state.machines[0];
        assert_eq!(machine.spec.provider_id, "fake:///m");
        assert_eq!(machine.status.current_status.phase.as_str(), "Running");
        assert!(machine.status.conditions.is_empty());
        let metadata = &machine.metadata;
        assert_eq!(
            (&metadata.uid, &metadata.resource_version, &metadata.generation),
            (&None, &None, &None)
        );
        assert!(metadata.deletion_timestamp.is_some() && metadata.finalizers.is_some());
        let written = serde_json::to_value(&state).unwrap();
        assert_eq!(serde_json::from_value::<MachineState>(written).unwrap(), state);
    }

    #[test]
    fn an_object_is_its_owners_there_or_nobodys() {
        let placed = |owners: &Uids| {
            let mut metadata = state().machines.remove(0).metadata;
            place(&mut metadata, "shoot--dev--first", owners);
            metadata
        };
        let metadata = placed(&Uids::from([("s".to_owned(), "new".to_owned())]));
        assert_eq!(metadata.namespace.as_deref(), Some("shoot--dev--first"));
        assert_eq!(metadata.deletion_timestamp, None);
        assert_eq!(metadata.owner_references.unwrap_or_default()[0].uid, "new");
        assert_eq!(placed(&Uids::new()).owner_references, Some(Vec::new()));
    }

    #[test]
    fn what_is_no_state_of_machines_is_not_taken_for_an_empty_one() {
        for other in [
            json!({}),
            json!({ "state": "H4sIAAAA" }),
            json!({ "machineDeployments": {} }),
        ] {
            serde_json::from_value::<MachineState>(other).unwrap_err();
        }
    }
}
