//! Apply, delete, finalizers, status and wait against an API server in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::time::Duration;

use controller::{
    apply::{Applier, ApplyError},
    delete::{DeleteError, delete, delete_and_wait, delete_dynamic, delete_uid},
    error::{is_conflict, is_not_found},
    fake::FakeCluster,
    finalizers,
    mapper::RestMapper,
    status,
    wait::{Progress, WaitError, poll, until},
};
use http::Method;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);
const CONFIG: &str = "/api/v1/namespaces/garden/configmaps/config";

fn config(data: &Value) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "namespace": "garden", "name": "config" }, "data": data })).unwrap()
}

fn api(cluster: &FakeCluster) -> Api<ConfigMap> {
    Api::namespaced(cluster.client(), "garden")
}

#[tokio::test]
async fn apply_creates_and_changes_and_knows_scopes() {
    let cluster = FakeCluster::new();
    let applier = Applier::new(cluster.client(), "test");
    let made = applier.apply(&config(&json!({ "a": "1" }))).await.unwrap();
    assert_eq!(made.metadata.uid.as_deref().map(str::len), Some(36));
    applier.apply(&config(&json!({ "a": "2" }))).await.unwrap();
    assert_eq!(cluster.get(CONFIG).unwrap()["data"]["a"], "2");
    let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": "garden" } })).unwrap();
    applier.apply(&namespace).await.unwrap();
    assert!(cluster.get("/api/v1/namespaces/garden").is_some());
}

#[tokio::test]
async fn apply_takes_json_of_any_kind() {
    let cluster = FakeCluster::new();
    let applier = Applier::new(cluster.client(), "test");
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "status": null,
        "metadata": { "namespace": "garden", "name": "gateway", "creationTimestamp": null, "managedFields": [] },
    });
    let applied = applier.apply_value(&object).await.unwrap();
    assert_eq!(applied.name_any(), "gateway");
    assert!(
        cluster
            .get("/apis/apps/v1/namespaces/garden/deployments/gateway")
            .unwrap()
            .get("status")
            .is_none()
    );
    for (pointer, missing) in [("apiVersion", "apiVersion"), ("kind", "kind")] {
        let mut object = object.clone();
        object[pointer] = Value::Null;
        let error = applier.apply_value(&object).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("an object without {missing} cannot be applied")
        );
    }
    let error = applier
        .apply_value(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "x" } }))
        .await;
    assert!(matches!(error, Err(ApplyError::Incomplete("metadata.namespace"))));
}

#[tokio::test]
async fn a_refused_apply_names_the_object() {
    let cluster = FakeCluster::new();
    cluster.fail(&Method::PATCH, CONFIG, 500, 1);
    let error = Applier::new(cluster.client(), "test")
        .apply(&config(&json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "failed to apply ConfigMap garden/config");
    assert!(error.api_error().is_some_and(|error| !is_not_found(error)));
}

#[tokio::test]
async fn what_is_gone_already_is_deleted() {
    let cluster = FakeCluster::new();
    assert!(!delete(&api(&cluster), "config").await.unwrap());
    cluster.insert(&config(&json!({})));
    assert!(!delete_uid(&api(&cluster), "config", "somebody-else").await.unwrap());
    assert!(delete(&api(&cluster), "config").await.unwrap());
    assert_eq!(cluster.get(CONFIG), None);
    let (client, mapper) = (cluster.client(), RestMapper::new());
    let gone = delete_dynamic(&client, &mapper, ("v1", "ConfigMap"), Some("garden"), "config")
        .await
        .unwrap();
    assert!(!gone);
    // A kind that the server does not know has no objects.
    assert!(
        !delete_dynamic(&client, &mapper, ("example.org/v1", "Thing"), None, "x")
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn a_deletion_waits_for_finalizers_and_tells_them_when_it_takes_too_long() {
    let cluster = FakeCluster::new();
    let api = api(&cluster);
    let mut object = config(&json!({}));
    object.metadata.finalizers = Some(vec!["example.org/slow".to_owned()]);
    cluster.insert(&object);
    let error = delete_and_wait(&api, "config", SHORT).await.unwrap_err();
    let DeleteError::Wait { source, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        source.to_string(),
        r#"timed out after 0.1 s waiting for ConfigMap garden/config to be gone: finalizers ["example.org/slow"]"#
    );
    let waiting = tokio::spawn({
        let api = api.clone();
        async move { delete_and_wait(&api, "config", LONG).await }
    });
    let current = api.get("config").await.unwrap();
    finalizers::remove(&api, &current, "example.org/slow").await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(cluster.get(CONFIG), None);
}

#[tokio::test]
async fn finalizers_of_others_are_kept_and_a_stale_object_conflicts() {
    let cluster = FakeCluster::new();
    let api = api(&cluster);
    let mut object = config(&json!({}));
    object.metadata.finalizers = Some(vec!["other".to_owned()]);
    cluster.insert(&object);
    let stale = api.get("config").await.unwrap();
    let ours = finalizers::ensure(&api, &stale, "ours").await.unwrap();
    assert_eq!(ours.finalizers(), ["other", "ours"]);
    let again = finalizers::ensure(&api, &ours, "ours").await.unwrap();
    assert_eq!(again.resource_version(), ours.resource_version());
    assert!(is_conflict(
        &finalizers::ensure(&api, &stale, "third").await.unwrap_err()
    ));
    finalizers::remove(&api, &ours, "ours").await.unwrap();
    assert_eq!(api.get("config").await.unwrap().finalizers(), ["other"]);
    finalizers::remove(&api, &stale, "ours").await.unwrap();
}

#[tokio::test]
async fn status_is_written_when_it_differs_and_from_what_was_read() {
    let cluster = FakeCluster::new();
    cluster.insert(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "garden", "name": "gateway" },
        "spec": { "type": "LoadBalancer" }, "status": { "a": 1, "b": 2 },
    }));
    let api: Api<Service> = Api::namespaced(cluster.client(), "garden");
    let service = api.get("gateway").await.unwrap();
    let (old, new) = (json!({ "a": 1, "b": 2 }), json!({ "a": 1, "loadBalancer": {} }));
    assert!(status::update(&api, &service, &old, &old).await.unwrap().is_none());
    status::update(&api, &service, &old, &new).await.unwrap().unwrap();
    let written = cluster.get("/api/v1/namespaces/garden/services/gateway").unwrap();
    assert_eq!(written["status"], new);
    assert_eq!(written["metadata"]["generation"], 1);
    let error = status::update(&api, &service, &new, &old).await.unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(error.to_string(), "failed to write the status of gateway");
}

