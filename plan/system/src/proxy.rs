//! kube-proxy in nftables mode, one per node.

use serde_json::{Value, json};

use crate::Object;
use crate::object::{NAMESPACE, cluster_role_binding, http_probe, service_account, tolerate_everything};

const NAME: &str = "kube-proxy";
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const AUTHORITY_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

/// What the service proxy needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// An image with `kube-proxy` and `nft` in it.
    pub image: String,
    /// The API server's URL. Not a Service: those work only once the proxy does.
    pub api_server: String,
    /// The range of the pods' addresses.
    pub pod_cidr: String,
}

/// kube-proxy as a DaemonSet on the nodes' network.
pub fn plan_proxy(proxy: &Proxy) -> Vec<Object> {
    vec![
        service_account(NAME),
        cluster_role_binding("system:kube-proxy", "system:node-proxier", NAME),
        config_map(proxy),
        daemon_set(proxy),
    ]
}

fn config_map(proxy: &Proxy) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {
            "config.yaml": configuration(proxy).to_string(),
            "kubeconfig": kubeconfig(proxy).to_string(),
        },
    })
}

fn configuration(proxy: &Proxy) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": "/etc/kube-proxy/kubeconfig"},
        "clusterCIDR": proxy.pod_cidr,
        // Zero leaves the kernel's settings alone: a machine may not be allowed to change them.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "healthzBindAddress": "0.0.0.0:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "mode": "nftables",
        // The default of a second would be felt in every Service that appears.
        "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
    })
}

fn kubeconfig(proxy: &Proxy) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {"server": proxy.api_server, "certificate-authority": AUTHORITY_FILE}}],
        "users": [{"name": NAME, "user": {"tokenFile": TOKEN_FILE}}],
        "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": NAME}}],
        "current-context": "context",
    })
}

fn daemon_set(proxy: &Proxy) -> Object {
    let labels = json!({"k8s-app": NAME});
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": pod(proxy)},
        },
    })
}

fn pod(proxy: &Proxy) -> Value {
    json!({
        "automountServiceAccountToken": true,
        "hostNetwork": true,
        "priorityClassName": "system-node-critical",
        "serviceAccountName": NAME,
        "tolerations": tolerate_everything(),
        "containers": [{
            "name": NAME,
            "image": proxy.image,
            "command": ["/usr/local/bin/kube-proxy"],
            "args": ["--config=/etc/kube-proxy/config.yaml", "--hostname-override=$(NODE_NAME)"],
            "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
            "livenessProbe": http_probe("/livez", 10256, 10),
            "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
            "securityContext": {"privileged": true},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/kube-proxy", "readOnly": true}],
        }],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn the_proxy_is_planned() {
        let objects = plan_proxy(&Proxy {
            image: "registry/kubernetes:1".to_owned(),
            api_server: "https://10.1.0.10:6443".to_owned(),
            pod_cidr: "10.2.0.0/16".to_owned(),
        });
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/proxy.yaml"].assert_eq(&to_yaml(&objects));
    }
}
