//! The worker's actuator, with the machine controller behind it.

use std::sync::Arc;

use api::{
    core::v1beta1::ErrorCode,
    extensions::v1alpha1::Worker,
    machine::v1alpha1::{MachineClass, MachineDeployment},
    resources::v1alpha1::ManagedResource,
};
use extensions_sdk::{
    ActuatorError, Driver, RunOptions,
    worker::{MachineClassPlan, MachinePlanner, PoolInZone, WorkerActuator},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{ResourceExt as _, api::DeleteParams};
use lib_clock::SystemClock;
use serde_json::{Value, json};
use testing_testkit::{eventually, ready_when};
use tokio_util::sync::CancellationToken;

use crate::world::{DEADLINE, Server, World};

struct Planner(String);

impl MachinePlanner for Planner {
    fn provider(&self) -> &str {
        &self.0
    }

    fn plan(&self, pool: PoolInZone<'_>) -> Result<MachineClassPlan, ActuatorError> {
        Ok(MachineClassPlan {
            provider_spec: json!({ "flavor": pool.pool.machine_type }),
            replaced_when: Vec::new(),
        })
    }
}

fn pool(name: &str, count: i32, machine_type: &str) -> Value {
    json!({
        "name": name, "machineType": machine_type, "machineImage": { "name": "local", "version": "1.0.0" },
        "minimum": count, "maximum": count, "maxSurge": 1, "maxUnavailable": 0, "zones": ["0", "1"],
        "userDataSecretRef": { "name": "osc-result", "key": "cloud_config" },
        "labels": { "worker.gardener.cloud/pool": name },
    })
}

async fn put_worker(world: &World, pools: &[Value]) {
    world
        .apply::<Worker>(json!({
            "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "Worker",
            "metadata": { "name": "life", "annotations": { "gardener.cloud/operation": "reconcile" } },
            "spec": { "type": "local", "region": "local", "secretRef": { "name": "cloudprovider", "namespace": world.namespace }, "pools": pools },
        }))
        .await;
}

/// Joins machines as they come, until the newest worker's operation has ended in this state.
async fn until_state(world: &World, state: &str) -> Worker {
    eventually(DEADLINE, &format!("the worker to be {state}"), || async {
        world.join_all().await;
        let worker = world.api::<Worker>().get("life").await.unwrap();
        let status = worker.status.default_status.clone();
        let last = status.last_operation.unwrap_or_default();
        let pending = worker.annotations().contains_key("gardener.cloud/operation");
        let ended = !pending
            && status.observed_generation == worker.metadata.generation.unwrap()
            && last.state.as_str() == state;
        ready_when(ended, || format!("{} {}", last.state, last.description)).map(|()| worker)
    })
    .await
}

async fn start(server: &Server, namespace: &str) -> (World, CancellationToken) {
    let world = server.world(namespace).await;
    for (name, data) in [
        ("cloudprovider", json!({ "token": "t" })),
        (
            "osc-result",
            json!({ "cloud_config": "join <<MACHINE_NAME>> <<BOOTSTRAP_TOKEN>>" }),
        ),
    ] {
        world
            .apply::<Secret>(
                json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data }),
            )
            .await;
    }
    let actuator = WorkerActuator::new(
        world.client.clone(),
        "test",
        Planner(namespace.to_owned()),
        Arc::new(SystemClock),
    );
    let driver = Driver::new(world.client.clone(), "local", actuator, Arc::new(SystemClock));
    let shutdown = CancellationToken::new();
    tokio::spawn(extensions_sdk::run(
        world.client.clone(),
        driver,
        RunOptions::default(),
        shutdown.clone(),
    ));
    (world, shutdown)
}

#[tokio::test]
async fn a_worker_has_its_machines_until_it_is_deleted() {
    let server = Server::start().await;
    let (mut world, _shutdown) = start(&server, "shoot--dev--work").await;
    put_worker(&world, &[pool("a", 3, "local"), pool("b", 1, "local")]).await;
    let worker = until_state(&world, "Succeeded").await;
    let listed: Vec<(String, i32)> = worker
        .status
        .machine_deployments
        .iter()
        .map(|one| (one.name.clone(), one.minimum))
        .collect();
    let name = |suffix: &str| format!("shoot--dev--work-{suffix}");
    assert_eq!(
        listed,
        [
            (name("a-z1"), 2),
            (name("a-z2"), 1),
            (name("b-z1"), 1),
            (name("b-z2"), 0)
        ]
    );
    assert_eq!(world.cloud.names().len(), 4);
    world
        .api::<ManagedResource>()
        .get("extension-worker-mcm-shoot")
        .await
        .unwrap();
    world
        .api::<Secret>()
        .get("shoot-access-machine-controller-manager")
        .await
        .unwrap();

    // A pool goes, the other is scaled and gets other machines.
    let before = world.cloud.names();
    put_worker(&world, &[pool("a", 2, "large")]).await;
    until_state(&world, "Succeeded").await;
    world.cloud_has(2).await;
    assert!(!world.cloud.names().iter().any(|name| before.contains(name)));
    assert_eq!(world.list::<MachineDeployment>().await.len(), 2);
    eventually(DEADLINE, "classes that nobody needs to go", || async {
        let classes = world.list::<MachineClass>().await.len();
        ready_when(classes == 2, || format!("{classes} classes"))
    })
    .await;

    world.kill_shoot().await;
    worker_goes(&world).await;
}

/// The whole shoot goes, and its API server is gone already.
async fn worker_goes(world: &World) {
    world
        .api::<Worker>()
        .delete("life", &DeleteParams::default())
        .await
        .unwrap();
    eventually(DEADLINE, "the worker to go", || async {
        let left = world.api::<Worker>().get_opt("life").await.unwrap();
        let last = left.and_then(|worker| worker.status.default_status.last_operation);
        ready_when(last.is_none(), || format!("{last:?}"))
    })
    .await;
    world.until_gone().await;
    assert_eq!(world.list::<MachineClass>().await, []);
    assert_eq!(
        world
            .api::<Secret>()
            .get_opt("shoot-access-machine-controller-manager")
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_worker_tells_why_it_has_no_machines_and_heeds_a_change_meanwhile() {
    let server = Server::start().await;
    let (world, _shutdown) = start(&server, "shoot--dev--poor").await;
    world.cloud.change(|state| state.quota = Some(1));
    put_worker(&world, &[pool("a", 2, "local")]).await;
    let worker = until_state(&world, "Error").await;
    let error = worker.status.default_status.last_error.unwrap();
    assert_eq!(error.codes, [ErrorCode::InfraQuotaExceeded]);
    assert!(
        error.description.contains("the quota of machines is used up"),
        "{}",
        error.description
    );
    assert_eq!(worker.status.machine_deployments.len(), 2);

    // Fewer are wished: that fits.
    put_worker(&world, &[pool("a", 1, "local")]).await;
    until_state(&world, "Succeeded").await;

    // A machine that does not join keeps the worker waiting, but not from being changed.
    world.cloud.change(|state| state.quota = None);
    put_worker(&world, &[pool("a", 2, "local")]).await;
    world.cloud_has(2).await;
    put_worker(&world, &[pool("a", 1, "local")]).await;
    let worker = until_state(&world, "Succeeded").await;
    assert_eq!(worker.status.default_status.last_error, None);
    world.until_running(1).await;
}
