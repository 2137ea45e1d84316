//! Machine: one machine in the cloud.

use apimachinery::meta::{ObjectMeta, Time};
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::{NodeAddress, NodeCondition, NodeSpec};

/// One machine in the cloud.
#[api_type]
#[api(
    group = "machine.sapcloud.io",
    version = "v1alpha1",
    kind = "Machine",
    namespaced,
    short = "mc"
)]
pub struct Machine {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(optional)]
    pub spec: MachineSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: MachineStatus,
}

/// The machine wanted.
#[api_type]
pub struct MachineSpec {
    /// How it is made.
    #[api(optional)]
    pub class: ClassSpec,
    /// The cloud's name of it; empty until it is made.
    #[api(omitempty, name = "providerID")]
    pub provider_id: String,
    /// What its node gets.
    #[api(optional, name = "nodeTemplate")]
    pub node_template: NodeTemplateSpec,
    /// How it is created, watched and replaced.
    #[api(inline)]
    pub configuration: Option<MachineConfiguration>,
}

/// The class of a machine.
#[api_type]
pub struct ClassSpec {
    /// API group of the class.
    #[api(omitempty)]
    pub api_group: String,
    /// Kind of the class.
    #[api(omitempty)]
    pub kind: String,
    /// Name of the class.
    #[api(omitempty)]
    pub name: String,
}

/// What a machine's node gets.
#[api_type]
pub struct NodeTemplateSpec {
    /// Labels and annotations.
    #[api(optional, preserve_unknown)]
    pub metadata: ObjectMeta,
    /// Taints and more.
    #[api(optional)]
    pub spec: NodeSpec,
}

/// How a machine is created, watched and replaced.
#[api_type]
pub struct MachineConfiguration {
    /// How long draining the node may take.
    pub drain_timeout: Option<Duration>,
    /// How long it may be unhealthy before it is replaced.
    pub health_timeout: Option<Duration>,
    /// How long it may take to join.
    pub creation_timeout: Option<Duration>,
    /// How long an update in place may take.
    pub in_place_update_timeout: Option<Duration>,
    /// How long it is kept when marked for preservation.
    pub machine_preserve_timeout: Option<Duration>,
    /// Whether it is never replaced for being unhealthy.
    pub disable_health_timeout: Option<bool>,
    /// How often the eviction of a pod is tried.
    pub max_evict_retries: Option<i32>,
    /// Node conditions that make it unhealthy, separated by commas.
    pub node_conditions: Option<String>,
}

/// State of a machine.
#[api_type]
pub struct MachineStatus {
    /// Its addresses.
    #[api(omitempty)]
    pub addresses: Vec<NodeAddress>,
    /// Conditions of its node.
    #[api(omitempty)]
    pub conditions: Vec<NodeCondition>,
    /// What was done last, and how far it got.
    #[api(optional)]
    pub last_operation: LastOperation,
    /// Where it stands.
    #[api(optional)]
    pub current_status: CurrentStatus,
    /// What the driver wants to find again.
    #[api(omitempty)]
    pub last_known_state: String,
}

/// The last operation on a machine.
#[api_type]
pub struct LastOperation {
    /// What is being done, for people.
    #[api(omitempty)]
    pub description: String,
    /// The cloud's error, as one word.
    #[api(omitempty)]
    pub error_code: String,
    /// When anything here last changed.
    pub last_update_time: Option<Time>,
    /// Whether it runs, has succeeded or has failed.
    #[api(omitempty)]
    pub state: MachineState,
    /// What kind of operation it is.
    #[api(omitempty)]
    pub type_: MachineOperationType,
}

/// Where a machine stands.
#[api_type]
pub struct CurrentStatus {
    /// Its phase.
    #[api(omitempty)]
    pub phase: MachinePhase,
    /// Whether a timeout of the phase runs.
    #[api(omitempty)]
    pub timeout_active: bool,
    /// When anything here last changed.
    pub last_update_time: Option<Time>,
    /// Until when it is kept for inspection.
    pub preserve_expiry_time: Option<Time>,
}

/// Phases of a machine.
#[api_type]
pub enum MachinePhase {
    /// It is being made, or has not joined.
    Pending,
    /// It is there, but its node is not.
    Available,
    /// It serves.
    Running,
    /// It is being removed.
    Terminating,
    /// Its node says nothing.
    Unknown,
    /// It is given up, and will be replaced.
    Failed,
    /// It could not be made; tried again.
    CrashLoopBackOff,
    /// It is being updated in place.
    InPlaceUpdating,
    /// It was updated in place.
    InPlaceUpdateSuccessful,
    /// Its update in place failed.
    InPlaceUpdateFailed,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// States of an operation.
#[api_type]
pub enum MachineState {
    /// It runs.
    Processing,
    /// It failed.
    Failed,
    /// It is done.
    Successful,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Kinds of operations.
#[api_type]
pub enum MachineOperationType {
    /// The machine is made.
    Create,
    /// The machine is changed.
    Update,
    /// The machine is updated in place.
    InPlaceUpdate,
    /// The node is emptied.
    DrainNode,
    /// The node's health is looked at.
    HealthCheck,
    /// The machine is removed.
    Delete,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// A machine in the status of its owner.
#[api_type]
pub struct MachineSummary {
    /// Its name.
    #[api(omitempty)]
    pub name: String,
    /// The cloud's name of it.
    #[api(omitempty, name = "providerID")]
    pub provider_id: String,
    /// What was done last.
    #[api(optional)]
    pub last_operation: LastOperation,
    /// Name of its owner.
    #[api(omitempty)]
    pub owner_ref: String,
}
