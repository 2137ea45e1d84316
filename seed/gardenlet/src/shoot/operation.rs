//! One run of a flow for one shoot, with everything its users see of it.

use std::{sync::Arc, time::Duration};

use api::{
    constants::FINALIZER_GARDENER,
    core::v1beta1::{CloudProfile, Gardener, LastError, LastOperationType, Project, Seed, Shoot},
};
use controller::finalizers;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api,
    api::{ListParams, PartialObjectMeta},
    runtime::{WatchStreamExt, watcher},
};
use lib_flow::{Progress, Report, RunOptions};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    error::{TaskError, in_garden, is_final, last_error, last_errors},
    flow::{self, Shape, ShootContext},
    status::{self, Start, StatusWriter},
};
use crate::context::Gardenlet;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The shoot is as wished.
    Succeeded,
    /// The shoot is gone.
    Gone,
    /// Something failed; it may be tried again.
    Failed,
    /// Something failed for good.
    GaveUp,
    /// The wish changed meanwhile.
    Superseded,
}

/// Runs the flow of `operation` for `shoot`, and tells the garden about it.
pub(crate) async fn run(gardenlet: &Gardenlet, shoot: Shoot, operation: LastOperationType) -> Result<Ended, TaskError> {
    let (namespace, name) = key(&shoot);
    let writer = StatusWriter::new(gardenlet.garden_client.clone(), &namespace, &name);
    // Boxed, here and below: a Shoot takes 5 KB, and each future holds several.
    let prepared = Box::pin(prepare(gardenlet, shoot, &operation, &writer)).await;
    let (context, generation) = match prepared {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return Ok(Ended::Gone),
        Err(error) => {
            let errors = [last_error(&error, None, gardenlet.clock.now())];
            Box::pin(finish_failed(gardenlet, &writer, &errors)).await?;
            return Ok(Ended::Failed);
        }
    };
    let shape = Shape::of(&context.shoot);
    let graph = if operation == LastOperationType::Delete {
        flow::delete(shape)
    } else {
        flow::reconcile(shape)
    };
    let graph = graph.map_err(|error| TaskError::Invalid(format!("the flow is broken: {error}")))?;
    let deleting = operation == LastOperationType::Delete;
    let report = Box::pin(execute(graph, context, &writer, generation, deleting)).await;
    tracing::info!(shoot = %format!("{namespace}/{name}"), operation = ?operation, critical_path = %report, "flow ended");
    Box::pin(finish(gardenlet, &writer, &operation, &report)).await
}

fn key(shoot: &Shoot) -> (String, String) {
    (
        shoot.metadata.namespace.clone().unwrap_or_default(),
        shoot.metadata.name.clone().unwrap_or_default(),
    )
}

/// Reads what the flow needs, and says that it begins. `None`: the shoot is gone.
async fn prepare(
    gardenlet: &Gardenlet,
    shoot: Shoot,
    operation: &LastOperationType,
    writer: &StatusWriter,
) -> Result<Option<(Arc<ShootContext>, i64)>, TaskError> {
    let garden = &gardenlet.garden_client;
    let (namespace, _) = key(&shoot);
    let shoots: Api<Shoot> = Api::namespaced(garden.clone(), &namespace);
    if *operation != LastOperationType::Delete {
        // Before anything is made: from here on a deletion waits for us.
        finalizers::ensure(&shoots, &shoot, FINALIZER_GARDENER)
            .await
            .map_err(in_garden("set the finalizer"))?;
    }
    let (project, seed) = tokio::try_join!(project_name(gardenlet, &namespace), read_seed(gardenlet))?;
    let cloud_profile = cloud_profile(gardenlet, &shoot).await?;
    let identity = cluster_identity(gardenlet).await;
    let name = shoot.metadata.name.clone().unwrap_or_default();
    let technical_id = super::identity::technical_id(&project, &name);
    let uid = shoot.metadata.uid.clone().unwrap_or_default();
    let generation = shoot.metadata.generation.unwrap_or_default();
    let start = Start {
        operation: operation.clone(),
        generation,
        seed_name: gardenlet.settings.seed_name(),
        technical_id: &technical_id,
        uid: &uid,
        cluster_identity: identity.map(|garden| format!("{technical_id}-{uid}-{garden}")),
        gardener: this_gardener(),
    };
    let now = gardenlet.clock.now();
    let Some(shoot) = writer.update(|status| status::begin(status, &start, now)).await? else {
        return Ok(None);
    };
    let context = ShootContext::new(gardenlet.clone(), shoot, project, cloud_profile, seed);
    Ok(Some((Arc::new(context), generation)))
}

