//! Definitions of machines, and of what keeps their number.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::definition::{Column, Definition};
use crate::machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet};

/// All of them, by name.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![machine_class(), machine_deployment(), machine(), machine_set()]
}

/// `machineclasses.machine.sapcloud.io`.
pub fn machine_class() -> CustomResourceDefinition {
    Definition::of::<MachineClass>()
        .without_status()
        .column(Column::age())
        .build()
}

/// `machinedeployments.machine.sapcloud.io`.
pub fn machine_deployment() -> CustomResourceDefinition {
    Definition::of::<MachineDeployment>()
        .replicas()
        .column(Column::number(
            "Ready",
            ".status.readyReplicas",
            "Machines that are ready",
        ))
        .column(Column::number("Desired", ".spec.replicas", "Machines wanted"))
        .column(Column::number(
            "Up-to-date",
            ".status.updatedReplicas",
            "Machines of the current template",
        ))
        .column(Column::number(
            "Available",
            ".status.availableReplicas",
            "Machines that have been ready long enough",
        ))
        .column(Column::age())
        .build()
}

/// `machines.machine.sapcloud.io`.
pub fn machine() -> CustomResourceDefinition {
    Definition::of::<Machine>()
        .column(Column::text(
            "Status",
            ".status.currentStatus.phase",
            "Phase of the machine",
        ))
        .column(Column::age())
        .column(Column::text("Node", ".metadata.labels.node", "Node of the machine"))
        .build()
}

/// `machinesets.machine.sapcloud.io`.
pub fn machine_set() -> CustomResourceDefinition {
    Definition::of::<MachineSet>()
        .replicas()
        .column(Column::number("Desired", ".spec.replicas", "Machines wanted"))
        .column(Column::number("Current", ".status.replicas", "Machines there are"))
        .column(Column::number(
            "Ready",
            ".status.readyReplicas",
            "Machines that are ready",
        ))
        .column(Column::age())
        .build()
}
