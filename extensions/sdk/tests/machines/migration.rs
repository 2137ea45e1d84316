//! Machines that stay while their shoot moves to another seed, and all else that an actuator of Workers has to pass.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use api::{
    core::v1beta1::LastOperationType,
    extensions::v1alpha1::Worker,
    machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet},
};
use extensions_sdk::{
    Actuator as _, Request,
    conformance::{self, Case},
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Patch;
use parking_lot::Mutex;
use serde_json::json;
use testing_testkit::{eventually, ready_when};

use crate::{
    worker::{actuator, pool, prepared, put_worker, start, start_with, until_state, worker},
    world::{DEADLINE, Server, World},
};

/// Asks for an operation, as gardenlet does it.
async fn ask(world: &World, operation: &str) {
    let patch = json!({ "metadata": { "annotations": { "gardener.cloud/operation": operation } } });
    let workers = world.api::<Worker>();
    workers
        .patch("life", &Default::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

/// How many objects of machines the seed has, by kind.
async fn objects(world: &World) -> [usize; 4] {
    [
        world.list::<MachineClass>().await.len(),
        world.list::<MachineDeployment>().await.len(),
        world.list::<MachineSet>().await.len(),
        world.list::<Machine>().await.len(),
    ]
}

#[tokio::test]
async fn workers_conform() {
    let server = Server::start().await;
    let world = prepared(&server, "shoot--dev--conform").await;
    // The actuator waits no longer for machines when the Worker changes: so there has to be one.
    let object: Worker = world.apply(worker(&world, &[pool("a", 2, "local")])).await;
    let mut changed = object.clone();
    let pools = json!([pool("a", 1, "large"), pool("b", 1, "local")]);
    changed.spec.pools = serde_json::from_value(pools).unwrap();
    let flavors = |flavors: &[&str]| -> Vec<String> { flavors.iter().map(|flavor| (*flavor).to_owned()).collect() };
    let case = Case {
        object: &object,
        changed: &changed,
        cluster: None,
        secret: None,
        nothing: Vec::new(),
        made: flavors(&["local", "local"]),
        changed_to: flavors(&["large", "local"]),
    };
    let (seen, ended) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let look = || async {
        world.until_settled().await;
        seen.lock().push(world.cloud.names());
        world.cloud.flavors()
    };
    let actuator = actuator(&world);
    let suite = async {
        let result = conformance::actuator(&actuator, &case, look).await;
        ended.store(true, Ordering::SeqCst);
        result
    };
    let joining = eventually(DEADLINE * 4, "the suite to end", || async {
        world.join_all().await;
        let phases = world.phases().await;
        ready_when(ended.load(Ordering::SeqCst), || format!("{phases:?}"))
    });
    let (result, ()) = tokio::join!(suite, joining);
    result.unwrap();

    // The machines of before, and not others like them.
    let seen = seen.into_inner();
    assert_eq!(seen[1], seen[2], "after repetition");
    assert_eq!(seen[3], seen[4], "after migration");
    assert_eq!(seen[3], seen[5], "after restoration");
    assert_eq!(objects(&world).await, [0; 4]);
}

#[tokio::test]
async fn machines_stay_while_their_worker_moves_to_another_seed() {
    let server = Server::start().await;
    // Both seeds have one API server and one machine controller, which runs all the time: if it saw half of a move, it would
    // remove machines.
    let (world, _shutdown) = start(&server, "shoot--dev--move").await;
    put_worker(&world, &[pool("a", 2, "local")]).await;
    until_state(&world, "Succeeded").await;
    let names = world.cloud.names();

    ask(&world, "migrate").await;
    let left = until_state(&world, "Succeeded").await;
    let last = left.status.default_status.last_operation.clone().unwrap();
    assert_eq!(last.type_, LastOperationType::Migrate);
    assert_eq!(left.metadata.finalizers, None);
    assert_eq!(objects(&world).await, [0; 4]);
    assert_eq!(world.cloud.names(), names);
    let state = left.status.default_status.state.clone().unwrap();
    let workers = world.api::<Worker>();
    controller::delete::delete_and_wait(&workers, "life", DEADLINE)
        .await
        .unwrap();

    let mut wished = worker(&world, &[pool("a", 2, "local")]);
    wished["metadata"]["annotations"] = json!({ "gardener.cloud/operation": "wait-for-state" });
    world.apply::<Worker>(wished).await;
    let status = json!({ "status": { "state": state } });
    workers
        .patch_status("life", &Default::default(), &Patch::Merge(status))
        .await
        .unwrap();
    ask(&world, "restore").await;
    let restored = until_state(&world, "Succeeded").await;
    let last = restored.status.default_status.last_operation.clone().unwrap();
    assert_eq!(last.type_, LastOperationType::Restore);
    assert_eq!(restored.status.default_status.state, None);
    assert_eq!(world.until_running(2).await, names);
    assert_eq!(world.cloud.names(), names);

    // They are this seed's now.
    put_worker(&world, &[pool("a", 1, "local")]).await;
    until_state(&world, "Succeeded").await;
    let kept = world.until_running(1).await;
    assert!(names.contains(&kept[0]), "{kept:?} {names:?}");
    assert_eq!(world.cloud.names(), kept);
}

#[tokio::test]
async fn nothing_is_restored_without_state() {
    let server = Server::start().await;
    let world = prepared(&server, "shoot--dev--lost").await;
    let object: Worker = world.apply(worker(&world, &[pool("a", 1, "local")])).await;
    let mut status = object.status.clone();
    let request = Request {
        object: &object,
        status: &mut status,
        cluster: None,
        secret: None,
    };
    let error = actuator(&world).restore(request).await.unwrap_err();
    assert_eq!(error.to_string(), "the other seed's state of the machines is missing");
    assert_eq!(objects(&world).await, [0; 4]);
}

#[tokio::test]
async fn machines_of_an_old_class_are_replaced_after_the_move() {
    let server = Server::start().await;
    let (world, _shutdown) = start(&server, "shoot--dev--roll").await;
    put_worker(&world, &[pool("a", 1, "local")]).await;
    until_state(&world, "Succeeded").await;
    let names = world.cloud.names();
    ask(&world, "migrate").await;
    until_state(&world, "Succeeded").await;
    assert_eq!(world.cloud.names(), names);

    // The next seed wants others from the first: the old class and its Secret are needed to remove what is there.
    put_worker(&world, &[pool("a", 1, "large")]).await;
    until_state(&world, "Succeeded").await;
    world.until_running(1).await;
    assert_eq!(world.cloud.flavors(), ["large"]);
    eventually(DEADLINE, "the old classes to go", || async {
        let classes = world.list::<MachineClass>().await.len();
        ready_when(classes == 2, || format!("{classes} classes"))
    })
    .await;
}

#[tokio::test]
async fn a_move_that_has_only_begun_is_taken_back() {
    let server = Server::start().await;
    let (mut world, _shutdown) = start_with(&server, "shoot--dev--stay", Some(Duration::from_secs(3))).await;
    put_worker(&world, &[pool("a", 1, "local")]).await;
    until_state(&world, "Succeeded").await;
    let (names, before) = (world.cloud.names(), objects(&world).await);

    // Nobody says that the machines are left alone: then nothing is given up.
    world.crash();
    ask(&world, "migrate").await;
    let stuck = until_state(&world, "Error").await;
    let error = stuck.status.default_status.last_error.unwrap_or_default();
    assert!(
        error.description.contains("still works on the machines"),
        "{}",
        error.description
    );
    assert_eq!(stuck.status.default_status.state, None);
    assert_eq!(objects(&world).await, before);

    put_worker(&world, &[pool("a", 1, "local")]).await;
    until_state(&world, "Succeeded").await;
    world.start();
    put_worker(&world, &[pool("a", 2, "local")]).await;
    until_state(&world, "Succeeded").await;
    let running = world.until_running(2).await;
    assert!(names.iter().all(|name| running.contains(name)), "{running:?} {names:?}");
}

#[tokio::test]
async fn secrets_of_classes_go_with_their_machines() {
    let server = Server::start().await;
    let (world, _shutdown) = start(&server, "shoot--dev--bare").await;
    put_worker(&world, &[pool("a", 1, "local")]).await;
    until_state(&world, "Succeeded").await;
    let classes = world.list::<MachineClass>().await;
    ask(&world, "migrate").await;
    until_state(&world, "Succeeded").await;
    for class in classes {
        let name = class.metadata.name.unwrap();
        assert_eq!(world.api::<Secret>().get_opt(&name).await.unwrap(), None, "{name}");
    }
}
