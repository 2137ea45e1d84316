//! Looks at shoots on clusters in memory.

use api::core::v1beta1::{ConditionStatus, Shoot};
use controller::fake::FakeCluster;
use serde_json::json;

use super::{
    checks::{api_server, control_plane, system_components},
    conditions::{self, Findings},
};
use crate::shoot::StatusWriter;

const SHOOT: &str = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/shoots/first";

fn garden() -> FakeCluster {
    let garden = FakeCluster::new();
    garden.insert(&json!({
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "Shoot",
        "metadata": { "name": "first", "namespace": "garden-dev", "generation": 1 }, "spec": {},
        "status": { "lastOperation": {
            "type": "Create", "state": "Succeeded", "progress": 100, "description": "", "lastUpdateTime": "2026-01-01T00:00:00Z",
        } },
    }));
    garden
}

#[tokio::test]
async fn what_is_found_is_written_once() {
    let garden = garden();
    let writer = StatusWriter::new(garden.client(), "garden-dev", "first");
    let api_server = api_server(Err("connection refused".to_owned()));
    let findings = Findings {
        control_plane: control_plane(&[], None, false),
        every_node: None,
        system_components: system_components(&[], &api_server),
        api_server,
    };
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    for _ in 0..2 {
        writer
            .update(|status| conditions::write(status, &findings, now))
            .await
            .unwrap();
    }
    let shoot: Shoot = garden.get_as(SHOOT).unwrap();
    let reasons: Vec<&str> = shoot
        .status
        .conditions
        .iter()
        .map(|condition| condition.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        ["HealthzRequestFailed", "EtcdUnhealthy", "ConditionCheckError"]
    );
    let statuses: Vec<&ConditionStatus> = shoot
        .status
        .conditions
        .iter()
        .map(|condition| &condition.status)
        .collect();
    assert_eq!(
        statuses,
        [
            &ConditionStatus::False,
            &ConditionStatus::False,
            &ConditionStatus::Unknown
        ]
    );
    assert_eq!(garden.writes().len(), 1);
}

#[tokio::test]
async fn who_writes_at_the_same_time_does_not_lose() {
    let garden = garden();
    garden.fail(&http::Method::PATCH, "/shoots/first/status", 409, 2);
    let writer = StatusWriter::new(garden.client(), "garden-dev", "first");
    let written = writer
        .update(|status| status.technical_id = "shoot--dev--first".to_owned())
        .await
        .unwrap();
    assert_eq!(written.unwrap().status.technical_id, "shoot--dev--first");
}

#[tokio::test]
async fn a_shoot_that_is_gone_is_no_error() {
    let writer = StatusWriter::new(FakeCluster::new().client(), "garden-dev", "first");
    assert!(writer.update(|_| ()).await.unwrap().is_none());
}
