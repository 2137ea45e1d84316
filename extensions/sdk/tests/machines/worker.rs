//! The worker's actuator, with the machine controller behind it.

use std::{pin::pin, sync::Arc, time::Duration};

use api::{
    core::v1beta1::{ErrorCode, LastOperationState},
    extensions::v1alpha1::Worker,
    machine::v1alpha1::{MachineClass, MachineDeployment},
    resources::v1alpha1::ManagedResource,
};
use extensions_sdk::{
    ActuatorError, Driver, RunOptions,
    worker::{MachineClassPlan, MachinePlanner, PoolInZone, WorkerActuator},
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, WatchParams},
    core::WatchEvent,
};
use lib_clock::SystemClock;
use serde_json::{Value, json};
use testing_testkit::{eventually, ready_when};
use tokio_util::sync::CancellationToken;

use crate::world::{DEADLINE, Server, World};

pub(crate) struct Planner(String);

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

pub(crate) fn pool(name: &str, count: i32, machine_type: &str) -> Value {
    json!({
        "name": name, "machineType": machine_type, "machineImage": { "name": "local", "version": "1.0.0" },
        "minimum": count, "maximum": count, "maxSurge": 1, "maxUnavailable": 0, "zones": ["0", "1"],
        "userDataSecretRef": { "name": "osc-result", "key": "cloud_config" },
        "labels": { "worker.gardener.cloud/pool": name },
    })
}

/// The Worker, without an operation that somebody asks for.
pub(crate) fn worker(world: &World, pools: &[Value]) -> Value {
    json!({
        "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "Worker", "metadata": { "name": "life" },
        "spec": {
            "type": "local", "region": "local", "pools": pools,
            "secretRef": { "name": "cloudprovider", "namespace": world.namespace },
        },
    })
}

pub(crate) async fn put_worker(world: &World, pools: &[Value]) {
    let mut wished = worker(world, pools);
    wished["metadata"]["annotations"] = json!({ "gardener.cloud/operation": "reconcile" });
    world.apply::<Worker>(wished).await;
}

/// Joins machines as they come, until the newest worker's operation has ended in this state.
pub(crate) async fn until_state(world: &World, state: &str) -> Worker {
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

/// What became of the worker since it was as `from`, until it was as `to`.
async fn history(world: &World, from: &Worker, to: &Worker) -> Vec<Worker> {
    let (api, version) = (world.api::<Worker>(), from.resource_version().unwrap());
    let mut events = pin!(api.watch(&WatchParams::default(), &version).await.unwrap());
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        if let WatchEvent::Modified(worker) = event.unwrap() {
            let is_last = worker.resource_version() == to.resource_version();
            seen.push(worker);
            if is_last {
                break;
            }
        }
    }
    seen
}

pub(crate) async fn start(server: &Server, namespace: &str) -> (World, CancellationToken) {
    start_with(server, namespace, None).await
}

/// A world with what a Worker needs.
pub(crate) async fn prepared(server: &Server, namespace: &str) -> World {
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
    world
}

pub(crate) fn actuator(world: &World) -> WorkerActuator<Planner> {
    let planner = Planner(world.namespace.clone());
    WorkerActuator::new(world.client.clone(), "test", planner, world.clock.clone())
        .with_consoles(Arc::new(world.cloud.clone()))
}

/// With another time to wait for machines.
pub(crate) async fn start_with(
    server: &Server,
    namespace: &str,
    deadline: Option<Duration>,
) -> (World, CancellationToken) {
    let world = prepared(server, namespace).await;
    let mut actuator = actuator(&world);
    if let Some(deadline) = deadline {
        actuator = actuator.with_deadline(deadline);
    }
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

#[tokio::test]
async fn a_worker_makes_its_machines_and_waits_while_the_shoot_does_not_answer() {
    let server = Server::start().await;
    let (mut world, _shutdown) = start(&server, "shoot--dev--soon").await;
    world.kill_shoot().await;
    put_worker(&world, &[pool("a", 1, "local")]).await;
    let name = world.cloud_has(1).await.remove(0);
    world.until_said(&name, "has to join").await;
    let waiting = world.api::<Worker>().get("life").await.unwrap();
    let last = waiting.status.default_status.last_operation.clone().unwrap();
    assert_eq!(last.state, LastOperationState::Processing, "{}", last.description);

    world.revive_shoot();
    world.until_announced(&name).await;
    let made = until_state(&world, "Succeeded").await;
    for worker in history(&world, &waiting, &made).await {
        let last = worker.status.default_status.last_operation.unwrap_or_default();
        assert_ne!(last.state, LastOperationState::Error, "{}", last.description);
    }
}

#[tokio::test]
async fn a_class_that_cannot_work_is_corrected() {
    let server = Server::start().await;
    let (world, _shutdown) = start(&server, "shoot--dev--typo").await;
    world.cloud.change(|state| state.unknown = Some("lcoal".to_owned()));
    put_worker(&world, &[pool("a", 1, "lcoal")]).await;
    let wrong = until_state(&world, "Error").await;
    let error = wrong.status.default_status.last_error.clone().unwrap();
    assert_eq!(error.codes, [ErrorCode::ConfigurationProblem]);
    assert!(error.description.contains("no such flavor"), "{}", error.description);

    // What the old class could not is no error of the new one, whose machine is on its way.
    put_worker(&world, &[pool("a", 1, "local")]).await;
    let right = until_state(&world, "Succeeded").await;
    for worker in history(&world, &wrong, &right).await {
        let said = &worker.status.default_status;
        let last = said.last_operation.clone().unwrap_or_default();
        let is_of_change = said.observed_generation == right.metadata.generation.unwrap();
        assert!(
            !is_of_change || last.state != LastOperationState::Error,
            "{}",
            last.description
        );
    }
    world.until_running(1).await;
}

#[tokio::test]
async fn a_machine_that_does_not_join_speaks_in_the_workers_error() {
    let server = Server::start().await;
    let (world, _shutdown) = start_with(&server, "shoot--dev--mute", Some(Duration::from_secs(3))).await;
    world
        .cloud
        .change(|state| state.console = "booting\nkernel panic: no root\n".to_owned());
    put_worker(&world, &[pool("a", 1, "local")]).await;
    let name = world.cloud_has(1).await.remove(0);
    world.until_said(&name, "has to join").await;
    world.clock.advance(Duration::from_secs(60));
    let error = eventually(DEADLINE, "the worker to tell", || async {
        let worker = world.api::<Worker>().get("life").await.unwrap();
        let error = worker.status.default_status.last_error.unwrap_or_default();
        ready_when(error.description.contains("kernel panic"), || error.description.clone()).map(|()| error)
    })
    .await;
    let expected = format!(
        "machine {name} has not joined the cluster for 60s; last lines of its console: booting | kernel panic: no root"
    );
    assert!(error.description.ends_with(&expected), "{}", error.description);
    assert!(error.codes.is_empty(), "{:?}", error.codes);

    // It joins after all.
    put_worker(&world, &[pool("a", 1, "local")]).await;
    let worker = until_state(&world, "Succeeded").await;
    assert_eq!(worker.status.default_status.last_error, None);
}
