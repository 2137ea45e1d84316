//! Machines whose nodes have pods.

use std::time::Duration;

use k8s_openapi::api::{core::v1::Pod, policy::v1::PodDisruptionBudget};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PostParams},
};
use serde_json::json;
use testing_testkit::{eventually, ready_when};

use crate::world::{DEADLINE, Server, World};

async fn put_pod(world: &World, name: &str, node: &str) {
    let pods: Api<Pod> = world.api();
    let pod = json!({
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": { "nodeName": node, "containers": [{ "name": "a", "image": "a" }] },
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap())
        .await
        .unwrap();
    let running = json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
    pods.patch_status(name, &Default::default(), &Patch::Merge(&running))
        .await
        .unwrap();
}

/// A budget that allows this many disruptions, as its controller would say.
async fn put_budget(world: &World, app: &str, allowed: i32) {
    let budgets: Api<PodDisruptionBudget> = world.api();
    if budgets.get_opt(app).await.unwrap().is_none() {
        let budget = json!({
            "metadata": { "name": app },
            "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": app } } },
        });
        budgets
            .create(&PostParams::default(), &serde_json::from_value(budget).unwrap())
            .await
            .unwrap();
    }
    let status = json!({ "status": {
        "observedGeneration": 1, "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1,
    } });
    budgets
        .patch_status(app, &Default::default(), &Patch::Merge(&status))
        .await
        .unwrap();
}

async fn start(world: &World) -> String {
    world.put_class("class-a").await;
    world
        .put_deployment(1, "class-a", |deployment| {
            deployment["spec"]["template"]["spec"]["drainTimeout"] = json!("10m0s");
        })
        .await;
    world.until_running(1).await.remove(0)
}

#[tokio::test]
async fn a_node_is_drained_and_budgets_are_kept_until_the_deadline() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--drain").await;
    let name = start(&world).await;
    put_pod(&world, "free", &name).await;
    put_pod(&world, "kept", &name).await;
    put_budget(&world, "kept", 0).await;

    world.delete_deployment().await;
    world
        .until_said(
            &name,
            "2 pods are left on the node: shoot--dev--drain/kept (the disruption budget kept keeps it)",
        )
        .await;
    assert_eq!(
        world.nodes().get(&name).await.unwrap().spec.unwrap().unschedulable,
        Some(true)
    );
    // The kubelet ends what was evicted.
    let pods: Api<Pod> = world.api();
    eventually(DEADLINE, "the free pod to be evicted", || async {
        let pod = pods.get("free").await.unwrap();
        ready_when(pod.metadata.deletion_timestamp.is_some(), || "not yet".to_owned())
    })
    .await;
    pods.delete("free", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    world.until_said(&name, "1 pods are left on the node").await;
    assert!(pods.get("kept").await.unwrap().metadata.deletion_timestamp.is_none());
    assert_eq!(world.cloud.names(), std::slice::from_ref(&name));

    // The deadline is stronger than the budget. (The deletion's time is the API server's, whose clock goes on.)
    world.clock.advance(Duration::from_secs(1200));
    world.until_gone().await;
    assert!(world.nodes().get_opt(&name).await.unwrap().is_none());
}

#[tokio::test]
async fn a_budget_that_gives_way_lets_the_machine_go() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--budget").await;
    let name = start(&world).await;
    put_pod(&world, "kept", &name).await;
    put_budget(&world, "kept", 0).await;
    world.delete_deployment().await;
    world.until_said(&name, "the disruption budget kept keeps it").await;
    put_budget(&world, "kept", 1).await;
    let pods: Api<Pod> = world.api();
    eventually(DEADLINE, "the eviction", || async {
        let pod = pods.get("kept").await.unwrap();
        ready_when(pod.metadata.deletion_timestamp.is_some(), || "not yet".to_owned()).map(|()| pod.name_any())
    })
    .await;
    pods.delete("kept", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    world.until_gone().await;
}
