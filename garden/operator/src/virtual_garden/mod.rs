//! What the operator keeps inside the virtual garden, before and beside our API server.
//!
//! In: the certificate authority and the address of the API server. Out: namespaces, roles, API services and policies.
//! Absent: what belongs to a project, which the controller manager makes.

mod admission;
mod aggregation;
mod component_roles;
mod namespaces;
mod project_roles;
mod roles;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub(crate) use self::admission::{policies, policy_bindings};
pub(crate) use self::aggregation::{SERVED_VERSIONS, api_services, endpoint_slice, service};
pub(crate) use self::namespaces::{gardener_info, namespaces};

/// Namespace of the virtual garden where the aggregator looks for our API server, and where its components' identities are.
pub(crate) const SYSTEM_NAMESPACE: &str = "kube-system";

/// Every ClusterRole of the virtual garden.
pub(crate) fn cluster_roles() -> Vec<ClusterRole> {
    [
        roles::cluster_roles(),
        project_roles::cluster_roles(),
        component_roles::cluster_roles(),
    ]
    .concat()
}

/// Every ClusterRoleBinding of the virtual garden.
pub(crate) fn cluster_role_bindings() -> Vec<ClusterRoleBinding> {
    [roles::cluster_role_bindings(), component_roles::cluster_role_bindings()].concat()
}

/// Roles in single namespaces.
pub(crate) fn namespaced_roles() -> Vec<Role> {
    namespaces::roles()
}

/// Bindings in single namespaces.
pub(crate) fn namespaced_role_bindings() -> Vec<RoleBinding> {
    [namespaces::role_bindings(), component_roles::role_bindings()].concat()
}

const READ: [&str; 3] = ["get", "list", "watch"];
const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(groups)),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

/// Reading and writing.
fn full(groups: &[&str], resources: &[&str]) -> PolicyRule {
    rule(groups, resources, &[READ.as_slice(), WRITE.as_slice()].concat())
}

fn cluster_role(name: &str, rules: Vec<PolicyRule>) -> ClusterRole {
    ClusterRole {
        metadata: named(name),
        rules: Some(rules),
        ..ClusterRole::default()
    }
}

fn bind_cluster_role(name: &str, role: &str, subjects: Vec<Subject>) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: named(name),
        role_ref: role_ref("ClusterRole", role),
        subjects: Some(subjects),
    }
}

fn bind_role(namespace: &str, name: &str, role: &str, subjects: Vec<Subject>) -> RoleBinding {
    let metadata = ObjectMeta {
        namespace: Some(namespace.to_owned()),
        ..named(name)
    };
    RoleBinding {
        metadata,
        role_ref: role_ref("Role", role),
        subjects: Some(subjects),
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn group(name: &str) -> Subject {
    Subject {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: "Group".to_owned(),
        name: name.to_owned(),
        namespace: None,
    }
}

fn service_account(name: &str) -> Subject {
    Subject {
        api_group: None,
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(SYSTEM_NAMESPACE.to_owned()),
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}
