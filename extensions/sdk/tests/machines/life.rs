//! Machines come, join, change and go.

use api::machine::v1alpha1::{Machine, MachineDeployment, MachineSet};
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use serde_json::json;
use testing_testkit::{eventually, ready_when};

use crate::{
    tokens::{announced, token_of, until_announced},
    world::{DEADLINE, Server, World},
};

#[tokio::test]
async fn machines_come_join_scale_and_go() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--life").await;
    world.put_class("class-a").await;
    world
        .put_deployment(2, "class-a", |deployment| {
            deployment["spec"]["template"]["spec"]["nodeTemplate"] = json!({
                "metadata": { "labels": { "pool": "a" } },
                "spec": { "taints": [{ "key": "only", "value": "us", "effect": "NoSchedule" }] },
            });
        })
        .await;

    // Each has a token of its own, which is a Secret of the shoot.
    let names = world.cloud_has(2).await;
    let token = token_of(&world, &names[0]);
    assert_ne!(token, token_of(&world, &names[1]));
    until_announced(&world, &names[0]).await;

    // They join: the tokens go, the nodes get what the template says.
    assert_eq!(world.until_running(2).await, names);
    assert_eq!(announced(&world, &token).await, None);
    let node = eventually(DEADLINE, "the node to have its taint", || async {
        let node = world.nodes().get(&names[0]).await.unwrap();
        let taints = node.spec.clone().unwrap_or_default().taints.unwrap_or_default();
        ready_when(taints.iter().any(|taint| taint.key == "only"), || format!("{taints:?}")).map(|()| node)
    })
    .await;
    assert_eq!(node.labels()["pool"], "a");
    let machine = world.machine(&names[0]).await;
    assert_eq!(machine.spec.provider_id, format!("fake:///{}", names[0]));
    assert_eq!(machine.labels()["node"], names[0]);
    assert!(names[0].starts_with("pool-"));

    node_template_changes(&world, &names).await;
    scale(&world, &names).await;
    world.delete_deployment().await;
    world.until_gone().await;
}

/// Labels of nodes change without new machines.
async fn node_template_changes(world: &World, names: &[String]) {
    world
        .put_deployment(2, "class-a", |deployment| {
            deployment["spec"]["template"]["spec"]["nodeTemplate"] =
                json!({ "metadata": { "labels": { "pool": "b" } } });
        })
        .await;
    eventually(DEADLINE, "the node to change", || async {
        let node: Node = world.nodes().get(&names[0]).await.unwrap();
        let taints = node.spec.clone().unwrap_or_default().taints.unwrap_or_default();
        let changed = node.labels()["pool"] == "b" && !taints.iter().any(|taint| taint.key == "only");
        ready_when(changed, || format!("{:?} {taints:?}", node.labels()))
    })
    .await;
    assert_eq!(world.cloud.names(), names);
}

/// Up and down.
async fn scale(world: &World, names: &[String]) {
    world.put_deployment(3, "class-a", |_| {}).await;
    world.until_running(3).await;
    world.put_deployment(1, "class-a", |_| {}).await;
    let left = world.until_running(1).await;
    assert!(names.contains(&left[0]), "the youngest goes first");
    let nodes = world.nodes().list(&Default::default()).await.unwrap();
    assert_eq!(nodes.iter().map(|node| node.name_any()).collect::<Vec<_>>(), left);
    eventually(DEADLINE, "the status to tell", || async {
        let status = world.api::<MachineDeployment>().get("pool").await.unwrap().status;
        let counts = (
            status.replicas,
            status.ready_replicas,
            status.available_replicas,
            status.updated_replicas,
        );
        ready_when(counts == (1, 1, 1, 1), || format!("{counts:?}"))
    })
    .await;
}

#[tokio::test]
async fn a_machine_is_adopted_after_a_crash_and_a_set_adopts_machines() {
    let server = Server::start().await;
    let mut world = server.world("shoot--dev--crash").await;
    // The cloud makes the machine, and the controller dies before it can record that.
    world.cloud.change(|state| state.silent = true);
    world.put_class("class-a").await;
    world.put_deployment(1, "class-a", |_| {}).await;
    let names = world.cloud_has(1).await;
    let token = token_of(&world, &names[0]);
    world.crash();
    assert_eq!(world.machine(&names[0]).await.spec.provider_id, "");

    world.cloud.change(|state| state.silent = false);
    world.start();
    world.until_said(&names[0], "has to join").await;
    assert_eq!(world.cloud.names(), names);
    // The token that the machine has is the one that is valid.
    assert_eq!(token_of(&world, &names[0]), token);
    until_announced(&world, &names[0]).await;
    world.until_running(1).await;

    // Sets and machines that lost their owner are taken back.
    world.crash();
    let orphaned = kube::api::Patch::Merge(json!({ "metadata": { "ownerReferences": null } }));
    let set = world.list::<MachineSet>().await.remove(0).name_any();
    world
        .api::<MachineSet>()
        .patch(&set, &Default::default(), &orphaned)
        .await
        .unwrap();
    world
        .api::<Machine>()
        .patch(&names[0], &Default::default(), &orphaned)
        .await
        .unwrap();
    world.start();
    eventually(DEADLINE, "adoption", || async {
        let owned = !world.machine(&names[0]).await.owner_references().is_empty();
        let set = world.api::<MachineSet>().get(&set).await.unwrap();
        ready_when(owned && !set.owner_references().is_empty(), || "not yet".to_owned())
    })
    .await;
    assert_eq!(world.cloud.names(), names);
    assert_eq!(world.list::<MachineSet>().await.len(), 1);
}

#[tokio::test]
async fn a_new_class_rolls_the_machines_within_its_bounds() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--roll").await;
    world.put_class("class-a").await;
    world.put_class("class-b").await;
    world.put_deployment(2, "class-a", |_| {}).await;
    let old = world.until_running(2).await;

    world.put_deployment(2, "class-b", |_| {}).await;
    // One more comes; none goes before it serves.
    let three = world.cloud_has(3).await;
    assert!(old.iter().all(|name| three.contains(name)));
    eventually(DEADLINE, "the rollout to end", || async {
        assert!(world.cloud.names().len() <= 3, "never more than maxSurge");
        world.join_all().await;
        let phases = world.phases().await;
        let rolled = phases.len() == 2 && !old.iter().any(|name| phases.contains_key(name));
        ready_when(rolled, || format!("{phases:?}"))
    })
    .await;
    world.until_running(2).await;
    eventually(DEADLINE, "the old set to go", || async {
        let sets = world.list::<MachineSet>().await.len();
        ready_when(sets == 1, || format!("{sets} sets"))
    })
    .await;

    // A deployment that is deleted in the middle of a rollout goes with everything.
    world.put_deployment(2, "class-a", |_| {}).await;
    world.cloud_has(3).await;
    world.delete_deployment().await;
    world.until_gone().await;
    let nodes = world.nodes().list(&Default::default()).await.unwrap().items;
    assert_eq!(nodes.len(), 0, "{nodes:?}");
}
