//! The queue of Services of one cluster; a change of its nodes concerns all of them. What the cloud says no to, the Service's user
//! reads in an Event.

use std::sync::Arc;

use controller::{
    retry::{Failures, wish_of},
    watch::WatchBackoff,
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Resource as _, ResourceExt as _,
    runtime::{
        Controller,
        controller::Action,
        events::{Event, EventType, Recorder},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::reconcile::{ReconcileError, Reconciler};

/// Who tells (Kubernetes' name for the controller of Services).
const REPORTER: &str = "service-controller";
/// Longest note of an Event (Kubernetes API).
const LONGEST_NOTE: usize = 1024;

struct Context {
    reconciler: Reconciler,
    failures: Failures,
    recorder: Recorder,
}

/// Reconciles until `shutdown`; what has begun is finished first. The nodes must be known already: without them every load
/// balancer would lose its backends for a moment.
pub(crate) async fn work(reconciler: Reconciler, node_changes: watch::Receiver<u64>, shutdown: CancellationToken) {
    let services = Api::<Service>::all(reconciler.client.clone());
    let context = Arc::new(Context {
        recorder: Recorder::new(reconciler.client.clone(), REPORTER.into()),
        reconciler,
        failures: Failures::default(),
    });
    let woken = futures::stream::unfold(node_changes, |mut changes| async move {
        changes.changed().await.ok()?;
        Some(((), changes))
    });
    Controller::new(services, watcher::Config::default())
        .trigger_backoff(WatchBackoff::default())
        .reconcile_all_on(woken)
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, error_policy, context)
        .for_each(|result| async move {
            if let Err(kube::runtime::controller::Error::QueueError(error)) = result {
                tracing::warn!(error = %ErrorChain(&error), "the watch of Services broke, and will be opened again");
            }
        })
        .await;
}

fn key(service: &Service) -> String {
    format!("{}/{}", service.namespace().unwrap_or_default(), service.name_any())
}

async fn reconcile(service: Arc<Service>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let key = key(&service);
    if let Err(error) = context.reconciler.reconcile(&service).await {
        if error.is_the_clouds() {
            tell(&service, &error, &context.recorder).await;
        }
        return Err(error);
    }
    context.failures.succeeded(&key);
    Ok(Action::await_change())
}

/// That an Event could not be written stops nothing.
async fn tell(service: &Service, error: &ReconcileError, recorder: &Recorder) {
    let note = ErrorChain(error).to_string().chars().take(LONGEST_NOTE).collect();
    let event = Event {
        type_: EventType::Warning,
        reason: "SyncLoadBalancerFailed".to_owned(),
        note: Some(note),
        action: "Sync".to_owned(),
        secondary: None,
    };
    if let Err(error) = recorder.publish(&event, &service.object_ref(&())).await {
        tracing::debug!(error = %ErrorChain(&error), "failed to write an event");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
fn error_policy(service: Arc<Service>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let key = key(&service);
    tracing::warn!(service = %key, error = %ErrorChain(error), "reconcile failed, will retry");
    context
        .failures
        .failed_with(&key, &wish_of(service.as_ref()), error.retry())
}
