//! What a shoot's API server asks of its pods, through the tunnel: an admission webhook and an aggregated API.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use serde_json::{Value, json};

use crate::{
    machines::{MACHINES, SECONDS},
    walk::{Walk, eventually, refused},
    workload::AGNHOST,
};

/// Longer than any walk.
const VALIDITY: Duration = Duration::from_secs(24 * 3600);
/// The webhook's configuration, and the namespace that it is asked for.
const WEBHOOK: &str = "denial";

pub(crate) fn steps(walk: &mut Walk) {
    walk.step(
        "callbacks: an admission webhook that runs in the shoot is called",
        webhook,
    );
    walk.step(
        "callbacks: an aggregated API that runs in the shoot is called",
        aggregated,
    );
}

fn webhook(walk: &Walk) -> Result<()> {
    let authority = CertificateAuthority::generate("end-to-end", VALIDITY, &SystemClock)?;
    let name = format!("{WEBHOOK}.default.svc");
    let request = CertificateRequest::server(name.clone(), vec![name], Vec::new(), VALIDITY);
    let issued = authority.issue(&request, &SystemClock)?;
    for object in server(&issued.certificate_pem, &issued.private_key.to_pem()) {
        walk.apply(MACHINES, &object.to_string())?;
    }
    let timeout = format!("--timeout={SECONDS}s");
    let pod = format!("pod/{WEBHOOK}");
    walk.kubectl(MACHINES, &["wait", &pod, "--for=condition=Ready", &timeout])?;
    walk.apply(MACHINES, &configuration(authority.certificate_pem()).to_string())?;
    let outcome = eventually(SECONDS, "the webhook to be asked", || {
        refused(
            walk.kubectl(
                MACHINES,
                &["create", "configmap", "unwanted", "-n", WEBHOOK, "--dry-run=server"],
            ),
            "denies all requests",
        )
    });
    // Whoever asks a webhook that is gone cannot go on.
    walk.kubectl(MACHINES, &["delete", "validatingwebhookconfiguration", WEBHOOK])?;
    outcome
}

/// The webhook with its certificate and its Service, and the namespace that it is asked for.
fn server(certificate: &str, key: &str) -> [Value; 4] {
    let labels = json!({"app": WEBHOOK});
    let arguments = [
        "webhook",
        "--tls-cert-file=/tls/tls.crt",
        "--tls-private-key-file=/tls/tls.key",
        "--port=8443",
    ];
    let container = json!({
        "name": "webhook",
        "image": AGNHOST,
        "args": arguments,
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8443, "scheme": "HTTPS"}, "periodSeconds": 1},
        "volumeMounts": [{"name": "tls", "mountPath": "/tls"}],
    });
    [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": WEBHOOK, "labels": labels}}),
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": WEBHOOK, "namespace": "default"},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificate, "tls.key": key},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": WEBHOOK, "namespace": "default", "labels": labels},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "tls", "secret": {"secretName": WEBHOOK}}],
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": WEBHOOK, "namespace": "default"},
            "spec": {"selector": labels, "ports": [{"port": 443, "targetPort": 8443}]},
        }),
    ]
}

fn configuration(authority: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": WEBHOOK},
        "webhooks": [{
            "name": format!("{WEBHOOK}.end-to-end.example.org"),
            "clientConfig": {
                "service": {"name": WEBHOOK, "namespace": "default", "path": "/always-deny"},
                "caBundle": STANDARD.encode(authority),
            },
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            "namespaceSelector": {"matchLabels": {"app": WEBHOOK}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
        }],
    })
}

/// metrics-server is one.
fn aggregated(walk: &Walk) -> Result<()> {
    eventually(SECONDS, "the aggregated API to list the nodes", || {
        let list = walk.kubectl(MACHINES, &["get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"])?;
        let list: Value = serde_json::from_str(&list).context("the answer is not JSON")?;
        ensure!(
            list["items"].as_array().map(Vec::len) == Some(2),
            "it does not list 2 nodes: {list}"
        );
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhook_is_asked_for_the_labelled_namespace() {
        let [namespace, ..] = server("certificate", "key");
        let configuration = configuration("authority");
        let selector = &configuration["webhooks"][0]["namespaceSelector"]["matchLabels"];
        assert_eq!(*selector, namespace["metadata"]["labels"]);
    }
}
