//! Watches the objects of a kind, and reconciles each, several side by side, with retries.

use std::{sync::Arc, time::Duration};

use controller::{
    retry::{Failures, wish_of},
    watch::WatchBackoff,
};
use futures::StreamExt as _;
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        Controller,
        controller::{Action, Config},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

use crate::{Actuator, Driver, ExtensionKind, driver::DriveError};

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How many objects are worked on side by side.
    pub concurrency: u16,
    /// The first wait after a failure and the longest.
    pub backoff: (Duration, Duration),
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            concurrency: 20,
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
        }
    }
}

struct Context<K, A> {
    driver: Driver<K, A>,
    failures: Failures,
}

/// Reconciles until `shutdown`; what has begun is finished first.
pub async fn run<K, A>(client: Client, driver: Driver<K, A>, options: RunOptions, shutdown: CancellationToken)
where
    K: ExtensionKind,
    A: Actuator<K>,
{
    let failures = Failures::new(options.backoff.0, options.backoff.1);
    let context = Arc::new(Context { driver, failures });
    Controller::new(Api::<K>::all(client), watcher::Config::default())
        .with_config(Config::default().concurrency(options.concurrency))
        .trigger_backoff(WatchBackoff::default())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, error_policy, context)
        .for_each(|result| async move {
            if let Err(kube::runtime::controller::Error::QueueError(error)) = result {
                tracing::warn!(kind = K::KIND, error = %ErrorChain(&error), "the watch broke, and will be opened again");
            }
        })
        .await;
}

fn key(object: &impl ResourceExt) -> String {
    let name = object.name_any();
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    }
}

async fn reconcile<K, A>(object: Arc<K>, context: Arc<Context<K, A>>) -> Result<Action, DriveError>
where
    K: ExtensionKind,
    A: Actuator<K>,
{
    let key = key(object.as_ref());
    // The status written by a failure comes back as an event: it is no reason to try at once.
    if let Some(action) = context.failures.pending(&key, &wish_of(object.as_ref())) {
        return Ok(action);
    }
    context.driver.reconcile(&object).await?;
    context.failures.succeeded(&key);
    Ok(Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
fn error_policy<K, A>(object: Arc<K>, error: &DriveError, context: Arc<Context<K, A>>) -> Action
where
    K: ExtensionKind,
    A: Actuator<K>,
{
    let key = key(object.as_ref());
    tracing::warn!(kind = K::KIND, object = %key, error = %ErrorChain(error), "reconcile failed, will retry");
    // What was reconciled may be older than what the driver wrote: the annotation is taken off by then.
    let mut wish = object.as_ref().clone();
    if let Some(annotations) = wish.metadata_mut().annotations.as_mut() {
        annotations.remove(api::constants::GARDENER_OPERATION);
    }
    context.failures.failed_with(&key, &wish_of(&wish), error.retry())
}
