//! What members of any project may do, collected by aggregation.
//!
//! Out: pairs of ClusterRoles: one that collects by a label, and ours that carries it. An installation adds its own roles
//! with the label. Absent: who is a member; the controller manager binds these roles in each project's namespace.

use std::collections::BTreeMap;

use k8s_openapi::api::rbac::v1::{AggregationRule, ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::{READ, cluster_role, full, rule};

pub(super) fn cluster_roles() -> Vec<ClusterRole> {
    [
        pair("project-member", "aggregate-to-project-member", member()),
        pair("project-viewer", "aggregate-to-project-viewer", viewer()),
        pair(
            "project-serviceaccountmanager",
            "aggregate-to-project-serviceaccountmanager",
            service_account_manager(),
        ),
    ]
    .concat()
}

/// The collecting role `gardener.cloud:system:<name>`, and ours, `…-aggregation`.
fn pair(name: &str, label: &str, rules: Vec<PolicyRule>) -> Vec<ClusterRole> {
    let collecting = format!("gardener.cloud:system:{name}");
    let labels = BTreeMap::from([(format!("rbac.gardener.cloud/{label}"), "true".to_owned())]);
    let mut ours = cluster_role(&format!("{collecting}-aggregation"), rules);
    ours.metadata.labels = Some(labels.clone());
    let selector = LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    };
    let aggregation = AggregationRule {
        cluster_role_selectors: Some(vec![selector]),
    };
    let collecting = ClusterRole {
        // Rules stay unset: kube-controller-manager writes them.
        rules: None,
        aggregation_rule: Some(aggregation),
        ..cluster_role(&collecting, Vec::new())
    };
    vec![collecting, ours]
}

fn member() -> Vec<PolicyRule> {
    vec![
        full(&[""], &["secrets", "configmaps"]),
        rule(&[""], &["events", "resourcequotas", "serviceaccounts"], &READ),
        rule(&["events.k8s.io"], &["events"], &READ),
        full(
            &["core.gardener.cloud"],
            &["shoots", "secretbindings", "quotas", "namespacedcloudprofiles"],
        ),
        rule(
            &["core.gardener.cloud"],
            &["shoots/adminkubeconfig", "shoots/viewerkubeconfig"],
            &["create"],
        ),
        rule(&["core.gardener.cloud"], &["shoots/binding"], &["update", "patch"]),
        full(
            &["security.gardener.cloud"],
            &["credentialsbindings", "workloadidentities"],
        ),
        full(&["operations.gardener.cloud"], &["bastions"]),
        rule(&["rbac.authorization.k8s.io"], &["roles", "rolebindings"], &READ),
    ]
}

fn viewer() -> Vec<PolicyRule> {
    let core = ["shoots", "secretbindings", "quotas", "namespacedcloudprofiles"];
    vec![
        rule(
            &[""],
            &["configmaps", "events", "resourcequotas", "serviceaccounts"],
            &READ,
        ),
        rule(&["events.k8s.io"], &["events"], &READ),
        rule(&["core.gardener.cloud"], &core, &READ),
        rule(&["core.gardener.cloud"], &["shoots/viewerkubeconfig"], &["create"]),
        rule(
            &["security.gardener.cloud"],
            &["credentialsbindings", "workloadidentities"],
            &READ,
        ),
        rule(&["operations.gardener.cloud"], &["bastions"], &READ),
        rule(&["rbac.authorization.k8s.io"], &["roles", "rolebindings"], &READ),
    ]
}

fn service_account_manager() -> Vec<PolicyRule> {
    vec![
        full(&[""], &["serviceaccounts"]),
        rule(&[""], &["serviceaccounts/token"], &["create"]),
    ]
}
