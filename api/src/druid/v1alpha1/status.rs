//! Status of an etcd cluster.

use apimachinery::api_type;
use apimachinery::meta::{LabelSelector, Time};

/// State of the cluster.
#[api_type]
pub struct EtcdStatus {
    /// Generation of the spec that this status describes.
    pub observed_generation: Option<i64>,
    /// The StatefulSet of the cluster.
    pub etcd: Option<CrossVersionObjectReference>,
    /// Current conditions, one per type.
    #[api(omitempty)]
    pub conditions: Vec<Condition>,
    /// Errors of the last operation.
    #[api(omitempty)]
    pub last_errors: Vec<LastError>,
    /// What was done last, and how far it got.
    pub last_operation: Option<LastOperation>,
    /// Members of the current revision.
    #[api(omitempty)]
    pub current_replicas: i32,
    /// Members there are.
    #[api(omitempty)]
    pub replicas: i32,
    /// Members that are ready.
    #[api(omitempty)]
    pub ready_replicas: i32,
    /// Whether the cluster serves.
    pub ready: Option<bool>,
    /// Labels that select the cluster's pods.
    pub label_selector: Option<LabelSelector>,
    /// State of each member.
    #[api(omitempty)]
    pub members: Vec<EtcdMemberStatus>,
    /// Whether peers speak TLS.
    #[api(name = "peerUrlTLSEnabled")]
    pub peer_url_tls_enabled: Option<bool>,
    /// Labels that select the cluster's pods, as text for autoscalers.
    pub selector: Option<String>,
    /// The cluster joined at the beginning.
    pub bootstrap_with_existing_cluster: Option<BootstrapWithExistingClusterStatus>,
}

/// An object of the same namespace.
#[api_type]
pub struct CrossVersionObjectReference {
    /// Kind of the object meant.
    #[api(omitempty)]
    pub kind: String,
    /// Name, unique among its siblings.
    #[api(omitempty)]
    pub name: String,
    /// API group and version of the object meant.
    #[api(omitempty)]
    pub api_version: String,
}

/// One aspect of an etcd cluster's state.
#[api_type]
pub struct Condition {
    /// Which aspect.
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
    /// When anything in the condition last changed.
    pub last_update_time: Option<Time>,
    /// Why, as one word for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
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
    /// It does not hold, but not for long yet.
    Progressing,
    /// It could not be checked.
    ConditionCheckError,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// State of one member.
#[api_type]
pub struct EtcdMemberStatus {
    /// Name, unique among its siblings.
    pub name: String,
    /// Identity of the member within the cluster.
    pub id: Option<String>,
    /// Whether it leads.
    pub role: Option<EtcdRole>,
    /// Whether it serves.
    pub status: EtcdMemberConditionStatus,
    /// Why, as one word for programs.
    pub reason: String,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
}

/// State of a member.
#[api_type]
pub enum EtcdMemberConditionStatus {
    /// It serves.
    Ready,
    /// It does not serve.
    NotReady,
    /// Not known.
    Unknown,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Role of a member.
#[api_type]
pub enum EtcdRole {
    /// It leads.
    Leader,
    /// It follows.
    Member,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// An error of the last operation on a cluster.
#[api_type]
pub struct LastError {
    /// Kind of error.
    pub code: String,
    /// What went wrong, for people.
    pub description: String,
    /// When it went wrong.
    pub observed_at: Option<Time>,
}

/// The last operation on a cluster.
#[api_type]
pub struct LastOperation {
    /// What kind of operation it is.
    pub type_: LastOperationType,
    /// Whether it runs, has succeeded or has failed.
    pub state: LastOperationState,
    /// What is being done, for people.
    pub description: String,
    /// Identity of the run, found in the logs.
    #[api(name = "runID")]
    pub run_id: String,
    /// When anything here last changed.
    pub last_update_time: Option<Time>,
}

/// Kinds of operations on etcd.
#[api_type]
pub enum LastOperationType {
    /// The cluster is made.
    Create,
    /// The cluster is brought to what is wanted.
    Reconcile,
    /// The cluster is removed.
    Delete,
    /// A task is checked.
    Admit,
    /// A task is carried out.
    Execution,
    /// A task is removed.
    Cleanup,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// States of an operation on etcd.
#[api_type]
pub enum LastOperationState {
    /// It runs.
    Processing,
    /// It is done.
    Succeeded,
    /// It failed, and is tried again.
    Error,
    /// It waits for something and goes on later.
    Requeue,
    /// It runs.
    InProgress,
    /// It is done.
    Completed,
    /// It failed, and is given up.
    Failed,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// The cluster joined.
#[api_type]
pub struct BootstrapWithExistingClusterStatus {
    /// When it was joined.
    pub joined_at: Option<Time>,
    /// Its members then.
    #[api(list = "atomic")]
    pub members: Vec<BootstrapJoinedMember>,
}

/// A member of the cluster joined.
#[api_type]
pub struct BootstrapJoinedMember {
    /// Name of the member.
    pub name: String,
    /// Where its peers reach it.
    #[api(list = "atomic")]
    pub peer_urls: Vec<String>,
}
