//! Objects that are valid: a test breaks one thing in one of them.

use serde_json::{Value, json};

/// An object of `core.gardener.cloud/v1beta1`.
pub(crate) fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "core.gardener.cloud/v1beta1", "kind": kind, "metadata": { "name": name }, "spec": spec })
}

/// A cloud profile with one of everything.
pub(crate) fn cloud_profile() -> Value {
    let version = json!({ "version": "1.0.0", "cri": [{ "name": "containerd" }], "architectures": ["amd64"] });
    let spec = json!({
        "type": "local",
        "kubernetes": { "versions": [{ "version": "1.35.4" }] },
        "machineImages": [{ "name": "local", "versions": [version] }],
        "machineTypes": [{ "name": "local", "cpu": "1", "gpu": "0", "memory": "1Gi", "architecture": "amd64" }],
        "regions": [{ "name": "local", "zones": [{ "name": "0" }] }],
        "volumeTypes": [{ "name": "standard", "class": "standard", "minSize": "20Gi" }],
    });
    object("CloudProfile", "local", &spec)
}

/// A seed, with credentials for DNS in the Secret `garden/dns`.
pub(crate) fn seed() -> Value {
    let reference = json!({ "apiVersion": "v1", "kind": "Secret", "name": "dns", "namespace": "garden" });
    let dns = |domain: &str| json!({ "type": "local", "domain": domain, "credentialsRef": reference });
    let spec = json!({
        "provider": { "type": "local", "region": "local" },
        "networks": { "nodes": "10.1.0.0/24", "pods": "10.2.0.0/16", "services": "10.3.0.0/16" },
        "dns": {
            "provider": { "type": "local", "credentialsRef": reference },
            "internal": dns("internal.example.org"),
            "defaults": [dns("shoots.example.org")],
        },
        "ingress": { "domain": "ingress.example.org", "controller": { "kind": "nginx" } },
    });
    object("Seed", "one", &spec)
}

/// A workerless shoot that names no more than it must.
pub(crate) fn shoot(name: &str) -> Value {
    let spec = json!({
        "cloudProfile": { "kind": "CloudProfile", "name": "local" },
        "kubernetes": { "version": "1.35" },
        "provider": { "type": "local" },
        "region": "local",
    });
    let mut shoot = object("Shoot", name, &spec);
    shoot["metadata"]["namespace"] = json!("garden-dev");
    shoot
}
