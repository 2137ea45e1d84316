//! Identities of our processes in the runtime cluster.
//!
//! In: what a process may do. Out: its ServiceAccount, ClusterRole and binding. Absent: tokens, which kubelet projects.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::settings::NAMESPACE;

/// A process's identity and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    pub(crate) service_account: ServiceAccount,
    pub(crate) cluster_role: ClusterRole,
    pub(crate) cluster_role_binding: ClusterRoleBinding,
}

/// The identity of the process `name`, which may do `rules` in the whole runtime cluster.
pub(crate) fn identity(name: &str, rules: Vec<PolicyRule>) -> Identity {
    let role_name = format!("kubeception:{name}");
    let cluster_wide = |name: &str| ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    };
    let subject = Subject {
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        api_group: None,
    };
    let role_ref = RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: "ClusterRole".to_owned(),
        name: role_name.clone(),
    };
    Identity {
        service_account: ServiceAccount {
            metadata: ObjectMeta {
                namespace: Some(NAMESPACE.to_owned()),
                ..cluster_wide(name)
            },
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        },
        cluster_role: ClusterRole {
            metadata: cluster_wide(&role_name),
            rules: Some(rules),
            ..ClusterRole::default()
        },
        cluster_role_binding: ClusterRoleBinding {
            metadata: cluster_wide(&role_name),
            role_ref,
            subjects: Some(vec![subject]),
        },
    }
}

/// A rule.
pub(crate) fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(groups)),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

/// Verbs of readers.
pub(crate) const READ: &[&str] = &["get", "list", "watch"];
/// Verbs of owners.
pub(crate) const OWN: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete"];
