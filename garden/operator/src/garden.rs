//! The controller of the Garden: runs the flow, and tells how far it is.
//!
//! In: the Garden. Out: the world as it asks for, its finalizer, `lastOperation`, `observedGeneration`.
//! Absent: its conditions, which [`crate::care`] keeps.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use api::constants;
use api::core::v1beta1::{ConditionStatus, Gardener, LastOperationState, LastOperationType};
use api::operator::v1alpha1::{Garden, GardenStatus};
use controller::apply::Applier;
use controller::retry::{Failures, Retry};
use controller::watch::WatchBackoff;
use futures::StreamExt as _;
use jiff::Timestamp;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use lib_flow::{Progress, RunOptions};
use plan_control_plane::Images;
use plan_images::{ImageNotFound, ImageVector};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::deletion::{self, DeletionError};
use crate::settings::{Settings, SettingsError};
use crate::steps::{ImageSet, Work};
use crate::{flow, status};

/// How often everything is put right again, if nothing changes.
const RESYNC: Duration = Duration::from_secs(3600);
/// How often it is while a part is missing: pods heal by themselves, a removed Deployment does not.
const REPAIR: Duration = Duration::from_secs(30);
/// How often progress is written; more often would only cost.
const PROGRESS_PERIOD: Duration = Duration::from_millis(500);

/// What reconciling a Garden needs.
pub(crate) struct Context {
    pub(crate) runtime: Applier,
    pub(crate) images: ImageVector,
    pub(crate) overwrite: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failures: Failures,
}

