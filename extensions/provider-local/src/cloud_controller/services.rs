//! The queue of Services of one cluster; a change of its nodes concerns all of them.

use std::sync::Arc;

use controller::{
    retry::{Failures, wish_of},
    watch::WatchBackoff,
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, ResourceExt as _,
    runtime::{Controller, controller::Action, watcher},
};
use lib_error_chain::ErrorChain;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::reconcile::{ReconcileError, Reconciler};

struct Context {
    reconciler: Reconciler,
    failures: Failures,
}

/// Reconciles until `shutdown`; what has begun is finished first. The nodes must be known already: without them every load
/// balancer would lose its backends for a moment.
pub(crate) async fn work(reconciler: Reconciler, node_changes: watch::Receiver<u64>, shutdown: CancellationToken) {
    let services = Api::<Service>::all(reconciler.client.clone());
    let context = Arc::new(Context {
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
    context.reconciler.reconcile(&service).await?;
    context.failures.succeeded(&key);
    Ok(Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
fn error_policy(service: Arc<Service>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let key = key(&service);
    tracing::warn!(service = %key, error = %ErrorChain(error), "reconcile failed, will retry");
    context
        .failures
        .failed_with(&key, &wish_of(service.as_ref()), error.retry())
}
