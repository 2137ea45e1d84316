//! Roles of people and seeds in the garden.
//!
//! Out: ClusterRoles by Gardener's names, and their bindings to groups. Absent: what a single project grants.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule};

use super::{READ, bind_cluster_role, cluster_role, full, group, rule};

const ADMINISTRATORS: &str = "gardener.cloud:system:administrators";
const READ_GLOBAL: &str = "gardener.cloud:system:read-global-resources";
const SEEDS: &str = "gardener.cloud:system:seeds";

/// Gardener's API groups, served or not yet: granting one that is not served grants nothing.
const GARDENER_GROUPS: [&str; 5] = [
    "core.gardener.cloud",
    "operations.gardener.cloud",
    "security.gardener.cloud",
    "seedmanagement.gardener.cloud",
    "settings.gardener.cloud",
];

pub(super) fn cluster_roles() -> Vec<ClusterRole> {
    let everything = PolicyRule {
        non_resource_urls: Some(vec!["*".to_owned()]),
        verbs: vec!["*".to_owned()],
        ..PolicyRule::default()
    };
    vec![
        cluster_role(ADMINISTRATORS, vec![rule(&["*"], &["*"], &["*"]), everything]),
        cluster_role(
            "gardener.cloud:admin",
            vec![rule(&GARDENER_GROUPS, &["*"], &["*"]), core_of_admins()],
        ),
        cluster_role("gardener.cloud:viewer", viewer()),
        cluster_role(
            READ_GLOBAL,
            vec![rule(
                &["core.gardener.cloud"],
                &["cloudprofiles", "exposureclasses", "seeds"],
                &READ,
            )],
        ),
        cluster_role(
            "gardener.cloud:system:project-creation",
            vec![rule(&["core.gardener.cloud"], &["projects"], &["create"])],
        ),
        cluster_role(SEEDS, seeds()),
    ]
}

pub(super) fn cluster_role_bindings() -> Vec<ClusterRoleBinding> {
    vec![
        bind_cluster_role(
            ADMINISTRATORS,
            ADMINISTRATORS,
            vec![group("gardener.cloud:system:administrators")],
        ),
        bind_cluster_role(READ_GLOBAL, READ_GLOBAL, vec![group("system:authenticated")]),
        bind_cluster_role(SEEDS, SEEDS, vec![group("gardener.cloud:system:seeds")]),
    ]
}

fn core_of_admins() -> PolicyRule {
    rule(
        &["", "events.k8s.io", "coordination.k8s.io", "rbac.authorization.k8s.io"],
        &["*"],
        &["*"],
    )
}

/// Everything of Gardener's but what holds credentials.
fn viewer() -> Vec<PolicyRule> {
    let core = [
        "backupbuckets",
        "backupentries",
        "cloudprofiles",
        "controllerdeployments",
        "controllerinstallations",
        "controllerregistrations",
        "exposureclasses",
        "namespacedcloudprofiles",
        "projects",
        "quotas",
        "secretbindings",
        "seeds",
        "shoots",
    ];
    vec![
        rule(&["core.gardener.cloud"], &core, &READ),
        rule(
            &["operations.gardener.cloud", "seedmanagement.gardener.cloud"],
            &["*"],
            &READ,
        ),
        rule(
            &["security.gardener.cloud"],
            &["credentialsbindings", "workloadidentities"],
            &READ,
        ),
        rule(
            &["", "events.k8s.io"],
            &["configmaps", "events", "namespaces", "resourcequotas"],
            &READ,
        ),
    ]
}

/// What a gardenlet does. It is the same for all seeds: which objects belong to which seed is not told by RBAC.
fn seeds() -> Vec<PolicyRule> {
    let written = [
        "backupbuckets",
        "backupentries",
        "controllerinstallations",
        "internalsecrets",
        "seeds",
        "shootstates",
        "shoots",
    ];
    let status = [
        "backupbuckets/status",
        "backupentries/status",
        "controllerinstallations/status",
        "seeds/status",
        "shoots/status",
    ];
    let read = [
        "cloudprofiles",
        "controllerdeployments",
        "controllerregistrations",
        "exposureclasses",
        "namespacedcloudprofiles",
        "projects",
        "quotas",
        "secretbindings",
    ];
    vec![
        full(&["core.gardener.cloud"], &written),
        rule(&["core.gardener.cloud"], &status, &["get", "patch", "update"]),
        rule(&["core.gardener.cloud"], &read, &READ),
        full(&["operations.gardener.cloud"], &["bastions", "bastions/status"]),
        full(
            &["seedmanagement.gardener.cloud"],
            &["gardenlets", "gardenlets/status", "managedseeds", "managedseeds/status"],
        ),
        rule(
            &["security.gardener.cloud"],
            &["credentialsbindings", "workloadidentities"],
            &READ,
        ),
        rule(&["security.gardener.cloud"], &["workloadidentities/token"], &["create"]),
        full(&[""], &["configmaps", "secrets", "serviceaccounts"]),
        rule(&[""], &["serviceaccounts/token"], &["create"]),
        rule(&[""], &["namespaces"], &READ),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch", "update"]),
        full(&["coordination.k8s.io"], &["leases"]),
        rule(
            &["certificates.k8s.io"],
            &["certificatesigningrequests"],
            &["create", "get", "list", "watch"],
        ),
        rule(
            &["certificates.k8s.io"],
            &["certificatesigningrequests/seedclient"],
            &["create"],
        ),
    ]
}
