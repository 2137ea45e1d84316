//! The garden's controllers on a real garden: a project gets its namespace, a shoot its seed, a silent seed its condition.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use testing_testkit::{eventually, ready_when};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fixtures::{cloud_profile, object, seed, shoot};
use crate::support::Garden;

const CORE: &str = "/apis/core.gardener.cloud/v1beta1";
const DEADLINE: Duration = Duration::from_secs(60);

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A configuration file for a controller of this garden.
fn config(garden: &Garden, kind: &str, group: &str, connection: &str, more: &Value) -> PathBuf {
    let mut config = json!({
        "apiVersion": format!("{group}.config.gardener.cloud/v1alpha1"), "kind": kind,
        "server": { "healthProbes": { "bindAddress": "127.0.0.1", "port": free_port() } },
    });
    config[connection] = json!({ "kubeconfig": garden.kube.kubeconfig_path });
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    let path = garden.kube.directory.join(format!("{kind}.json"));
    fs_err::write(&path, config.to_string()).expect("write a file");
    path
}

/// Starts both; they end when the guard is dropped.
pub(crate) fn start(garden: &Garden) -> DropGuard {
    let end = CancellationToken::new();
    let none = json!({});
    let scheduler = config(garden, "SchedulerConfiguration", "scheduler", "clientConnection", &none);
    let arguments = garden_scheduler::Arguments {
        config: Some(scheduler),
    };
    tokio::spawn(garden_scheduler::run(arguments, end.clone()));
    let periods =
        json!({ "controllers": { "seed": { "monitorPeriod": "2s", "shootMonitorPeriod": "1s", "syncPeriod": "1s" } } });
    let manager = config(
        garden,
        "ControllerManagerConfiguration",
        "controllermanager",
        "gardenClientConnection",
        &periods,
    );
    let arguments = garden_controller_manager::Arguments { config: Some(manager) };
    tokio::spawn(garden_controller_manager::run(arguments, end.clone()));
    end.drop_guard()
}

/// Waits until a value of an object is as expected.
async fn becomes(garden: &Garden, path: &str, pointer: &str, expected: &str) {
    eventually(DEADLINE, &format!("{path}{pointer} to be {expected:?}"), || async {
        let text = garden.kube.kubectl(&["get", "--raw", path]).await?;
        let object: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let found = object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        ready_when(found.contains(expected), || found)
    })
    .await;
}

/// A condition that holds.
fn condition(name: &str) -> Value {
    let time = "2026-01-01T00:00:00Z";
    json!({ "type": name, "status": "True", "reason": "a", "message": "a", "lastTransitionTime": time, "lastUpdateTime": time })
}

/// gardenlet's part: the seed is ready, and its lease is fresh.
async fn report_seed(garden: &Garden) {
    let path = format!("{CORE}/seeds/one");
    let mut seed = garden.get(&path).await;
    seed["status"]["conditions"] = json!([condition("GardenletReady"), condition("SeedSystemComponentsHealthy")]);
    garden.put(&format!("{path}/status"), &seed).await.unwrap();
}

async fn renew_lease(garden: &Garden) {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    garden
        .apply(&json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": "one", "namespace": "gardener-system-seed-lease" },
            "spec": { "holderIdentity": "one", "renewTime": now },
        }))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_shoots_and_seeds_are_looked_after() {
    let garden = Garden::start().await;
    garden
        .apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "garden" } }))
        .await;
    garden
        .apply(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "dns", "namespace": "garden" } }))
        .await;
    let _controllers = start(&garden);

    garden.apply(&object("Project", "dev", &json!({}))).await;
    let project = format!("{CORE}/projects/dev");
    becomes(&garden, &project, "/status/phase", "Ready").await;
    becomes(&garden, &project, "/spec/namespace", "garden-dev").await;
    becomes(
        &garden,
        "/api/v1/namespaces/garden-dev",
        "/metadata/labels/project.gardener.cloud~1name",
        "dev",
    )
    .await;

    garden.apply(&cloud_profile()).await;
    garden.apply(&shoot("first")).await;
    let first = format!("{CORE}/namespaces/garden-dev/shoots/first");
    becomes(&garden, &first, "/status/lastOperation/description", "there is no seed").await;
    becomes(
        &garden,
        &first,
        "/metadata/labels/shoot.gardener.cloud~1status",
        "progressing",
    )
    .await;

    garden.apply(&seed()).await;
    becomes(
        &garden,
        &first,
        "/status/lastOperation/description",
        "condition GardenletReady is missing",
    )
    .await;
    renew_lease(&garden).await;
    report_seed(&garden).await;
    becomes(&garden, &first, "/spec/seedName", "one").await;
    becomes(
        &garden,
        &format!("{CORE}/seeds/one"),
        "/status/conditions/0/status",
        "Unknown",
    )
    .await;
    shoots_of_a_silent_seed_are_unknown(&garden, &first).await;

    let events = garden
        .kube
        .kubectl(&["get", "events", "-n", "garden-dev", "-o", "jsonpath={.items[*].reason}"])
        .await
        .unwrap();
    assert!(
        events.contains("SchedulingFailed") && events.contains("SchedulingSuccessful"),
        "{events}"
    );
    deletions_wait_for_users(&garden).await;
}

