//! What goes wrong: quotas, machines that never join or die, machines that belong to nobody, a cloud that is away.

use std::time::Duration;

use api::machine::v1alpha1::MachineDeployment;
use extensions_sdk::machine::{CloudMachineState, cluster_tags};
use serde_json::json;
use testing_testkit::{eventually, ready_when};

use crate::{
    cloud::Made,
    world::{DEADLINE, Server, World},
};

async fn until_failure(world: &World, text: &str) -> MachineDeployment {
    eventually(DEADLINE, "the deployment to tell", || async {
        let deployment = world.api::<MachineDeployment>().get("pool").await.unwrap();
        let failures: Vec<String> = deployment
            .status
            .failed_machines
            .iter()
            .map(|summary| summary.last_operation.description.clone())
            .collect();
        ready_when(failures.iter().any(|failure| failure.contains(text)), || {
            format!("{failures:?}")
        })
        .map(|()| deployment)
    })
    .await
}

#[tokio::test]
async fn a_quota_and_an_absence_of_the_cloud_are_told_and_overcome() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--quota").await;
    world.cloud.change(|state| state.quota = Some(1));
    world.put_class("class-a").await;
    world.put_deployment(2, "class-a", |_| {}).await;
    let told = until_failure(&world, "the quota of machines is used up: 2 of 2 machines").await;
    let failure = told.status.failed_machines.last().unwrap();
    assert_eq!(failure.last_operation.error_code, "QuotaExceeded");
    assert_eq!(world.cloud.names().len(), 1);
    world.cloud.change(|state| state.quota = None);
    let names = world.until_running(2).await;
    eventually(DEADLINE, "the failure to be forgotten", || async {
        let failed = world
            .api::<MachineDeployment>()
            .get("pool")
            .await
            .unwrap()
            .status
            .failed_machines;
        ready_when(failed.is_empty(), || format!("{failed:?}"))
    })
    .await;

    // The cloud is away: nobody is given up for that, and what was asked for meanwhile is done later.
    world.cloud.change(|state| state.away = true);
    world.put_deployment(3, "class-a", |_| {}).await;
    until_failure(&world, "the cloud does not answer").await;
    assert!(
        world
            .phases()
            .await
            .iter()
            .filter(|(name, _)| names.contains(name))
            .all(|(_, phase)| phase == "Running")
    );
    world.cloud.change(|state| state.away = false);
    world.until_running(3).await;
}

#[tokio::test]
async fn a_machine_that_never_joins_is_replaced_and_its_console_told() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--join").await;
    world
        .cloud
        .change(|state| state.console = "booting\nkernel panic: no root\n".to_owned());
    world.put_class("class-a").await;
    world
        .put_deployment(1, "class-a", |deployment| {
            deployment["spec"]["template"]["spec"]["creationTimeout"] = json!("3m0s");
        })
        .await;
    let first = world.cloud_has(1).await.remove(0);
    world.until_said(&first, "has to join").await;
    world.until_announced(&first).await;
    world.clock.advance(Duration::from_secs(181));
    let told = until_failure(&world, "kernel panic").await;
    assert_eq!(
        told.status.failed_machines[0].last_operation.description,
        "it has not joined the cluster within 3m: it has no node; last lines of its console: booting | kernel panic: no root"
    );
    let names = world.until_running(1).await;
    assert_ne!(names[0], first);
    assert_eq!(world.cloud.names(), names);
}

#[tokio::test]
async fn dead_machines_are_replaced_and_strangers_removed() {
    let server = Server::start().await;
    let world = server.world("shoot--dev--dead").await;
    world.put_class("class-a").await;
    world.put_deployment(2, "class-a", |_| {}).await;
    let names = world.until_running(2).await;

    // The cloud lost one.
    world.cloud.change(|state| state.machines.remove(&names[0]));
    let two = eventually(DEADLINE, "a replacement", || async {
        let found = world.cloud.names();
        ready_when(found.len() == 2, || format!("{found:?}")).map(|()| found)
    })
    .await;
    assert!(!two.contains(&names[0]));
    world.until_running(2).await;

    // One is killed, and its node falls silent.
    let stopped = CloudMachineState::Stopped("killed".to_owned());
    world
        .cloud
        .change(|state| state.machines.get_mut(&names[1]).unwrap().state = stopped);
    world.report(&names[1], "Unknown").await;
    world.until_said(&names[1], "not ready (Unknown)").await;
    // The grace begins when the cloud is seen to have it stopped; less than the health timeout passes.
    let mut looks = 0;
    eventually(DEADLINE, "the killed machine to go", || {
        looks += 1;
        if looks < 15 {
            world.clock.advance(Duration::from_secs(31));
        }
        let found = world.cloud.names();
        let gone = ready_when(!found.contains(&names[1]), || format!("{found:?}"));
        std::future::ready(gone)
    })
    .await;
    let names = world.until_running(2).await;

    // One runs, but its node is silent until the health timeout.
    world.report(&names[0], "Unknown").await;
    world.until_said(&names[0], "not ready (Unknown)").await;
    world.clock.advance(Duration::from_secs(601));
    eventually(DEADLINE, "the silent machine to go", || async {
        let found = world.cloud.names();
        ready_when(!found.contains(&names[0]), || format!("{found:?}"))
    })
    .await;
    let names = world.until_running(2).await;

    only_strangers_go(&world, &names).await;
}

/// A machine with the shoot's tags that nobody knows of goes, and one of another shoot stays.
async fn only_strangers_go(world: &World, names: &[String]) {
    let stranger = |namespace: &str| Made {
        flavor: String::new(),
        state: CloudMachineState::Running,
        user_data: String::new(),
        tags: cluster_tags(namespace),
    };
    world.cloud.change(|state| {
        state
            .machines
            .insert("left-behind".to_owned(), stranger("shoot--dev--dead"));
        state
            .machines
            .insert("of-others".to_owned(), stranger("shoot--dev--other"));
    });
    eventually(DEADLINE, "what belongs to nobody to go", || async {
        let found = world.cloud.names();
        ready_when(!found.contains(&"left-behind".to_owned()), || format!("{found:?}"))
    })
    .await;
    assert!(world.cloud.names().contains(&"of-others".to_owned()));
    assert!(names.iter().all(|name| world.cloud.names().contains(name)));
}
