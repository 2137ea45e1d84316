//! Pieces that several components share.

use serde_json::{Value, json};

use crate::Object;

/// The namespace of what a cluster runs for itself.
pub(crate) const NAMESPACE: &str = "kube-system";

/// Lets a node's own programs run where nothing else may (yet).
pub(crate) fn tolerate_everything() -> Value {
    json!([{"operator": "Exists"}])
}

/// An unprivileged container that writes nothing.
pub(crate) fn restricted_container() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": true,
    })
}

/// A pod of an unprivileged user, the one that our images name `nonroot`.
pub(crate) fn restricted_pod() -> Value {
    json!({
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// A ServiceAccount in the system namespace.
pub(crate) fn service_account(name: &str) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "automountServiceAccountToken": false,
    })
}

/// A ClusterRole.
pub(crate) fn cluster_role(name: &str, rules: &[Value]) -> Object {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    })
}

/// Gives a ClusterRole to a ServiceAccount of the system namespace.
pub(crate) fn cluster_role_binding(name: &str, role: &str, service_account: &str) -> Object {
    let subject = json!({"kind": "ServiceAccount", "name": service_account, "namespace": NAMESPACE});
    bind(name, role, &subject)
}

/// Gives a Role of the system namespace to one of its ServiceAccounts.
pub(crate) fn role_binding(name: &str, role: &str, service_account: &str) -> Object {
    let subject = json!({"kind": "ServiceAccount", "name": service_account, "namespace": NAMESPACE});
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": [subject],
    })
}

/// Gives a ClusterRole to a group.
pub(crate) fn cluster_role_binding_for_group(name: &str, role: &str, group: &str) -> Object {
    bind(
        name,
        role,
        &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group}),
    )
}

/// Gives a ClusterRole to a user.
pub(crate) fn cluster_role_binding_for_user(name: &str, role: &str, user: &str) -> Object {
    bind(
        name,
        role,
        &json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}),
    )
}

fn bind(name: &str, role: &str, subject: &Value) -> Object {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    })
}

/// One rule of a role.
pub(crate) fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

/// A probe over HTTP.
pub(crate) fn http_probe(path: &str, port: u16, period_seconds: u32) -> Value {
    json!({"httpGet": {"path": path, "port": port}, "periodSeconds": period_seconds, "failureThreshold": 3})
}

#[cfg(test)]
pub(crate) mod testing {
    //! How the plans are tested: against a golden file, and against the types of Kubernetes.

    use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
    use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
    use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
    use k8s_openapi::api::scheduling::v1::PriorityClass;
    use k8s_openapi::api::storage::v1::StorageClass;
    use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
    use serde::{Serialize, de::DeserializeOwned};

    use crate::Object;

    /// All objects as YAML documents.
    pub(crate) fn to_yaml(objects: &[Object]) -> String {
        let documents: Vec<String> = objects
            .iter()
            .map(|object| serde_yaml_ng::to_string(object).unwrap())
            .collect();
        documents.join("---\n")
    }

    /// Every object must be one of Kubernetes, with no field that Kubernetes does not know.
    #[track_caller]
    pub(crate) fn check_types(objects: &[Object]) {
        for object in objects {
            match object["kind"].as_str().unwrap() {
                "APIService" => round_trip::<APIService>(object),
                "ClusterRole" => round_trip::<ClusterRole>(object),
                "ClusterRoleBinding" => round_trip::<ClusterRoleBinding>(object),
                "ConfigMap" => round_trip::<ConfigMap>(object),
                "DaemonSet" => round_trip::<DaemonSet>(object),
                "Deployment" => round_trip::<Deployment>(object),
                "PriorityClass" => round_trip::<PriorityClass>(object),
                "RoleBinding" => round_trip::<RoleBinding>(object),
                "Secret" => round_trip::<Secret>(object),
                "Service" => round_trip::<Service>(object),
                "ServiceAccount" => round_trip::<ServiceAccount>(object),
                "StorageClass" => round_trip::<StorageClass>(object),
                kind => panic!("no type for {kind}"),
            }
        }
    }

    #[track_caller]
    fn round_trip<K: Serialize + DeserializeOwned>(object: &Object) {
        let typed: K = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(&serde_json::to_value(typed).unwrap(), object);
    }
}
