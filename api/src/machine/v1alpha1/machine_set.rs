//! MachineSet: a number of equal machines.

use apimachinery::api_type;
use apimachinery::meta::{LabelSelector, ObjectMeta, Time};

use super::{ClassSpec, ConditionStatus, LastOperation, MachineSpec, MachineSummary};

/// A number of equal machines.
#[api_type]
#[api(
    group = "machine.sapcloud.io",
    version = "v1alpha1",
    kind = "MachineSet",
    namespaced,
    short = "mcs"
)]
pub struct MachineSet {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(optional)]
    pub spec: MachineSetSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: MachineSetStatus,
}

/// The machines wanted.
#[api_type]
pub struct MachineSetSpec {
    /// How many.
    #[api(omitempty)]
    pub replicas: i32,
    /// Labels that select them.
    pub selector: Option<LabelSelector>,
    /// Their class.
    #[api(optional)]
    pub machine_class: ClassSpec,
    /// What they are made after.
    #[api(optional)]
    pub template: MachineTemplateSpec,
    /// How long a machine is ready before it counts, in seconds.
    #[api(omitempty)]
    pub min_ready_seconds: i32,
    /// How many failed machines are kept for inspection by themselves.
    #[api(omitempty)]
    pub auto_preserve_failed_machine_max: i32,
}

/// What machines are made after.
#[api_type]
pub struct MachineTemplateSpec {
    /// Labels and annotations.
    #[api(optional, preserve_unknown)]
    pub metadata: ObjectMeta,
    /// The machine.
    #[api(optional)]
    pub spec: MachineSpec,
}

/// State of a MachineSet.
#[api_type]
pub struct MachineSetStatus {
    /// Machines there are.
    #[api(omitempty)]
    pub replicas: i32,
    /// Machines with all labels of the template.
    #[api(omitempty)]
    pub fully_labeled_replicas: i32,
    /// Machines that are ready.
    #[api(omitempty)]
    pub ready_replicas: i32,
    /// Machines that have been ready long enough.
    #[api(omitempty)]
    pub available_replicas: i32,
    /// Failed machines kept for inspection.
    #[api(omitempty)]
    pub preserved_failed_replicas: i32,
    /// Generation of the spec that this status describes.
    #[api(omitempty)]
    pub observed_generation: i64,
    /// Current conditions, one per type.
    #[api(omitempty)]
    pub machine_set_condition: Vec<MachineSetCondition>,
    /// What was done last.
    #[api(optional)]
    pub last_operation: LastOperation,
    /// Machines that failed.
    pub failed_machines: Option<Vec<MachineSummary>>,
    /// How many failed machines are kept by themselves.
    #[api(omitempty)]
    pub auto_preserve_failed_machine_count: i32,
}

/// One aspect of a MachineSet's state.
#[api_type]
pub struct MachineSetCondition {
    /// Which aspect.
    pub type_: MachineSetConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
    /// Why, as one word for programs.
    #[api(omitempty)]
    pub reason: String,
    /// Why, for people.
    #[api(omitempty)]
    pub message: String,
}

/// Aspects of a MachineSet's state.
#[api_type]
pub enum MachineSetConditionType {
    /// A machine could not be made or removed.
    ReplicaFailure,
    /// It is not scaled.
    Frozen,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}