/// Why a Garden is not as it shall be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("the Garden cannot be made as it is")]
    Settings(#[from] SettingsError),
    #[error("failed to find an image")]
    Image(#[from] ImageNotFound),
    #[error("the flow is broken")]
    Flow(#[from] lib_flow::GraphError),
    #[error("{0}")]
    Tasks(String),
    #[error("failed to {step}")]
    Request {
        step: &'static str,
        source: Box<kube::Error>,
    },
    #[error("failed to delete the garden")]
    Deletion(#[from] DeletionError),
}

impl ReconcileError {
    fn request(step: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Request {
            step,
            source: Box::new(source),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Settings(_) | Self::Flow(_) => Retry::OnChange,
            Self::Request { source, .. } if controller::error::is_conflict(source) => Retry::Now,
            Self::Image(_) | Self::Tasks(_) | Self::Request { .. } | Self::Deletion(_) => Retry::Backoff,
        }
    }
}

impl Context {
    pub(crate) fn gardens(&self) -> Api<Garden> {
        Api::all(self.runtime.client().clone())
    }

    fn image_set(&self, version: &str) -> Result<ImageSet, ImageNotFound> {
        Ok(ImageSet {
            control_plane: Images::from_vector(&self.images, version)?,
            kubeception: self.images.find("kubeception", None)?.to_string(),
            overwrite: self.overwrite.clone(),
        })
    }
}

/// Runs the controller until `end`.
pub(crate) async fn run(context: Arc<Context>, end: CancellationToken) {
    let changes = watcher::Config::default();
    Controller::new(context.gardens(), changes)
        .trigger_backoff(WatchBackoff::default())
        .graceful_shutdown_on(async move { end.cancelled().await })
        .run(reconcile, on_error, context)
        .for_each(|_| async {})
        .await;
}

async fn reconcile(garden: Arc<Garden>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    if garden.metadata.deletion_timestamp.is_some() {
        return delete(&garden, &context).await;
    }
    if let Some(rest) = done_for(&garden, &gardener(), context.clock.now()) {
        return Ok(Action::requeue(rest));
    }
    let type_ = status::operation_type(&garden);
    let result = create(&garden, &context, &type_).await;
    if let Err(error) = &result {
        let progress = garden.status.last_operation.as_ref().map_or(0, |last| last.progress);
        let reason = ErrorChain(error).to_string();
        let operation = status::failed(type_, progress, reason, context.clock.now());
        status::write_operation(&context.gardens(), &garden, &operation)
            .await
            .map_err(ReconcileError::request("write the status"))?;
    }
    result
}

/// How long the garden can be left as it is; `None` when it cannot.
///
/// Our own writes of the status wake us too: a generation that was made needs no second run at once. It needs one when somebody asks,
/// when another operator made it (a new one brings other images), when a part is missing, and from time to time.
fn done_for(garden: &Garden, gardener: &Gardener, now: Timestamp) -> Option<Duration> {
    let observed = garden.status.observed_generation == garden.metadata.generation.unwrap_or_default();
    let last = garden.status.last_operation.as_ref()?;
    let succeeded = last.state == LastOperationState::Succeeded && last.type_ != LastOperationType::Delete;
    let asked = garden.annotations().contains_key(constants::GARDENER_OPERATION);
    let same_operator = garden.status.gardener.as_ref().is_some_and(|made| made == gardener);
    if !observed || !succeeded || asked || !same_operator {
        return None;
    }
    let since = last.last_update_time.as_ref().map_or(RESYNC, |at| {
        Duration::try_from(now.duration_since(at.0)).unwrap_or_default()
    });
    let period = if misses_components(garden) { REPAIR } else { RESYNC };
    period.checked_sub(since).filter(|rest| !rest.is_zero())
}

/// Whether care has seen that a part is gone or broken.
fn misses_components(garden: &Garden) -> bool {
    let components = [
        constants::GARDEN_RUNTIME_COMPONENTS_HEALTHY,
        constants::GARDEN_VIRTUAL_COMPONENTS_HEALTHY,
    ];
    let conditions = &garden.status.conditions;
    conditions
        .iter()
        .any(|condition| components.contains(&condition.type_.as_str()) && condition.status == ConditionStatus::False)
}

async fn create(garden: &Garden, context: &Context, type_: &LastOperationType) -> Result<Action, ReconcileError> {
    let api = context.gardens();
    let settings = Settings::of(garden)?;
    controller::finalizers::ensure(&api, garden, constants::FINALIZER_OPERATOR)
        .await
        .map_err(ReconcileError::request("set the finalizer"))?;
    take_operation(&api, garden).await?;
    let images = context.image_set(&settings.kubernetes_version)?;
    let addresses = status::advertised_addresses(&settings);
    let work = Arc::new(Work::new(
        settings,
        context.runtime.clone(),
        images,
        Arc::clone(&context.clock),
    ));
    let started = context.clock.now();
    run_flow(garden, context, type_, work).await?;
    let now = context.clock.now();
    let success = GardenStatus {
        last_operation: Some(status::succeeded(type_.clone(), now)),
        observed_generation: garden.metadata.generation.unwrap_or_default(),
        gardener: Some(gardener()),
        advertised_addresses: addresses,
        ..GardenStatus::default()
    };
    status::write_success(&api, garden, &success)
        .await
        .map_err(ReconcileError::request("write the status"))?;
    context.failures.succeeded(&garden.name_any());
    tracing::info!(garden = %garden.name_any(), elapsed = %now.duration_since(started), "reconciled");
    Ok(Action::requeue(RESYNC))
}

/// Who reconciled it last.
fn gardener() -> Gardener {
    Gardener {
        id: std::env::var("HOSTNAME").unwrap_or_default(),
        name: constants::DEPLOYMENT_GARDENER_OPERATOR.to_owned(),
        version: format!("v{}", env!("CARGO_PKG_VERSION")),
    }
}

/// Removes the annotation that asks for a run: this is it.
async fn take_operation(api: &Api<Garden>, garden: &Garden) -> Result<(), ReconcileError> {
    if !garden.annotations().contains_key(constants::GARDENER_OPERATION) {
        return Ok(());
    }
    let patch = serde_json::json!({ "metadata": { "annotations": { constants::GARDENER_OPERATION: null } } });
    let parameters = kube::api::PatchParams::default();
    let taken = api
        .patch_metadata(&garden.name_any(), &parameters, &kube::api::Patch::Merge(&patch))
        .await;
    taken
        .map(drop)
        .map_err(ReconcileError::request("remove the operation's annotation"))
}

/// Runs the flow, and writes its progress meanwhile.
async fn run_flow(
    garden: &Garden,
    context: &Context,
    type_: &LastOperationType,
    work: Arc<Work>,
) -> Result<(), ReconcileError> {
    let (sender, receiver) = watch::channel(Progress::default());
    // A closed channel means that nobody writes progress any more: the flow goes on.
    let progress = Box::new(move |progress| drop(sender.send(progress)));
    let running = flow::reconcile()?.run(
        work,
        RunOptions {
            progress,
            ..RunOptions::default()
        },
    );
    let report = with_progress(running, garden, context, type_, receiver).await;
    for task in &report.tasks {
        tracing::debug!(task = %task.id, started = ?task.started, took = ?task.took, "task");
    }
    match status::failure(&report) {
        None => Ok(()),
        Some(problems) => Err(ReconcileError::Tasks(problems)),
    }
}

/// Polls `work` to its end; beside it the newest progress is written, at most every [`PROGRESS_PERIOD`].
async fn with_progress<T>(
    work: impl Future<Output = T>,
    garden: &Garden,
    context: &Context,
    type_: &LastOperationType,
    mut receiver: watch::Receiver<Progress>,
) -> T {
    let api = context.gardens();
    let writing = async {
        let mut period = tokio::time::interval(PROGRESS_PERIOD);
        loop {
            period.tick().await;
            let progress = receiver.borrow_and_update().clone();
            let operation = status::processing(type_.clone(), &progress, context.clock.now());
            if let Err(error) = status::write_operation(&api, garden, &operation).await {
                tracing::debug!(error = %ErrorChain(&error), "failed to write progress");
            }
            if receiver.changed().await.is_err() {
                // The flow has ended; its result is about to be written.
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        result = work => result,
        never = writing => never,
    }
}

async fn delete(garden: &Garden, context: &Context) -> Result<Action, ReconcileError> {
    if !controller::finalizers::has(garden, constants::FINALIZER_OPERATOR) {
        return Ok(Action::await_change());
    }
    let api = context.gardens();
    if let Err(error) = deletion::delete(&context.runtime).await {
        let reason = ErrorChain(&error).to_string();
        let operation = status::failed(LastOperationType::Delete, 0, reason, context.clock.now());
        status::write_operation(&api, garden, &operation)
            .await
            .map_err(ReconcileError::request("write the status"))?;
        return Err(error.into());
    }
    controller::finalizers::remove(&api, garden, constants::FINALIZER_OPERATOR)
        .await
        .map_err(ReconcileError::request("remove the finalizer"))?;
    tracing::info!(garden = %garden.name_any(), "deleted");
    Ok(Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error(garden: Arc<Garden>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let name = garden.name_any();
    tracing::warn!(garden = %name, error = %ErrorChain(error), "reconciling failed, will retry");
    context.failures.failed(&name, error.retry())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const MADE: i64 = 1_000;

    fn operator(id: &str) -> Gardener {
        Gardener {
            id: id.to_owned(),
            ..gardener()
        }
    }

    fn garden(generation: i64, state: &str) -> Value {
        let time = Timestamp::from_second(MADE).unwrap();
        json!({
            "metadata": { "generation": generation },
            "status": {
                "observedGeneration": 1,
                "gardener": operator("pod-1"),
                "lastOperation": { "type": "Create", "state": state, "progress": 100, "lastUpdateTime": time },
            },
        })
    }

    #[track_caller]
    fn check(garden: Value, seconds_later: i64, rest: Option<u64>) {
        let garden: Garden = serde_json::from_value(garden).unwrap();
        let now = Timestamp::from_second(MADE + seconds_later).unwrap();
        assert_eq!(
            done_for(&garden, &operator("pod-1"), now),
            rest.map(Duration::from_secs)
        );
    }

    #[test]
    fn a_generation_is_made_once() {
        check(garden(1, "Succeeded"), 0, Some(3600));
        check(garden(1, "Succeeded"), 600, Some(3000));
        check(garden(2, "Succeeded"), 0, None);
        check(garden(1, "Error"), 0, None);
        let mut asked = garden(1, "Succeeded");
        asked["metadata"]["annotations"] = json!({ "gardener.cloud/operation": "reconcile" });
        check(asked, 0, None);
        check(json!({ "metadata": { "generation": 1 } }), 0, None);
    }

    #[test]
    fn what_was_made_is_put_right_again() {
        check(garden(1, "Succeeded"), 3600, None);
        let mut by_another = garden(1, "Succeeded");
        by_another["status"]["gardener"] = json!(operator("pod-0"));
        check(by_another, 0, None);
        let mut broken = garden(1, "Succeeded");
        broken["status"]["conditions"] = json!([{ "type": "VirtualComponentsHealthy", "status": "False" }]);
        check(broken.clone(), 10, Some(20));
        check(broken, 30, None);
    }
}
