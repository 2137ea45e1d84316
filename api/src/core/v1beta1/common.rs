//! What several kinds share: conditions, operations, errors, references.

use apimachinery::api_type;
use apimachinery::meta::{LabelSelector, Time};
use k8s_openapi::api::autoscaling::v1::CrossVersionObjectReference;

/// One aspect of an object's state.
#[api_type]
pub struct Condition {
    /// Which aspect.
    #[api(tag = 1)]
    pub type_: String,
    /// Whether it holds.
    #[api(tag = 2)]
    pub status: ConditionStatus,
    /// When the status last changed.
    #[api(tag = 3)]
    pub last_transition_time: Option<Time>,
    /// When anything in the condition last changed.
    #[api(tag = 4)]
    pub last_update_time: Option<Time>,
    /// Why, as one word for programs.
    #[api(tag = 5)]
    pub reason: String,
    /// Why, for people.
    #[api(tag = 6)]
    pub message: String,
    /// Known causes found in the message.
    #[api(tag = 7, omitempty)]
    pub codes: Vec<ErrorCode>,
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
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// The last operation on an object.
#[api_type]
pub struct LastOperation {
    /// What is being done, for people.
    #[api(tag = 1)]
    pub description: String,
    /// When anything here last changed.
    #[api(tag = 2)]
    pub last_update_time: Option<Time>,
    /// How much is done, in percent.
    #[api(tag = 3)]
    pub progress: i32,
    /// Whether it runs, has succeeded or has failed.
    #[api(tag = 4)]
    pub state: LastOperationState,
    /// What kind of operation it is.
    #[api(tag = 5)]
    pub type_: LastOperationType,
}

/// Kinds of operations.
#[api_type]
pub enum LastOperationType {
    /// The object is made.
    Create,
    /// The object is brought to what is wanted.
    Reconcile,
    /// The object is removed.
    Delete,
    /// The object is given up by its old seed.
    Migrate,
    /// The object is rebuilt on its new seed.
    Restore,
    /// The object moves to another seed without downtime.
    LiveMigrate,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// States of an operation.
#[api_type]
pub enum LastOperationState {
    /// It runs.
    Processing,
    /// It is done.
    Succeeded,
    /// It failed, and is tried again.
    Error,
    /// It failed, and is given up.
    Failed,
    /// It has not begun.
    Pending,
    /// It was broken off.
    Aborted,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// An error of the last operation.
#[api_type]
pub struct LastError {
    /// What went wrong, for people.
    #[api(tag = 1)]
    pub description: String,
    /// Task of the flow that failed.
    #[api(tag = 2, name = "taskID")]
    pub task_id: Option<String>,
    /// Known causes found in the description.
    #[api(tag = 3, omitempty)]
    pub codes: Vec<ErrorCode>,
    /// When it went wrong.
    #[api(tag = 4)]
    pub last_update_time: Option<Time>,
}

/// Known causes of errors, by which users and controllers decide what to do.
#[api_type]
pub enum ErrorCode {
    /// The cloud does not know the credentials.
    #[api(name = "ERR_INFRA_UNAUTHENTICATED")]
    InfraUnauthenticated,
    /// The cloud does not allow the credentials what is needed.
    #[api(name = "ERR_INFRA_UNAUTHORIZED")]
    InfraUnauthorized,
    /// A quota of the cloud is used up.
    #[api(name = "ERR_INFRA_QUOTA_EXCEEDED")]
    InfraQuotaExceeded,
    /// The cloud refuses so many requests.
    #[api(name = "ERR_INFRA_RATE_LIMITS_EXCEEDED")]
    InfraRateLimitsExceeded,
    /// Something in the cloud that others made is in the way.
    #[api(name = "ERR_INFRA_DEPENDENCIES")]
    InfraDependencies,
    /// Something in the cloud is in the way, but may go by itself.
    #[api(name = "ERR_RETRYABLE_INFRA_DEPENDENCIES")]
    RetryableInfraDependencies,
    /// The cloud has run out of a resource.
    #[api(name = "ERR_INFRA_RESOURCES_DEPLETED")]
    InfraResourcesDepleted,
    /// Objects in the cluster could not be removed.
    #[api(name = "ERR_CLEANUP_CLUSTER_RESOURCES")]
    CleanupClusterResources,
    /// The user's configuration is wrong.
    #[api(name = "ERR_CONFIGURATION_PROBLEM")]
    ConfigurationProblem,
    /// The user's configuration is wrong, but may become right by itself.
    #[api(name = "ERR_RETRYABLE_CONFIGURATION_PROBLEM")]
    RetryableConfigurationProblem,
    /// A webhook in the cluster is in the way.
    #[api(name = "ERR_PROBLEMATIC_WEBHOOK")]
    ProblematicWebhook,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// The Gardener process that worked on the object last.
#[api_type]
pub struct Gardener {
    /// Its instance.
    #[api(tag = 1)]
    pub id: String,
    /// Its name.
    #[api(tag = 2)]
    pub name: String,
    /// Its version.
    #[api(tag = 3)]
    pub version: String,
}

/// An object that other fields refer to by a name.
#[api_type]
pub struct NamedResourceReference {
    /// Name the other fields use.
    #[api(tag = 1)]
    pub name: String,
    /// The object, in the same namespace.
    #[api(tag = 2)]
    pub resource_ref: CrossVersionObjectReference,
}

/// Which Seeds may be used.
#[api_type]
pub struct SeedSelector {
    /// Labels of the Seeds.
    #[api(tag = 1, inline)]
    pub label_selector: LabelSelector,
    /// Provider types of the Seeds; `*` for all.
    #[api(tag = 2, omitempty)]
    pub provider_types: Vec<String>,
}

/// A seed taint that is tolerated.
#[api_type]
pub struct Toleration {
    /// Key of the taint.
    #[api(tag = 1)]
    pub key: String,
    /// Value of the taint; any when absent.
    #[api(tag = 2)]
    pub value: Option<String>,
}
