//! The queue of looks: a shoot is looked at when it or something in its namespace changes, and every so often.

use std::{sync::Arc, time::Duration};

use api::{
    constants::{GARDEN_ROLE, ROLE_CONTROL_PLANE},
    core::v1beta1::{ConditionStatus, LastOperationState, Shoot},
    druid::v1alpha1::Etcd,
    extensions::v1alpha1::Worker,
    machine::v1alpha1::Machine,
    resources::v1alpha1::ManagedResource,
};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Resource, ResourceExt,
    api::ListParams,
    runtime::{
        controller::{Action, Config, Controller},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

use super::{
    checks::{Finding, api_server, control_plane, system_components, with_tunnel},
    clients::{ShootClients, Told},
    conditions::{self, Findings},
    nodes::{Seen, every_node, unknown},
};
use crate::{context::Gardenlet, shoot::StatusWriter};

/// Changes come in bursts: one look for each.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// Time until the next look at a shoot that is not healthy: its user waits for it. Also until a look that failed is repeated.
const IMPATIENT: Duration = Duration::from_secs(2);

/// Why a look was not taken.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}")]
pub(crate) struct CareError {
    action: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

fn failed<E: std::error::Error + Send + Sync + 'static>(action: &'static str) -> impl Fn(E) -> CareError {
    move |error| CareError {
        action,
        source: Box::new(error),
    }
}

struct Queue {
    gardenlet: Gardenlet,
    clients: ShootClients,
}

/// Looks until `shutdown`.
pub(crate) async fn run(gardenlet: Gardenlet, shutdown: CancellationToken) {
    let shoots: Api<Shoot> = Api::all(gardenlet.garden_client.clone());
    let ours = watcher::Config::default().fields(&format!("spec.seedName={}", gardenlet.settings.seed_name()));
    let seed = gardenlet.seed_client();
    let queue = Arc::new(Queue {
        gardenlet,
        clients: ShootClients::default(),
    });
    let components = watcher::Config::default().labels(&format!("{GARDEN_ROLE}={ROLE_CONTROL_PLANE}"));
    let controller = Controller::new(shoots, ours);
    let store = controller.store();
    controller
        .with_config(Config::default().concurrency(20).debounce(DEBOUNCE))
        .watches(
            Api::<Deployment>::all(seed.clone()),
            components,
            to_shoot(store.clone()),
        )
        .watches(
            Api::<Etcd>::all(seed.clone()),
            watcher::Config::default(),
            to_shoot(store.clone()),
        )
        .watches(
            Api::<Worker>::all(seed.clone()),
            watcher::Config::default(),
            to_shoot(store.clone()),
        )
        .watches(
            Api::<ManagedResource>::all(seed),
            watcher::Config::default(),
            to_shoot(store),
        )
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(look, on_error, queue)
        .for_each(|_| std::future::ready(()))
        .await;
}

/// The shoot in whose namespace an object lies.
fn to_shoot<K: Resource>(shoots: Store<Shoot>) -> impl Fn(K) -> Option<ObjectRef<Shoot>> {
    move |object| {
        let namespace = object.meta().namespace.as_deref()?;
        let shoot = shoots.find(|shoot| shoot.status.technical_id == namespace)?;
        Some(ObjectRef::from_obj(&*shoot))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn on_error(shoot: Arc<Shoot>, error: &CareError, _queue: Arc<Queue>) -> Action {
    tracing::warn!(shoot = %shoot.name_any(), error = %ErrorChain(error), "care failed");
    Action::requeue(IMPATIENT)
}

async fn look(shoot: Arc<Shoot>, queue: Arc<Queue>) -> Result<Action, CareError> {
    let namespace = shoot.status.technical_id.clone();
    if shoot.metadata.deletion_timestamp.is_some() {
        queue.clients.forget(&namespace);
        return Ok(Action::await_change());
    }
    if namespace.is_empty() || shoot.status.last_operation.is_none() {
        return Ok(Action::await_change());
    }
    let findings = findings(&queue, &namespace, &shoot).await?;
    let now = queue.gardenlet.clock.now();
    let garden = queue.gardenlet.garden_client.clone();
    let project_namespace = shoot.namespace().unwrap_or_default();
    let writer = StatusWriter::new(garden, &project_namespace, &shoot.name_any());
    writer
        .update(|status| conditions::write(status, &findings, now))
        .await
        .map_err(failed("write the conditions"))?;
    let healthy = findings.are_healthy();
    Ok(Action::requeue(if healthy {
        queue.gardenlet.settings.care_period
    } else {
        IMPATIENT
    }))
}

async fn findings(queue: &Queue, namespace: &str, shoot: &Shoot) -> Result<Findings, CareError> {
    let has_workers = !shoot.spec.provider.workers.is_empty();
    let seed = queue.gardenlet.seed_client();
    let deployments: Api<Deployment> = Api::namespaced(seed.clone(), namespace);
    let etcds: Api<Etcd> = Api::namespaced(seed.clone(), namespace);
    let resources: Api<ManagedResource> = Api::namespaced(seed, namespace);
    let of_control_plane = ListParams::default().labels(&format!("{GARDEN_ROLE}={ROLE_CONTROL_PLANE}"));
    let all = ListParams::default();
    let objects = async {
        futures::try_join!(
            deployments.list(&of_control_plane),
            etcds.get_opt("etcd-main"),
            resources.list(&all)
        )
        .map_err(failed("read the control plane"))
    };
    let (objects, answer) = futures::join!(objects, queue.clients.ask(&queue.gardenlet, namespace));
    let (deployments, etcd, resources) = objects?;
    let api_server = api_server(answer);
    let system_components = system_components(&resources.items, &api_server);
    let (every_node, system_components) = if has_workers {
        let (nodes, system) = with_nodes(queue, namespace, shoot, &api_server, system_components).await?;
        (Some(nodes), system)
    } else {
        (None, system_components)
    };
    Ok(Findings {
        control_plane: control_plane(&deployments.items, etcd.as_ref(), has_workers),
        every_node,
        system_components,
        api_server,
    })
}

/// The finding of the nodes, and that of the system components with what the tunnel to the nodes adds to it.
async fn with_nodes(
    queue: &Queue,
    namespace: &str,
    shoot: &Shoot,
    api_server: &Finding,
    system_components: Finding,
) -> Result<(Finding, Finding), CareError> {
    if api_server.status != ConditionStatus::True {
        let why = "The API server does not answer, so the nodes can't be looked at.";
        return Ok((unknown(why.to_owned()), system_components));
    }
    let machines: Api<Machine> = Api::namespaced(queue.gardenlet.seed_client(), namespace);
    let machines = async {
        match machines.list(&ListParams::default()).await {
            Ok(machines) => Ok(machines.items),
            // A provider that knows no machines.
            Err(error) if controller::error::is_not_found(&error) => Ok(Vec::new()),
            Err(error) => Err(failed("read the machines")(error)),
        }
    };
    let (machines, nodes) = futures::join!(machines, queue.clients.nodes(&queue.gardenlet, namespace));
    let machines = machines?;
    Ok(match nodes {
        Err(error) => (unknown(format!("the nodes can't be read: {error}")), system_components),
        Ok(Told {
            nodes,
            mut agents,
            tunnel,
        }) => {
            if is_in_progress(shoot) {
                // Its flow waits for the machines, and complains in time.
                agents.wished.clear();
            }
            let seen = Seen {
                nodes,
                machines,
                agents,
            };
            let finding = every_node(&shoot.spec.provider.workers, &seen, queue.gardenlet.clock.now());
            (finding, with_tunnel(system_components, tunnel))
        }
    })
}

/// Whether somebody is changing the shoot.
fn is_in_progress(shoot: &Shoot) -> bool {
    let state = shoot.status.last_operation.as_ref().map(|last| &last.state);
    matches!(
        state,
        Some(LastOperationState::Processing | LastOperationState::Pending)
    )
}
