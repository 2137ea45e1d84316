//! What runs in a shoot for its pod network: `bridge-network` on every node. Pure.

use serde_json::{Value, json};

const NAME: &str = "bridge-network";
const NAMESPACE: &str = "kube-system";
const ROLE: &str = "extensions.gardener.cloud:provider-local:bridge-network";

/// The API server as every node reaches it: an address on the node's own loopback interface, where the tunnel's client listens.
const API_SERVER: (&str, &str) = ("240.0.0.1", "6443");
/// The program's health probes, on the node's loopback address; no other program of a node listens there.
const HEALTH_PORT: u16 = 10262;

/// The node's own `nft` and the libraries it loads. Our image has neither, and rules are best written by the program that the
/// node's kernel and the other programs of the node agree with.
const NFT: [(&str, &str, &str); 3] = [
    ("node-programs", "/usr/sbin", "Directory"),
    ("node-libraries", "/lib", "Directory"),
    // Where some architectures keep the loader; others lack it.
    ("node-loader", "/lib64", "DirectoryOrCreate"),
];

/// What the pod network needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BridgeNetwork {
    /// Our own image.
    pub(crate) image: String,
    /// The range of all pods of the shoot.
    pub(crate) pod_range: String,
}

/// All objects, in the order in which they are of use.
pub(crate) fn bridge_network(network: &BridgeNetwork) -> Vec<Value> {
    vec![service_account(), role(), binding(), daemon_set(network)]
}

fn service_account() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "automountServiceAccountToken": false,
    })
}

fn role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE},
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}],
    })
}

fn binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ROLE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    })
}

fn daemon_set(network: &BridgeNetwork) -> Value {
    let labels = json!({"app": NAME});
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {
                // A node counts as ready for its users only with it.
                "metadata": {"labels": {"app": NAME, "node.gardener.cloud/critical-component": "true"}},
                "spec": pod(network),
            },
        },
    })
}

fn pod(network: &BridgeNetwork) -> Value {
    let mut volumes =
        vec![json!({"name": "network-plugins", "hostPath": {"path": "/etc/cni/net.d", "type": "DirectoryOrCreate"}})];
    let mut mounts = vec![json!({"name": "network-plugins", "mountPath": "/etc/cni/net.d"})];
    for (name, path, kind) in NFT {
        volumes.push(json!({"name": name, "hostPath": {"path": path, "type": kind}}));
        mounts.push(json!({"name": name, "mountPath": path, "readOnly": true}));
    }
    json!({
        "automountServiceAccountToken": true,
        "enableServiceLinks": false,
        "hostNetwork": true,
        "priorityClassName": "system-node-critical",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccountName": NAME,
        // Files and rules stay when it ends: there is nothing to wait for.
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"operator": "Exists"}],
        "containers": [{
            "name": NAME,
            "image": network.image,
            "args": [
                NAME,
                "--node-name=$(NODE_NAME)",
                format!("--pod-range={}", network.pod_range),
                format!("--health-port={HEALTH_PORT}"),
            ],
            "env": [
                {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                // In place of the Service's address, which needs the service proxy.
                {"name": "KUBERNETES_SERVICE_HOST", "value": API_SERVER.0},
                {"name": "KUBERNETES_SERVICE_PORT", "value": API_SERVER.1},
            ],
            "livenessProbe": probe("/healthz", 10),
            "readinessProbe": probe("/readyz", 2),
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
                "readOnlyRootFilesystem": true,
                "runAsUser": 0,
            },
            "volumeMounts": mounts,
        }],
        "volumes": volumes,
    })
}

fn probe(path: &str, period_seconds: u32) -> Value {
    json!({"httpGet": {"host": "127.0.0.1", "path": path, "port": HEALTH_PORT}, "periodSeconds": period_seconds})
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::{
        apps::v1::DaemonSet,
        core::v1::ServiceAccount,
        rbac::v1::{ClusterRole, ClusterRoleBinding},
    };
    use serde::{Serialize, de::DeserializeOwned};

    use super::*;

    #[track_caller]
    fn round_trip<K: Serialize + DeserializeOwned>(object: &Value) {
        let typed: K = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(&serde_json::to_value(typed).unwrap(), object, "a field is misspelled");
    }

    #[test]
    fn the_pod_network_is_as_reviewed() {
        let objects = bridge_network(&BridgeNetwork {
            image: "registry/kubeception:1".to_owned(),
            pod_range: "10.2.0.0/16".to_owned(),
        });
        round_trip::<ServiceAccount>(&objects[0]);
        round_trip::<ClusterRole>(&objects[1]);
        round_trip::<ClusterRoleBinding>(&objects[2]);
        round_trip::<DaemonSet>(&objects[3]);
        let text: Vec<String> = objects
            .iter()
            .map(|object| serde_yaml_ng::to_string(object).unwrap())
            .collect();
        testing_testkit::golden::assert("tests/golden/bridge-network.yaml", &text.join("---\n"));
    }
}
