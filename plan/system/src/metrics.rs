//! metrics-server: what `kubectl top` and autoscalers ask for, by an aggregated API.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::Object;
use crate::object::{
    NAMESPACE, cluster_role, cluster_role_binding, restricted_container, restricted_pod, role_binding, rule,
    service_account,
};

const NAME: &str = "metrics-server";
/// Not 443: that would need a capability. Not the kubelet's either, so that a log line tells who is meant.
const PORT: u16 = 8443;
const CERTIFICATES: &str = "/srv/metrics-server/tls";
const KUBELET_AUTHORITY: &str = "/srv/kubelet";

/// What metrics-server needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Its image.
    pub image: String,
    /// Authorities of the kubelets' serving certificates, as PEM.
    pub kubelet_authorities: String,
    /// Its serving certificate for [`metrics_hostnames`], as PEM.
    pub certificate: String,
    /// The certificate's key, as PEM.
    pub key: String,
    /// Authorities of its serving certificate, as PEM: the API server believes no other.
    pub authorities: String,
    /// Something that changes with the certificate: pods read it once.
    pub checksum: String,
}

/// Names of the Service of metrics-server, for its certificate.
pub fn metrics_hostnames() -> Vec<String> {
    let service = format!("{NAME}.{NAMESPACE}");
    vec![NAME.to_owned(), service.clone(), format!("{service}.svc")]
}

/// metrics-server as a Deployment, and the API `metrics.k8s.io` that it serves.
pub fn plan_metrics(metrics: &Metrics) -> Vec<Object> {
    let role = "system:metrics-server";
    vec![
        service_account(NAME),
        cluster_role(role, &rules()),
        cluster_role_binding(role, role, NAME),
        cluster_role_binding("metrics-server:system:auth-delegator", "system:auth-delegator", NAME),
        role_binding(
            "metrics-server-auth-reader",
            "extension-apiserver-authentication-reader",
            NAME,
        ),
        aggregated_reader(),
        secret(metrics),
        config_map(metrics),
        service(),
        deployment(metrics),
        api_service(metrics),
    ]
}

fn rules() -> [Value; 2] {
    [
        rule(&[""], &["nodes/metrics"], &["get"]),
        rule(&[""], &["pods", "nodes"], &["get", "list", "watch"]),
    ]
}

/// Who may view a namespace may view what its pods use.
fn aggregated_reader() -> Object {
    let mut role = cluster_role(
        "system:aggregated-metrics-reader",
        &[rule(&["metrics.k8s.io"], &["pods", "nodes"], &["get", "list", "watch"])],
    );
    role["metadata"]["labels"] = json!({
        "rbac.authorization.k8s.io/aggregate-to-admin": "true",
        "rbac.authorization.k8s.io/aggregate-to-edit": "true",
        "rbac.authorization.k8s.io/aggregate-to-view": "true",
    });
    role
}

fn secret(metrics: &Metrics) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": metrics.certificate, "tls.key": metrics.key},
    })
}

fn config_map(metrics: &Metrics) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "metrics-server-kubelet-authorities", "namespace": NAMESPACE},
        "data": {"bundle.crt": metrics.kubelet_authorities},
    })
}

fn service() -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels()},
        "spec": {
            "selector": labels(),
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": PORT}],
        },
    })
}

fn labels() -> Value {
    json!({"k8s-app": NAME})
}

fn deployment(metrics: &Metrics) -> Object {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels()},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {
                    "labels": labels(),
                    "annotations": {"checksum/certificates": metrics.checksum},
                },
                "spec": pod(metrics),
            },
        },
    })
}

fn pod(metrics: &Metrics) -> Value {
    json!({
        "automountServiceAccountToken": true,
        "priorityClassName": "system-cluster-critical",
        "securityContext": restricted_pod(),
        "serviceAccountName": NAME,
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "containers": [{
            "name": NAME,
            "image": metrics.image,
            "args": [
                format!("--secure-port={PORT}"),
                format!("--tls-cert-file={CERTIFICATES}/tls.crt"),
                format!("--tls-private-key-file={CERTIFICATES}/tls.key"),
                format!("--kubelet-certificate-authority={KUBELET_AUTHORITY}/bundle.crt"),
                // Kubelets' certificates name addresses; a node's name need not be in anybody's DNS.
                "--kubelet-preferred-address-types=InternalIP",
                // The shortest it takes, and only with kubelets that answer sooner; it answers after two rounds.
                "--metric-resolution=10s",
                "--kubelet-request-timeout=5s",
                "--profiling=false",
            ],
            "ports": [{"name": "https", "containerPort": PORT, "protocol": "TCP"}],
            "livenessProbe": https_probe("/livez", 10),
            "readinessProbe": https_probe("/readyz", 2),
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": restricted_container(),
            "volumeMounts": [
                {"name": "certificates", "mountPath": CERTIFICATES, "readOnly": true},
                {"name": "kubelet-authorities", "mountPath": KUBELET_AUTHORITY, "readOnly": true},
            ],
        }],
        "volumes": [
            {"name": "certificates", "secret": {"secretName": NAME}},
            {"name": "kubelet-authorities", "configMap": {"name": "metrics-server-kubelet-authorities"}},
        ],
    })
}

fn https_probe(path: &str, period_seconds: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": PORT, "scheme": "HTTPS"},
        "periodSeconds": period_seconds,
        "failureThreshold": 3,
    })
}

fn api_service(metrics: &Metrics) -> Object {
    json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": STANDARD.encode(&metrics.authorities),
            "service": {"name": NAME, "namespace": NAMESPACE, "port": 443},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn metrics_server_is_planned() {
        let objects = plan_metrics(&Metrics {
            image: "registry/metrics-server:1".to_owned(),
            kubelet_authorities: "kubelet authorities\n".to_owned(),
            certificate: "certificate\n".to_owned(),
            key: "key\n".to_owned(),
            authorities: "authorities\n".to_owned(),
            checksum: "0123".to_owned(),
        });
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/metrics.yaml"].assert_eq(&to_yaml(&objects));
    }
}