/// Who works on the shoot.
fn this_gardener() -> Gardener {
    let id = std::env::var("HOSTNAME").unwrap_or_else(|_| "gardenlet".to_owned());
    Gardener {
        id,
        name: "gardenlet".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The project that owns a namespace.
async fn project_name(gardenlet: &Gardenlet, namespace: &str) -> Result<String, TaskError> {
    let namespaces: Api<Namespace> = Api::all(gardenlet.garden_client.clone());
    let found = namespaces
        .get_opt(namespace)
        .await
        .map_err(in_garden("read the project's namespace"))?;
    let label = found.and_then(|found| found.metadata.labels?.remove("project.gardener.cloud/name"));
    if let Some(name) = label {
        return Ok(name);
    }
    let projects: Api<Project> = Api::all(gardenlet.garden_client.clone());
    let all = projects
        .list(&ListParams::default())
        .await
        .map_err(in_garden("list projects"))?;
    let owner = all
        .items
        .into_iter()
        .find(|project| project.spec.namespace.as_deref() == Some(namespace));
    owner
        .and_then(|project| project.metadata.name)
        .ok_or_else(|| TaskError::Invalid(format!("no project owns namespace {namespace}")))
}

async fn read_seed(gardenlet: &Gardenlet) -> Result<Seed, TaskError> {
    let seeds: Api<Seed> = Api::all(gardenlet.garden_client.clone());
    seeds
        .get(gardenlet.settings.seed_name())
        .await
        .map_err(in_garden("read the seed"))
}

/// The cloud profile as it is; null when it is gone, which must not stop a deletion.
async fn cloud_profile(gardenlet: &Gardenlet, shoot: &Shoot) -> Result<Value, TaskError> {
    let by_reference = shoot
        .spec
        .cloud_profile
        .as_ref()
        .map(|reference| reference.name.clone());
    let Some(name) = by_reference.or_else(|| shoot.spec.cloud_profile_name.clone()) else {
        return Ok(Value::Null);
    };
    let profiles: Api<CloudProfile> = Api::all(gardenlet.garden_client.clone());
    let found = profiles
        .get_opt(&name)
        .await
        .map_err(in_garden("read the cloud profile"))?;
    serde_json::to_value(found).map_err(|source| TaskError::Encode {
        what: "the cloud profile",
        source: Box::new(source),
    })
}

/// The garden's identity; a shoot's own is made of it. It is no reason to fail.
async fn cluster_identity(gardenlet: &Gardenlet) -> Option<String> {
    let api: Api<ConfigMap> = Api::namespaced(gardenlet.garden_client.clone(), "kube-system");
    api.get_opt("cluster-identity")
        .await
        .ok()
        .flatten()?
        .data?
        .remove("cluster-identity")
}

/// Runs the flow; reports its progress beside it, and ends it when the wish changes.
async fn execute(
    flow: flow::ShootFlow,
    context: Arc<ShootContext>,
    writer: &StatusWriter,
    generation: i64,
    deleting: bool,
) -> Report<TaskError> {
    let (sender, receiver) = watch::channel(Progress::default());
    let cancellation = CancellationToken::new();
    let options = RunOptions {
        progress: Box::new(move |progress| drop(sender.send(progress))),
        cancellation: cancellation.clone(),
        ..RunOptions::default()
    };
    let mut running = Box::pin(flow.run(Arc::clone(&context), options));
    let mut reporting = Box::pin(report_progress(&context.gardenlet, writer, receiver));
    let mut watching = Box::pin(cancel_when_changed(&context, generation, deleting, cancellation));
    loop {
        tokio::select! {
            biased;
            report = &mut running => return report,
            () = &mut reporting => {}
            () = &mut watching => {}
        }
    }
}

/// Writes progress whenever it changed, but not too often. Never ends.
async fn report_progress(gardenlet: &Gardenlet, writer: &StatusWriter, mut progress: watch::Receiver<Progress>) {
    while progress.changed().await.is_ok() {
        let now = progress.borrow_and_update().clone();
        let time = gardenlet.clock.now();
        let written = writer
            .update(|status| status::progress(status, now.percent, &now.to_string(), time))
            .await;
        if let Err(error) = written {
            tracing::warn!(error = %lib_error_chain::ErrorChain(&error), "failed to report progress");
        }
        tokio::time::sleep(gardenlet.settings.progress_period).await;
    }
    std::future::pending::<()>().await;
}

/// Cancels when the shoot has a newer wish, or is to be deleted. Never ends: after that the flow does.
async fn cancel_when_changed(context: &ShootContext, generation: i64, deleting: bool, cancellation: CancellationToken) {
    let api: Api<PartialObjectMeta<Shoot>> =
        Api::namespaced(context.gardenlet.garden_client.clone(), context.namespace());
    let ours = watcher::Config::default().fields(&format!("metadata.name={}", context.name()));
    let mut changes = Box::pin(watcher(api, ours).default_backoff().touched_objects());
    while let Some(event) = changes.next().await {
        let Ok(shoot) = event else { continue };
        let newer = shoot.metadata.generation.unwrap_or_default() > generation;
        let deleted = shoot.metadata.deletion_timestamp.is_some();
        // A deletion is not interrupted: nothing in the wish matters to it any more.
        if !deleting && (newer || deleted) {
            cancellation.cancel();
        }
    }
    std::future::pending::<()>().await;
}

async fn finish(
    gardenlet: &Gardenlet,
    writer: &StatusWriter,
    operation: &LastOperationType,
    report: &Report<TaskError>,
) -> Result<Ended, TaskError> {
    let now = gardenlet.clock.now();
    if report.succeeded() {
        let written = writer.update(|status| status::succeed(status, operation, now)).await?;
        if *operation != LastOperationType::Delete {
            return Ok(Ended::Succeeded);
        }
        if let Some(shoot) = written {
            release(gardenlet, &shoot).await?;
        }
        return Ok(Ended::Gone);
    }
    let errors = last_errors(report.failures(), now);
    if report.cancelled() && errors.is_empty() {
        writer.update(|status| status::supersede(status, now)).await?;
        return Ok(Ended::Superseded);
    }
    finish_failed(gardenlet, writer, &errors).await
}

async fn finish_failed(gardenlet: &Gardenlet, writer: &StatusWriter, errors: &[LastError]) -> Result<Ended, TaskError> {
    let now = gardenlet.clock.now();
    let hopeless = errors.iter().any(|error| is_final(&error.codes));
    let patience = gardenlet.settings.retry_duration;
    let too_long = |began: Option<&apimachinery::meta::Time>| {
        began.is_some_and(|began| Duration::try_from(now.duration_since(began.0)).is_ok_and(|past| past > patience))
    };
    let written = writer
        .update(|status| {
            let give_up = hopeless || too_long(status.retry_cycle_start_time.as_ref());
            status::fail(status, errors, give_up, now);
        })
        .await?;
    let failed = api::core::v1beta1::LastOperationState::Failed;
    let gave_up = written
        .and_then(|shoot| shoot.status.last_operation)
        .is_some_and(|last| last.state == failed);
    Ok(if gave_up { Ended::GaveUp } else { Ended::Failed })
}

/// Nothing is left: the garden may forget the shoot.
async fn release(gardenlet: &Gardenlet, shoot: &Shoot) -> Result<(), TaskError> {
    let (namespace, name) = key(shoot);
    let api: Api<Shoot> = Api::namespaced(gardenlet.garden_client.clone(), &namespace);
    let mut current = Some(shoot.clone());
    while let Some(shoot) = current {
        match finalizers::remove(&api, &shoot, FINALIZER_GARDENER).await {
            // Care or a user wrote in between: from what is there now.
            Err(error) if controller::error::is_conflict(&error) => {
                current = api.get_opt(&name).await.map_err(in_garden("read the shoot"))?;
            }
            Err(error) if controller::error::is_not_found(&error) => return Ok(()),
            answer => return answer.map_err(in_garden("remove the finalizer")),
        }
    }
    Ok(())
}
