//! Extensions on a real garden: a registration is installed where it is needed, and stays while it is.

use std::time::Duration;

use serde_json::{Value, json};
use testing_testkit::{eventually, ready_when};

use crate::controllers::start;
use crate::fixtures::{object, seed};
use crate::support::Garden;

const DEADLINE: Duration = Duration::from_secs(60);

fn registration(kind: &str) -> Value {
    let spec = json!({
        "resources": [{ "kind": kind, "type": "local" }],
        "deployment": { "deploymentRefs": [{ "name": "provider" }] },
    });
    object("ControllerRegistration", "provider", &spec)
}

/// Waits until what kubectl prints of a resource is as expected.
async fn shows(garden: &Garden, resource: &[&str], path: &str, expected: &str) {
    let output = format!("jsonpath={path}");
    let arguments = [&["get"], resource, &["--ignore-not-found", "-o", &output]].concat();
    eventually(DEADLINE, &format!("{resource:?} {path} to be {expected:?}"), || async {
        let found = garden.kube.kubectl(&arguments).await?;
        ready_when(found == expected, || found)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_is_installed_where_it_is_needed_and_kept_while_it_is() {
    let garden = Garden::start().await;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "garden" } });
    garden.apply(&namespace).await;
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "dns", "namespace": "garden" } });
    garden.apply(&secret).await;
    let _controllers = start(&garden);

    let deployment = json!({
        "apiVersion": "core.gardener.cloud/v1", "kind": "ControllerDeployment",
        "metadata": { "name": "provider" }, "helm": { "rawChart": "H4sIAAAA" },
    });
    garden.apply(&deployment).await;
    garden.apply(&registration("Infrastructure")).await;
    garden.apply(&seed()).await;
    let installations = ["controllerinstallations.core.gardener.cloud"];
    let references =
        "{.items[*].spec.registrationRef.name} {.items[*].spec.seedRef.name} {.items[*].spec.deploymentRef.name}";
    shows(&garden, &installations, references, "provider one provider").await;
    let finalizer = "core.gardener.cloud/controllerregistration";
    shows(
        &garden,
        &["seed", "one"],
        "{.metadata.finalizers}",
        &format!("[\"{finalizer}\"]"),
    )
    .await;

    let hash = "{.items[*].metadata.labels.deployment-hash}";
    let before = garden
        .kube
        .kubectl(&["get", installations[0], "-o", &format!("jsonpath={hash}")])
        .await
        .unwrap();
    let mut changed = deployment.clone();
    changed["helm"]["values"] = json!({ "image": "a/b:2" });
    garden.apply(&changed).await;
    eventually(DEADLINE, "gardenlet to be told of the new values", || async {
        let arguments = ["get", installations[0], "-o", &format!("jsonpath={hash}")];
        let found = garden.kube.kubectl(&arguments).await?;
        ready_when(found != before, || found)
    })
    .await;
    it_stays_while_it_is_needed(&garden, finalizer).await;
}

async fn it_stays_while_it_is_needed(garden: &Garden, finalizer: &str) {
    let kind = ["controllerregistration.core.gardener.cloud", "provider"];
    let installations = ["controllerinstallations.core.gardener.cloud"];
    garden
        .kube
        .kubectl(&["delete", kind[0], kind[1], "--wait=false"])
        .await
        .unwrap();
    shows(garden, &kind, "{.metadata.finalizers}", &format!("[\"{finalizer}\"]")).await;
    shows(
        garden,
        &installations,
        "{.items[*].spec.registrationRef.name}",
        "provider",
    )
    .await;

    // Nobody needs it any more: all of it goes.
    garden
        .kube
        .kubectl(&["delete", "seed", "one", "--wait=false"])
        .await
        .unwrap();
    shows(garden, &installations, "{.items[*].metadata.name}", "").await;
    shows(garden, &kind, "{.metadata.name}", "").await;
    shows(garden, &["seed", "one"], "{.metadata.name}", "").await;
    let deployment = ["controllerdeployment.core.gardener.cloud", "provider"];
    garden
        .kube
        .kubectl(&["delete", deployment[0], deployment[1], "--wait=false"])
        .await
        .unwrap();
    shows(garden, &deployment, "{.metadata.name}", "").await;
}
