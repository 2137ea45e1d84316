//! The cloud controller of the local cloud: it gives Services of type LoadBalancer an address.

use serde_json::{Value, json};

use crate::Object;
use crate::object::{
    NAMESPACE, cluster_role, cluster_role_binding, http_probe, restricted_container, restricted_pod, rule,
    service_account,
};

const NAME: &str = "cloud-controller-manager-local";
const HEALTH_PORT: u16 = 8081;

/// What the cloud controller needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudController {
    /// Our own image.
    pub image: String,
    /// URL of the cloud's API.
    pub endpoint: String,
    /// The cloud's bearer token.
    pub token: String,
    /// The cloud's network that the nodes stand in.
    pub network: String,
    /// Tells this cluster's load balancers from others' of the same cloud.
    pub cluster: String,
}

/// The controller as a Deployment, with the cloud's token in a Secret.
pub fn plan_cloud_controller(controller: &CloudController) -> Vec<Object> {
    vec![
        service_account(NAME),
        cluster_role("system:cloud-controller-manager-local", &rules()),
        cluster_role_binding(
            "system:cloud-controller-manager-local",
            "system:cloud-controller-manager-local",
            NAME,
        ),
        secret(controller),
        deployment(controller),
    ]
}

fn rules() -> Vec<Value> {
    vec![
        rule(&[""], &["services"], &["get", "list", "watch", "update", "patch"]),
        rule(&[""], &["services/status"], &["update", "patch"]),
        rule(&[""], &["nodes"], &["get", "list", "watch"]),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch", "update"]),
        rule(
            &["coordination.k8s.io"],
            &["leases"],
            &["get", "list", "watch", "create", "update", "patch"],
        ),
    ]
}

fn secret(controller: &CloudController) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "type": "Opaque",
        "stringData": {"token": controller.token},
    })
}

fn deployment(controller: &CloudController) -> Object {
    let labels = json!({"app": NAME});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels}, "spec": pod(controller)},
        },
    })
}

fn pod(controller: &CloudController) -> Value {
    json!({
        "automountServiceAccountToken": true,
        "priorityClassName": "system-cluster-critical",
        "securityContext": restricted_pod(),
        "serviceAccountName": NAME,
        "tolerations": [
            {"key": "node.cloudprovider.kubernetes.io/uninitialized", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
        ],
        "containers": [{
            "name": NAME,
            "image": controller.image,
            "args": [
                NAME,
                format!("--cloud-endpoint={}", controller.endpoint),
                "--cloud-token-file=/etc/cloud/token",
                format!("--network={}", controller.network),
                format!("--cluster-name={}", controller.cluster),
                format!("--health-port={HEALTH_PORT}"),
            ],
            "livenessProbe": http_probe("/healthz", HEALTH_PORT, 10),
            "readinessProbe": http_probe("/readyz", HEALTH_PORT, 1),
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
            "securityContext": restricted_container(),
            "volumeMounts": [{"name": "cloud", "mountPath": "/etc/cloud", "readOnly": true}],
        }],
        "volumes": [{"name": "cloud", "secret": {"secretName": NAME}}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn the_cloud_controller_is_planned() {
        let objects = plan_cloud_controller(&CloudController {
            image: "registry/kubeception:1".to_owned(),
            endpoint: "http://172.30.0.1:8080".to_owned(),
            token: "secret".to_owned(),
            network: "seed".to_owned(),
            cluster: "seed".to_owned(),
        });
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/cloud-controller.yaml"].assert_eq(&to_yaml(&objects));
    }
}
