//! What the machine controller may do in a shoot.

use k8s_openapi::{
    api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{ManagedObjects, ManagedObjectsError, machine::ACCESS_NAME};

/// Name of the ManagedResource.
pub(crate) const MANAGED_RESOURCE: &str = "extension-worker-mcm-shoot";
const ROLE: &str = "system:machine-controller-manager-target";
const NAMESPACE: &str = "kube-system";

/// Roles in the shoot: nodes and their pods everywhere, bootstrap tokens in `kube-system`.
pub(crate) fn objects() -> Result<ManagedObjects, ManagedObjectsError> {
    let metadata = |namespace: Option<&str>| ObjectMeta {
        name: Some(ROLE.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ObjectMeta::default()
    };
    let reference = |kind: &str| RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: ROLE.to_owned(),
    };
    let subjects = Some(vec![Subject {
        kind: "ServiceAccount".to_owned(),
        name: ACCESS_NAME.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        ..Subject::default()
    }]);
    let everywhere = ClusterRole {
        metadata: metadata(None),
        rules: Some(vec![
            rule("nodes", &["get", "list", "watch", "patch", "delete"]),
            rule("pods", &["get", "list", "watch"]),
            rule("pods/eviction", &["create"]),
            PolicyRule {
                api_groups: Some(vec!["policy".to_owned()]),
                ..rule("poddisruptionbudgets", &["get", "list", "watch"])
            },
        ]),
        ..ClusterRole::default()
    };
    let in_namespace = Role {
        metadata: metadata(Some(NAMESPACE)),
        rules: Some(vec![rule("secrets", &["create", "get", "update", "delete"])]),
    };
    ManagedObjects::new(MANAGED_RESOURCE)
        .with(&everywhere)?
        .with(&ClusterRoleBinding {
            metadata: metadata(None),
            role_ref: reference("ClusterRole"),
            subjects: subjects.clone(),
        })?
        .with(&in_namespace)?
        .with(&RoleBinding {
            metadata: metadata(Some(NAMESPACE)),
            role_ref: reference("Role"),
            subjects,
        })
}

fn rule(resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}