#[tokio::test]
async fn a_wait_ends_with_the_state_or_says_the_last_one() {
    let cluster = FakeCluster::new();
    let observe = |object: Option<&ConfigMap>| match object.and_then(|object| object.data.as_ref()?.get("state")) {
        None => Progress::Waiting("absent".to_owned()),
        Some(state) if state == "good" => Progress::Done,
        Some(state) if state == "bad" => Progress::Failed("it is bad".to_owned()),
        Some(state) => Progress::Waiting(state.clone()),
    };
    let error = until(&api(&cluster), "config", "to be good", SHORT, observe)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "timed out after 0.1 s waiting for ConfigMap garden/config to be good: absent"
    );
    cluster.insert(&config(&json!({ "state": "fair" })));
    let error = until(&api(&cluster), "config", "to be good", SHORT, observe)
        .await
        .unwrap_err();
    assert!(matches!(error, WaitError::TimedOut { last, .. } if last == "fair"));
    let waiting = tokio::spawn({
        let api = api(&cluster);
        async move { until(&api, "config", "to be good", LONG, observe).await }
    });
    cluster.insert(&config(&json!({ "state": "good" })));
    assert!(waiting.await.unwrap().unwrap().is_some());
    cluster.insert(&config(&json!({ "state": "bad" })));
    let error = until(&api(&cluster), "config", "to be good", LONG, observe)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "gave up waiting for ConfigMap garden/config to be good: it is bad"
    );
}

#[tokio::test]
async fn a_wait_survives_an_api_server_that_is_starting() {
    let cluster = FakeCluster::new();
    cluster.insert(&config(&json!({})));
    cluster.fail(&Method::GET, "/configmaps", 500, 2);
    let present =
        |object: Option<&ConfigMap>| object.map_or_else(|| Progress::Waiting("absent".to_owned()), |_| Progress::Done);
    until(&api(&cluster), "config", "to be there", LONG, present)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn polling_says_what_it_waited_for() {
    let mut asked = 0;
    let attempt = || {
        asked += 1;
        let progress = if asked < 3 {
            Progress::Waiting("not yet".to_owned())
        } else {
            Progress::Done
        };
        std::future::ready(progress)
    };
    poll("the API server to answer", LONG, SHORT, attempt).await.unwrap();
    let never = || std::future::ready(Progress::Waiting("refused".to_owned()));
    let error = poll("the API server to answer", LONG, SHORT, never).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "timed out after 20 s waiting for the API server to answer: refused"
    );
}
