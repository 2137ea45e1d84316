//! MachineDeployment: machines that are replaced step by step when their class changes.

use apimachinery::api_type;
use apimachinery::meta::{IntOrString, LabelSelector, ObjectMeta, Time};

use super::{MachineSummary, MachineTemplateSpec};

/// Machines that are replaced step by step when their class changes.
#[api_type]
#[api(
    group = "machine.sapcloud.io",
    version = "v1alpha1",
    kind = "MachineDeployment",
    namespaced,
    short = "mcd"
)]
pub struct MachineDeployment {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(optional)]
    pub spec: MachineDeploymentSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: MachineDeploymentStatus,
}

/// The machines wanted.
#[api_type]
pub struct MachineDeploymentSpec {
    /// How many.
    #[api(omitempty)]
    pub replicas: i32,
    /// Labels that select them.
    pub selector: Option<LabelSelector>,
    /// What they are made after.
    pub template: MachineTemplateSpec,
    /// How they are replaced.
    #[api(optional, patch = "retainKeys")]
    pub strategy: MachineDeploymentStrategy,
    /// How long a machine is ready before it counts, in seconds.
    #[api(omitempty)]
    pub min_ready_seconds: i32,
    /// How many old MachineSets are kept.
    pub revision_history_limit: Option<i32>,
    /// Whether nothing is replaced.
    #[api(omitempty)]
    pub paused: bool,
    /// The revision to go back to.
    pub rollback_to: Option<RollbackConfig>,
    /// How long there may be no progress, in seconds.
    pub progress_deadline_seconds: Option<i32>,
    /// How many failed machines are kept for inspection by themselves.
    #[api(omitempty)]
    pub auto_preserve_failed_machine_max: i32,
}

/// How machines are replaced.
#[api_type]
pub struct MachineDeploymentStrategy {
    /// In which way.
    #[api(omitempty)]
    pub type_: MachineDeploymentStrategyType,
    /// Bounds of a rolling update.
    pub rolling_update: Option<RollingUpdateMachineDeployment>,
    /// Bounds of an update in place.
    pub in_place_update: Option<InPlaceUpdateMachineDeployment>,
}

/// Ways to replace machines.
#[api_type]
pub enum MachineDeploymentStrategyType {
    /// All at once.
    Recreate,
    /// One after the other.
    RollingUpdate,
    /// Not at all: they are updated in place.
    InPlaceUpdate,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Bounds of an update.
#[api_type]
pub struct UpdateConfiguration {
    /// Machines below the wanted number.
    pub max_unavailable: Option<IntOrString>,
    /// Machines above the wanted number.
    pub max_surge: Option<IntOrString>,
}

/// Bounds of a rolling update.
#[api_type]
pub struct RollingUpdateMachineDeployment {
    /// The bounds.
    #[api(inline)]
    pub update: UpdateConfiguration,
}

/// Bounds of an update in place.
#[api_type]
pub struct InPlaceUpdateMachineDeployment {
    /// The bounds.
    #[api(inline)]
    pub update: UpdateConfiguration,
    /// Who picks the next machine.
    #[api(omitempty)]
    pub orchestration_type: OrchestrationType,
}

/// Who picks the next machine to update in place.
#[api_type]
pub enum OrchestrationType {
    /// The controller.
    Auto,
    /// Somebody, by a label.
    Manual,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// The revision to go back to.
#[api_type]
pub struct RollbackConfig {
    /// Its number; the last one when 0.
    #[api(omitempty)]
    pub revision: i64,
}

/// State of a MachineDeployment.
#[api_type]
pub struct MachineDeploymentStatus {
    /// Generation of the spec that this status describes.
    #[api(omitempty)]
    pub observed_generation: i64,
    /// Machines there are.
    #[api(omitempty)]
    pub replicas: i32,
    /// Machines of the current template.
    #[api(omitempty)]
    pub updated_replicas: i32,
    /// Machines that are ready.
    #[api(omitempty)]
    pub ready_replicas: i32,
    /// Machines that have been ready long enough.
    #[api(omitempty)]
    pub available_replicas: i32,
    /// Failed machines kept for inspection.
    #[api(omitempty)]
    pub preserved_failed_replicas: i32,
    /// Machines still needed.
    #[api(omitempty)]
    pub unavailable_replicas: i32,
    /// Current conditions, one per type.
    #[api(omitempty, patch = "merge", patch_key = "type")]
    pub conditions: Vec<MachineDeploymentCondition>,
    /// How often a hash was taken already.
    pub collision_count: Option<i32>,
    /// Machines that failed.
    #[api(omitempty)]
    pub failed_machines: Vec<MachineSummary>,
}

/// One aspect of a MachineDeployment's state.
#[api_type]
pub struct MachineDeploymentCondition {
    /// Which aspect.
    pub type_: MachineDeploymentConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// When anything in the condition last changed.
    pub last_update_time: Option<Time>,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
    /// Why, as one word for programs.
    #[api(omitempty)]
    pub reason: String,
    /// Why, for people.
    #[api(omitempty)]
    pub message: String,
}

/// Aspects of a MachineDeployment's state.
#[api_type]
pub enum MachineDeploymentConditionType {
    /// Enough machines are available.
    Available,
    /// It goes on.
    Progressing,
    /// A machine could not be made or removed.
    ReplicaFailure,
    /// It is not scaled.
    Frozen,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Whether a condition holds.
#[api_type]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known.
    Unknown,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}
