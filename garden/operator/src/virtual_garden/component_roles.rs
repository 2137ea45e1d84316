//! What our own components may do in the virtual garden.
//!
//! Out: a ClusterRole per component, bound to its service account in `kube-system`. Absent: the accounts themselves,
//! which the token requestor makes.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding};

use super::{READ, SYSTEM_NAMESPACE, bind_cluster_role, bind_role, cluster_role, full, rule, service_account};

const API_SERVER: &str = "gardener.cloud:system:apiserver";
const CONTROLLER_MANAGER: &str = "gardener.cloud:system:controller-manager";
const SCHEDULER: &str = "gardener.cloud:system:scheduler";

pub(super) fn cluster_roles() -> Vec<ClusterRole> {
    vec![
        cluster_role(API_SERVER, api_server()),
        cluster_role(CONTROLLER_MANAGER, controller_manager()),
        cluster_role(SCHEDULER, scheduler()),
    ]
}

fn api_server() -> Vec<PolicyRule> {
    let made = ["get", "list", "watch", "create"];
    vec![
        rule(&[""], &["namespaces", "configmaps"], &made),
        rule(&[""], &["secrets", "serviceaccounts", "resourcequotas"], &READ),
        rule(&[""], &["resourcequotas/status"], &["update"]),
        rule(
            &["admissionregistration.k8s.io", "flowcontrol.apiserver.k8s.io"],
            &["*"],
            &READ,
        ),
        rule(&["authorization.k8s.io"], &["subjectaccessreviews"], &["create"]),
        rule(&["core.gardener.cloud", "security.gardener.cloud"], &["*"], &READ),
    ]
}

fn controller_manager() -> Vec<PolicyRule> {
    let gardener = [
        "core.gardener.cloud",
        "security.gardener.cloud",
        "seedmanagement.gardener.cloud",
        "operations.gardener.cloud",
    ];
    // It grants to members what it need not be able to do itself.
    let roles = ["clusterroles", "clusterrolebindings", "roles", "rolebindings"];
    vec![
        rule(&gardener, &["*"], &["*"]),
        full(
            &[""],
            &[
                "configmaps",
                "namespaces",
                "resourcequotas",
                "secrets",
                "serviceaccounts",
            ],
        ),
        rule(&["", "events.k8s.io"], &["events"], &["*"]),
        rule(&["rbac.authorization.k8s.io"], &roles, &["*"]),
        full(&["coordination.k8s.io"], &["leases"]),
        rule(&["certificates.k8s.io"], &["certificatesigningrequests"], &READ),
        rule(
            &["certificates.k8s.io"],
            &["certificatesigningrequests/approval"],
            &["update"],
        ),
        rule(&["certificates.k8s.io"], &["signers"], &["approve"]),
    ]
}

fn scheduler() -> Vec<PolicyRule> {
    let read = [
        "backupbuckets",
        "cloudprofiles",
        "namespacedcloudprofiles",
        "seeds",
        "shoots",
    ];
    let held = ["create", "get", "list", "watch", "patch", "update"];
    vec![
        rule(&["core.gardener.cloud"], &read, &READ),
        rule(
            &["core.gardener.cloud"],
            &["shoots/status", "shoots/binding"],
            &["patch", "update"],
        ),
        rule(&[""], &["configmaps"], &READ),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch", "update"]),
        rule(&["coordination.k8s.io"], &["leases"], &held),
    ]
}

pub(super) fn cluster_role_bindings() -> Vec<ClusterRoleBinding> {
    vec![
        bind_cluster_role(API_SERVER, API_SERVER, vec![service_account("gardener-apiserver")]),
        bind_cluster_role(
            "gardener.cloud:apiserver:auth-delegator",
            "system:auth-delegator",
            vec![service_account("gardener-apiserver")],
        ),
        bind_cluster_role(
            "gardener.cloud:target:kube-controller-manager",
            "system:kube-controller-manager",
            vec![service_account("kube-controller-manager")],
        ),
        bind_cluster_role(
            CONTROLLER_MANAGER,
            CONTROLLER_MANAGER,
            vec![service_account("gardener-controller-manager")],
        ),
        bind_cluster_role(SCHEDULER, SCHEDULER, vec![service_account("gardener-scheduler")]),
    ]
}

pub(super) fn role_bindings() -> Vec<RoleBinding> {
    vec![bind_role(
        SYSTEM_NAMESPACE,
        "gardener.cloud:apiserver:auth-reader",
        "extension-apiserver-authentication-reader",
        vec![service_account("gardener-apiserver")],
    )]
}
