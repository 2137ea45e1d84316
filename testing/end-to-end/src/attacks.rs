//! What the admin of a shoot can have its API server dial through the tunnel: the Service of a webhook may be another name for anything.
//! The tunnel's server stands in the seed, and must not lead to itself, to the seed, to the cloud or to another shoot's machines.
//!
//! Absent: webhooks by URL, which kube-apiserver takes for parts of the control plane and dials without the tunnel.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    machines::MACHINES,
    walk::{Walk, eventually, refused},
};

/// The namespace of it all, and the webhooks' configuration.
const NAME: &str = "attacks";
/// The label by which an object chooses the webhook that is asked for it.
const LABEL: &str = "attack";
/// kube-apiserver knows of new Services and webhooks within moments.
const SECONDS: u64 = 30;

/// Where a webhook is said to be.
struct Attack {
    name: &'static str,
    host: &'static str,
    port: u16,
    /// What the tunnel's server says to it.
    refusal: &'static str,
}

const ATTACKS: [Attack; 7] = [
    // The tunnel's server itself, where it says how it is.
    Attack {
        name: "loopback",
        host: "127.0.0.1",
        port: 8133,
        refusal: "127.0.0.1 may not be dialled: it is a loopback address",
    },
    Attack {
        name: "metadata",
        host: "169.254.169.254",
        port: 80,
        refusal: "169.254.169.254 may not be dialled: it is a link-local address",
    },
    Attack {
        name: "seed-machine",
        host: "10.1.0.10",
        port: 6443,
        refusal: "10.1.0.10 may not be dialled: it lies in the networks of the seed",
    },
    Attack {
        name: "seed-service",
        host: "10.3.0.1",
        port: 443,
        refusal: "10.3.0.1 may not be dialled: it lies in the networks of the seed",
    },
    // The tunnel's server asks the seed's DNS: this is the same Service.
    Attack {
        name: "seed-name",
        host: "kubernetes.default.svc.cluster.local",
        port: 443,
        refusal: "10.3.0.1 may not be dialled: it lies in the networks of the seed",
    },
    Attack {
        name: "cloud",
        host: "172.30.0.1",
        port: 8080,
        refusal: "172.30.0.1 may not be dialled: it lies in the networks of the seed",
    },
    // All shoots of the walk have nodes in the same range, in which an address is the shoot's own: this one would be in another's.
    Attack {
        name: "other-shoot",
        host: "10.11.0.2",
        port: 10250,
        refusal: "10.11.0.2 may not be dialled: it lies in the networks of the seed",
    },
];

pub(crate) fn steps(walk: &mut Walk) {
    walk.step(
        "attacks: the tunnel leads no webhook to loopback, metadata, the seed, the cloud or another shoot",
        attacks,
    );
}

fn attacks(walk: &Walk) -> Result<()> {
    walk.apply(MACHINES, &services().to_string())?;
    walk.apply(MACHINES, &configuration().to_string())?;
    let outcome = ATTACKS.iter().try_for_each(|attack| attempt(walk, attack));
    walk.kubectl(MACHINES, &["delete", "validatingwebhookconfiguration", NAME])?;
    walk.kubectl(MACHINES, &["delete", "namespace", NAME, "--wait=false"])?;
    outcome
}

/// The namespace, and a Service for each attack: kube-apiserver hands the external name on as it is.
fn services() -> Value {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}});
    let service = |attack: &Attack| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": attack.name, "namespace": NAME},
            "spec": {"type": "ExternalName", "externalName": attack.host},
        })
    };
    let items: Vec<Value> = std::iter::once(namespace).chain(ATTACKS.iter().map(service)).collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// A webhook for each attack, asked for nothing but the object with its label.
fn configuration() -> Value {
    let webhook = |attack: &Attack| {
        json!({
            "name": format!("{}.{NAME}.example.org", attack.name),
            "clientConfig": {"service": {"name": attack.name, "namespace": NAME, "port": attack.port}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAME}},
            "objectSelector": {"matchLabels": {LABEL: attack.name}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
        })
    };
    let webhooks: Vec<Value> = ATTACKS.iter().map(webhook).collect();
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": webhooks,
    })
}

/// Whoever creates the object is told why its webhook could not be asked.
fn attempt(walk: &Walk, attack: &Attack) -> Result<()> {
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "target", "namespace": NAME, "labels": {LABEL: attack.name}},
    });
    let file = walk.file("target.json", &object.to_string())?;
    let file = file.display().to_string();
    let create = ["create", "--dry-run=server", "-f", &file];
    eventually(SECONDS, "the tunnel to refuse it", || {
        refused(walk.kubectl(MACHINES, &create), attack.refusal)
    })
    .with_context(|| format!("the attack {}", attack.name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_webhook_is_asked_for_its_own_object_only() {
        let configuration = configuration();
        let webhooks = configuration["webhooks"].as_array().unwrap();
        let chosen: BTreeSet<&str> = webhooks
            .iter()
            .map(|webhook| webhook["objectSelector"]["matchLabels"]["attack"].as_str().unwrap())
            .collect();
        assert_eq!((webhooks.len(), chosen.len()), (ATTACKS.len(), ATTACKS.len()));
    }
}
