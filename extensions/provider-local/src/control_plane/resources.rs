//! What the cloud controllers may do in a shoot. Pure.

use serde_json::{Value, json};

const ROLE: &str = "extensions.gardener.cloud:provider-local:cloud-controller-manager";

/// The role of the service account in `kube-system`, which comes with its token.
pub(crate) fn rights(service_account: &str) -> [Value; 2] {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE},
        "rules": [
            rule("", &["nodes"], &["get", "list", "watch", "update", "patch", "delete"]),
            rule("", &["nodes/status", "services/status"], &["update", "patch"]),
            rule("", &["services"], &["get", "list", "watch", "update", "patch"]),
            rule("", &["events"], &["create", "patch", "update"]),
            rule("events.k8s.io", &["events"], &["create", "patch", "update"]),
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ROLE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": service_account, "namespace": "kube-system"}],
    });
    [role, binding]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_as_reviewed() {
        let text = rights("cloud-controller-manager").map(|object| serde_yaml_ng::to_string(&object).unwrap());
        testing_testkit::golden::assert("tests/golden/cloud-controller-rights.yaml", &text.join("---\n"));
    }
}
