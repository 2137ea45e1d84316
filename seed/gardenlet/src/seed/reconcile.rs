//! Registers the Seed, and tells its health: again whenever a component of the seed changes, and every so often.

use std::{sync::Arc, time::Duration};

use api::{
    constants::{self, FINALIZER_GARDENER},
    core::v1beta1::{
        ConditionStatus, Gardener, LastOperation, LastOperationState, LastOperationType, Seed, SeedStatus, Shoot,
    },
};
use apimachinery::meta::Time;
use controller::{
    finalizers,
    retry::{Failures, Retry},
};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::Deployment, scheduling::v1::PriorityClass},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::ListParams,
    runtime::{
        controller::{Action, Controller},
        reflector::ObjectRef,
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

use super::{
    checks::{self, Finding, REQUIRED_KINDS},
    register,
};
use crate::{
    care::{CareFinding, set_condition},
    context::Gardenlet,
};

/// Time between two attempts to register while the garden comes up.
const REGISTER_RETRY: Duration = Duration::from_secs(1);
/// Namespace of the seed's own components.
const GARDEN_NAMESPACE: &str = "garden";

/// Why the seed was not reconciled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    /// A request failed.
    #[error("failed to {action}")]
    Request {
        action: &'static str,
        source: Box<kube::Error>,
    },
    /// An object could not be applied.
    #[error(transparent)]
    Apply(#[from] controller::apply::ApplyError),
    /// The status could not be written.
    #[error(transparent)]
    Status(#[from] controller::status::StatusError),
}

pub(super) fn failed(action: &'static str) -> impl Fn(kube::Error) -> SeedError {
    move |error| SeedError::Request {
        action,
        source: Box::new(error),
    }
}

struct Queue {
    gardenlet: Gardenlet,
    failures: Failures,
}

/// Registers the Seed, then reconciles it until `shutdown`. `registered` is called once it is there.
pub(crate) async fn run(gardenlet: Gardenlet, shutdown: CancellationToken, registered: impl FnOnce()) {
    if shutdown
        .run_until_cancelled(register_until_done(&gardenlet))
        .await
        .is_none()
    {
        return;
    }
    registered();
    let seeds: Api<Seed> = Api::all(gardenlet.garden_client.clone());
    let name = gardenlet.settings.seed_name().to_owned();
    let ours = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let deployments: Api<Deployment> = Api::namespaced(gardenlet.seed_client(), GARDEN_NAMESPACE);
    let queue = Arc::new(Queue {
        gardenlet,
        failures: Failures::default(),
    });
    Controller::new(seeds, ours)
        .watches(deployments, watcher::Config::default(), move |_| {
            Some(ObjectRef::new(&name))
        })
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, queue)
        .for_each(|_| std::future::ready(()))
        .await;
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn on_error(seed: Arc<Seed>, error: &SeedError, queue: Arc<Queue>) -> Action {
    tracing::warn!(error = %ErrorChain(error), "the seed was not reconciled");
    queue.failures.failed(&seed.name_any(), Retry::Backoff)
}

async fn register_until_done(gardenlet: &Gardenlet) {
    while let Err(error) = register::register(gardenlet).await {
        tracing::warn!(error = %ErrorChain(&error), "the seed was not registered; trying again");
        tokio::time::sleep(REGISTER_RETRY).await;
    }
}

async fn reconcile(seed: Arc<Seed>, queue: Arc<Queue>) -> Result<Action, SeedError> {
    let gardenlet = &queue.gardenlet;
    let seeds: Api<Seed> = Api::all(gardenlet.garden_client.clone());
    let Some(seed) = seeds.get_opt(&seed.name_any()).await.map_err(failed("read the Seed"))? else {
        return Ok(Action::await_change());
    };
    if seed.metadata.deletion_timestamp.is_some() {
        return release(gardenlet, &seeds, &seed).await;
    }
    let seed = finalizers::ensure(&seeds, &seed, FINALIZER_GARDENER)
        .await
        .map_err(failed("set the Seed's finalizer"))?;
    apply_priority_classes(gardenlet).await?;
    let finding = look(gardenlet).await?;
    let version = gardenlet
        .seed_client()
        .apiserver_version()
        .await
        .map_err(failed("ask the seed for its version"))?;
    let mut status = seed.status.clone();
    write_status(&mut status, gardenlet, &seed, &version.git_version, finding);
    match controller::status::update(&seeds, &seed, &seed.status, &status).await {
        // gardener-controller-manager writes conditions too.
        Err(error) if error.is_conflict() => return Ok(queue.failures.failed(&seed.name_any(), Retry::Now)),
        written => written?,
    };
    queue.failures.succeeded(&seed.name_any());
    Ok(Action::requeue(gardenlet.settings.seed_sync_period))
}

/// A pod that names a class which does not exist is refused: they come first.
pub(super) async fn apply_priority_classes(gardenlet: &Gardenlet) -> Result<(), SeedError> {
    let classes: Vec<PriorityClass> = plan_control_plane::seed_priority_classes();
    futures::future::try_join_all(classes.iter().map(|class| gardenlet.seed.apply(class))).await?;
    Ok(())
}

async fn look(gardenlet: &Gardenlet) -> Result<Finding, SeedError> {
    let definitions: Api<CustomResourceDefinition> = Api::all(gardenlet.seed_client());
    let deployments: Api<Deployment> = Api::namespaced(gardenlet.seed_client(), GARDEN_NAMESPACE);
    let all = ListParams::default();
    let (definitions, deployments) = futures::try_join!(definitions.list_metadata(&all), deployments.list(&all))
        .map_err(failed("look at the seed"))?;
    let present: Vec<String> = definitions.items.iter().map(ResourceExt::name_any).collect();
    Ok(checks::system_components(
        &deployments.items,
        &checks::missing(&REQUIRED_KINDS, &present),
    ))
}

fn write_status(status: &mut SeedStatus, gardenlet: &Gardenlet, seed: &Seed, version: &str, finding: Finding) {
    let now = gardenlet.clock.now();
    let healthy = finding.0 == ConditionStatus::True;
    write_operation(status, seed, &finding, now);
    let (condition, reason, message) = finding;
    let components = CareFinding {
        status: condition,
        reason,
        message,
    };
    set_condition(
        &mut status.conditions,
        constants::SEED_SYSTEM_COMPONENTS_HEALTHY,
        components,
        now,
    );
    let ready = CareFinding {
        status: ConditionStatus::True,
        reason: "GardenletReady",
        message: "Gardenlet is posting ready status.".to_owned(),
    };
    set_condition(&mut status.conditions, constants::SEED_GARDENLET_READY, ready, now);
    status.gardener = Some(Gardener {
        id: std::env::var("HOSTNAME").unwrap_or_else(|_| "gardenlet".to_owned()),
        name: "gardenlet".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    status.kubernetes_version = Some(version.to_owned());
    status.capacity.clone_from(&gardenlet.settings.capacity);
    status.allocatable = checks::allocatable(&gardenlet.settings.capacity, &gardenlet.settings.reserved);
    status.cluster_identity.get_or_insert_with(|| seed.name_any());
    if healthy {
        status.observed_generation = seed.metadata.generation.unwrap_or_default();
    }
}

/// The last operation; its time moves only when it says something new.
fn write_operation(status: &mut SeedStatus, seed: &Seed, finding: &Finding, now: Timestamp) {
    let (condition, _, message) = finding;
    let healthy = *condition == ConditionStatus::True;
    let first = status
        .last_operation
        .as_ref()
        .is_none_or(|last| last.type_ == LastOperationType::Create && last.state != LastOperationState::Succeeded);
    let type_ = if first {
        LastOperationType::Create
    } else {
        LastOperationType::Reconcile
    };
    let (state, progress, description) = if healthy {
        (
            LastOperationState::Succeeded,
            100,
            "The seed has been reconciled.".to_owned(),
        )
    } else {
        (LastOperationState::Error, 50, message.clone())
    };
    let same = status
        .last_operation
        .as_ref()
        .is_some_and(|last| last.state == state && last.description == description);
    if same && status.observed_generation == seed.metadata.generation.unwrap_or_default() {
        return;
    }
    status.last_operation = Some(LastOperation {
        description,
        last_update_time: Some(Time(now)),
        progress,
        state,
        type_,
    });
}

/// A Seed goes when no Shoot is bound to it any more.
async fn release(gardenlet: &Gardenlet, seeds: &Api<Seed>, seed: &Seed) -> Result<Action, SeedError> {
    let shoots: Api<Shoot> = Api::all(gardenlet.garden_client.clone());
    let ours = ListParams::default().fields(&format!("spec.seedName={}", gardenlet.settings.seed_name()));
    let left = shoots
        .list_metadata(&ours)
        .await
        .map_err(failed("list the shoots of the seed"))?;
    if left.items.is_empty() {
        finalizers::remove(seeds, seed, FINALIZER_GARDENER)
            .await
            .map_err(failed("remove the Seed's finalizer"))?;
        return Ok(Action::await_change());
    }
    tracing::info!(
        shoots = left.items.len(),
        "the seed is to be deleted, and waits for its shoots"
    );
    Ok(Action::requeue(Duration::from_secs(10)))
}
