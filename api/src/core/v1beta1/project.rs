//! Project: a group of people with a namespace for their Shoots.

use apimachinery::api_type;
use apimachinery::meta::{LabelSelector, ObjectMeta, Time};
use k8s_openapi::api::rbac::v1::Subject;

use super::{Condition, Toleration};

/// A group of people with a namespace for their Shoots.
#[api_type]
#[api(group = "core.gardener.cloud", version = "v1beta1", kind = "Project")]
pub struct Project {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: ProjectSpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: ProjectStatus,
}

/// The project wanted.
#[api_type]
pub struct ProjectSpec {
    /// Who created the project.
    #[api(tag = 1)]
    pub created_by: Option<Subject>,
    /// What the project is, for people.
    #[api(tag = 2)]
    pub description: Option<String>,
    /// Who answers for the project.
    #[api(tag = 3)]
    pub owner: Option<Subject>,
    /// What the project is for, for people.
    #[api(tag = 4)]
    pub purpose: Option<String>,
    /// Who takes part.
    #[api(tag = 5, omitempty)]
    pub members: Vec<ProjectMember>,
    /// Namespace of the project, `garden-…`; chosen when absent.
    #[api(tag = 6)]
    pub namespace: Option<String>,
    /// Seed taints that Shoots of the project tolerate.
    #[api(tag = 7)]
    pub tolerations: Option<ProjectTolerations>,
    /// Objects that take two people to delete.
    #[api(tag = 8, omitempty)]
    pub dual_approval_for_deletion: Vec<DualApprovalForDeletion>,
}

/// A member of a project, with roles.
#[api_type]
pub struct ProjectMember {
    /// Who.
    #[api(tag = 1, inline)]
    pub subject: Subject,
    /// First role; kept for old clients, use `roles`.
    #[api(tag = 2)]
    pub role: String,
    /// Roles: `owner`, `admin`, `viewer`, `uam`, `serviceaccountmanager`, `extension:<name>`.
    #[api(tag = 3, omitempty)]
    pub roles: Vec<String>,
}

/// Seed taints that Shoots of a project tolerate.
#[api_type]
pub struct ProjectTolerations {
    /// Added to every Shoot.
    #[api(tag = 1, omitempty, patch = "merge", patch_key = "key")]
    pub defaults: Vec<Toleration>,
    /// Allowed to Shoots that ask.
    #[api(tag = 2, omitempty, patch = "merge", patch_key = "key")]
    pub whitelist: Vec<Toleration>,
}

/// Objects of a project that take two people to delete.
#[api_type]
pub struct DualApprovalForDeletion {
    /// Resource concerned; `shoots`.
    #[api(tag = 1)]
    pub resource: String,
    /// Which of them.
    #[api(tag = 2)]
    pub selector: LabelSelector,
    /// Whether service accounts need a second approval too.
    #[api(tag = 3)]
    pub include_service_accounts: Option<bool>,
}

/// State of the project.
#[api_type]
pub struct ProjectStatus {
    /// Generation of the spec that this status describes.
    #[api(tag = 1, omitempty)]
    pub observed_generation: i64,
    /// Where the project stands.
    #[api(tag = 2, omitempty)]
    pub phase: ProjectPhase,
    /// Since when the project is unused.
    #[api(tag = 3)]
    pub stale_since_timestamp: Option<Time>,
    /// When it will be deleted for being unused.
    #[api(tag = 4)]
    pub stale_auto_delete_timestamp: Option<Time>,
    /// When it was last used.
    #[api(tag = 5)]
    pub last_activity_timestamp: Option<Time>,
    /// Current conditions, one per type.
    #[api(tag = 6, omitempty, patch = "merge", patch_key = "type")]
    pub conditions: Vec<Condition>,
}

/// Where a project stands.
#[api_type]
pub enum ProjectPhase {
    /// Its namespace is being made.
    Pending,
    /// It can be used.
    Ready,
    /// Its namespace could not be made.
    Failed,
    /// It is being deleted.
    Terminating,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}