/// What gardenlet said of its shoot is not believed for ever; what others said is left alone.
async fn shoots_of_a_silent_seed_are_unknown(garden: &Garden, shoot: &str) {
    let said = [condition("APIServerAvailable"), condition("Tasty")];
    let status = json!({ "status": { "seedName": "one", "conditions": said } }).to_string();
    let patch = [
        "patch",
        "shoot",
        "-n",
        "garden-dev",
        "first",
        "--subresource=status",
        "--type=merge",
        "-p",
        status.as_str(),
    ];
    garden.kube.kubectl(&patch).await.unwrap();
    let expected = [
        "APIServerAvailable Unknown StatusUnknown",
        "Tasty True a",
        "ControlPlaneHealthy Unknown StatusUnknown",
        "ObservabilityComponentsHealthy Unknown StatusUnknown",
        "SystemComponentsHealthy Unknown StatusUnknown",
    ];
    eventually(DEADLINE, "the shoot's conditions to be unknown", || async {
        let text = garden.kube.kubectl(&["get", "--raw", shoot]).await?;
        let shoot: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let conditions = shoot["status"]["conditions"].as_array().into_iter().flatten();
        let text = |condition: &Value| {
            let parts = ["type", "status", "reason"].map(|part| condition[part].as_str().unwrap_or_default());
            parts.join(" ")
        };
        let seen: Vec<String> = conditions.map(text).collect();
        ready_when(seen == expected, || seen.join(", "))
    })
    .await;
    let message = "Gardenlet on seed \"one\" stopped posting shoot status.";
    becomes(garden, shoot, "/status/conditions/0/message", message).await;
}

async fn deletions_wait_for_users(garden: &Garden) {
    garden
        .kube
        .kubectl(&["delete", "cloudprofile", "local", "--wait=false"])
        .await
        .unwrap();
    let profile = garden.get(&format!("{CORE}/cloudprofiles/local")).await;
    assert_eq!(profile["metadata"]["finalizers"], json!(["gardener"]));
    let confirmed = "confirmation.gardener.cloud/deletion=true";
    garden
        .kube
        .kubectl(&["annotate", "project", "dev", confirmed])
        .await
        .unwrap();
    garden
        .kube
        .kubectl(&["delete", "project", "dev", "--wait=false"])
        .await
        .unwrap();
    becomes(garden, &format!("{CORE}/projects/dev"), "/status/phase", "Terminating").await;

    garden
        .kube
        .kubectl(&["annotate", "shoot", "-n", "garden-dev", "first", confirmed])
        .await
        .unwrap();
    garden
        .kube
        .kubectl(&["delete", "shoot", "-n", "garden-dev", "first"])
        .await
        .unwrap();
    eventually(DEADLINE, "the cloud profile to go with its last user", || async {
        let left = garden.kube.kubectl(&["get", "cloudprofiles", "-o", "name"]).await?;
        ready_when(left.is_empty(), || left)
    })
    .await;
    // No kube-controller-manager runs here that would empty the namespace: asking for its end is all that can be seen.
    becomes(garden, "/api/v1/namespaces/garden-dev", "/status/phase", "Terminating").await;
}
