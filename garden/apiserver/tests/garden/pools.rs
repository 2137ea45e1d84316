//! Worker pools, good and bad, through the whole of admission.

use serde_json::{Value, json};

use crate::fixtures::{object, shoot};
use crate::support::Garden;

/// Extensions for everything that a Shoot with workers needs.
async fn register(garden: &Garden) {
    let kinds = [
        ("ControlPlane", "local"),
        ("Infrastructure", "local"),
        ("Worker", "local"),
        ("OperatingSystemConfig", "local"),
        ("Network", "bridge"),
    ];
    let resources = kinds.map(|(kind, type_)| json!({ "kind": kind, "type": type_ }));
    let spec = json!({ "resources": resources });
    garden
        .apply(&object("ControllerRegistration", "provider-local", &spec))
        .await;
}

/// Credentials that Shoots of the project may use.
async fn credentials(garden: &Garden) {
    let metadata = json!({ "name": "mine", "namespace": "garden-dev" });
    garden
        .apply(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata }))
        .await;
    garden
        .apply(&json!({
            "apiVersion": "security.gardener.cloud/v1alpha1", "kind": "CredentialsBinding", "metadata": metadata,
            "provider": { "type": "local" },
            "credentialsRef": { "apiVersion": "v1", "kind": "Secret", "name": "mine", "namespace": "garden-dev" },
        }))
        .await;
}

/// A Shoot with one pool that names no more than it must.
fn shoot_with_workers(name: &str) -> Value {
    let mut shoot = shoot(name);
    shoot["spec"]["credentialsBindingName"] = json!("mine");
    shoot["spec"]["networking"] = json!({ "type": "bridge", "nodes": "10.10.0.0/16" });
    shoot["spec"]["provider"]["workers"] = json!([{
        "name": "a", "minimum": 1, "maximum": 1, "machine": { "type": "local" }, "zones": ["0"],
    }]);
    shoot
}

pub(crate) async fn bad_pools_are_refused(garden: &Garden) {
    let good = shoot_with_workers("bad");
    refused(garden, &good, "spec.credentialsBindingName: Not found: \"mine\"").await;
    credentials(garden).await;
    let unregistered = "no ControllerRegistration offers kind Worker of type \"local\"";
    refused(garden, &good, unregistered).await;
    register(garden).await;
    one_thing_is_wrong(garden).await;
    pools_do_not_fit_together(garden).await;
    a_good_pool_is_completed(garden).await;
}

async fn one_thing_is_wrong(garden: &Garden) {
    let cases: &[(&str, Value, &str)] = &[
        (
            "/machine/type",
            json!("huge"),
            "workers[0].machine.type: Unsupported value: \"huge\"",
        ),
        (
            "/machine/image",
            json!({ "name": "suse" }),
            "workers[0].machine.image.name: Unsupported value: \"suse\"",
        ),
        (
            "/machine/image",
            json!({ "name": "local", "version": "9.9.9" }),
            "workers[0].machine.image.version: Unsupported value: \"9.9.9\"",
        ),
        (
            "/zones",
            json!(["moon"]),
            "workers[0].zones[0]: Unsupported value: \"moon\"",
        ),
        (
            "/volume",
            json!({ "size": "50GB" }),
            "workers[0].volume.size: Invalid value",
        ),
        (
            "/volume",
            json!({ "size": "1Gi", "type": "standard" }),
            "workers[0].volume.size: Invalid value: \"1Gi\": must be 20Gi at least",
        ),
        (
            "/volume",
            json!({ "size": "50Gi", "type": "gold" }),
            "workers[0].volume.type: Unsupported value: \"gold\"",
        ),
        ("/minimum", json!(2), "workers[0].maximum: Invalid value: 1"),
    ];
    for (pointer, value, expected) in cases {
        let mut bad = shoot_with_workers("bad");
        let pool = &mut bad["spec"]["provider"]["workers"][0];
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        pool.pointer_mut(parent).unwrap()[key] = value.clone();
        refused(garden, &bad, expected).await;
    }
}

async fn pools_do_not_fit_together(garden: &Garden) {
    let mut twice = shoot_with_workers("bad");
    let pool = twice["spec"]["provider"]["workers"][0].clone();
    twice["spec"]["provider"]["workers"].as_array_mut().unwrap().push(pool);
    refused(garden, &twice, "workers[1].name: Duplicate value: \"a\"").await;
    let mut overlapping = shoot_with_workers("bad");
    overlapping["spec"]["networking"] = json!({ "type": "bridge", "nodes": "10.10.0.0/16", "pods": "10.10.4.0/24" });
    refused(garden, &overlapping, "spec.networking.pods: Invalid value").await;
    let mut on_the_seed = shoot_with_workers("bad");
    on_the_seed["spec"]["seedName"] = json!("one");
    on_the_seed["spec"]["networking"]["nodes"] = json!("10.1.0.0/16");
    refused(
        garden,
        &on_the_seed,
        "must not overlap with the nodes network of the Seed",
    )
    .await;
    let mut typeless = shoot_with_workers("bad");
    typeless["spec"]["networking"] = json!({ "nodes": "10.10.0.0/16" });
    refused(garden, &typeless, "spec.networking.type: Required value").await;
}

async fn refused(garden: &Garden, shoot: &Value, expected: &str) {
    let file = garden.file(shoot).display().to_string();
    let error = garden
        .kube
        .kubectl(&["create", "--dry-run=server", "-f", &file])
        .await
        .expect_err(expected);
    assert!(error.contains(expected), "{expected}: {error}");
}

async fn a_good_pool_is_completed(garden: &Garden) {
    let file = garden.file(&shoot_with_workers("good")).display().to_string();
    let create = ["create", "--dry-run=server", "-o", "json", "-f", &file];
    let text = garden.kube.kubectl(&create).await.unwrap();
    let good: Value = serde_json::from_str(&text).unwrap();
    let pool = &good["spec"]["provider"]["workers"][0];
    assert_eq!(pool["machine"]["image"], json!({ "name": "local", "version": "1.0.0" }));
    assert_eq!(pool["machine"]["architecture"], "amd64");
    assert_eq!(pool["cri"]["name"], "containerd");
    assert_eq!((&pool["maxSurge"], &pool["maxUnavailable"]), (&json!(1), &json!(0)));
    garden
        .kube
        .kubectl(&["delete", "secret", "-n", "garden-dev", "mine"])
        .await
        .unwrap();
    refused(
        garden,
        &shoot_with_workers("bad"),
        "the binding refers to Secret garden-dev/mine, which does not exist",
    )
    .await;
}
