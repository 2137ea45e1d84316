//! The queue of Shoots: each that changed, or is due, is decided on and worked on, several at once.

use std::{sync::Arc, time::Duration};

use api::core::v1beta1::{LastOperationType, Shoot};
use controller::retry::{Failures, Retry};
use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::{Action, Config, Controller},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

use super::{
    decision::{Decision, decide},
    error::{TaskError, in_garden},
    operation::{self, Ended},
};
use crate::context::Gardenlet;

struct Queue {
    gardenlet: Gardenlet,
    failures: Failures,
}

/// Works until `shutdown`.
pub(crate) async fn run(gardenlet: Gardenlet, shutdown: CancellationToken) {
    let shoots: Api<Shoot> = Api::all(gardenlet.garden_client.clone());
    let ours = watcher::Config::default().fields(&format!("spec.seedName={}", gardenlet.settings.seed_name()));
    let concurrency = gardenlet.settings.concurrent_shoots;
    let failures = Failures::new(Duration::from_secs(1), Duration::from_secs(60));
    let queue = Arc::new(Queue { gardenlet, failures });
    Controller::new(shoots, ours)
        .with_config(Config::default().concurrency(concurrency))
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, queue)
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(error = %ErrorChain(&error), "a shoot was not reconciled");
            }
            std::future::ready(())
        })
        .await;
}

fn key(shoot: &Shoot) -> String {
    format!("{}/{}", shoot.namespace().unwrap_or_default(), shoot.name_any())
}

async fn reconcile(shoot: Arc<Shoot>, queue: Arc<Queue>) -> Result<Action, TaskError> {
    let gardenlet = &queue.gardenlet;
    // The queue's copy may be older than what we wrote ourselves a moment ago.
    let shoots: Api<Shoot> = Api::namespaced(gardenlet.garden_client.clone(), &shoot.namespace().unwrap_or_default());
    let found = shoots
        .get_opt(&shoot.name_any())
        .await
        .map_err(in_garden("read the shoot"))?;
    let Some(shoot) = found else {
        return Ok(Action::await_change());
    };
    let now = gardenlet.clock.now();
    let operation = match decide(
        &shoot,
        gardenlet.settings.seed_name(),
        gardenlet.settings.sync_period,
        now,
    ) {
        Decision::Leave(reason) => {
            tracing::debug!(shoot = %key(&shoot), reason, "nothing to do");
            return Ok(Action::await_change());
        }
        Decision::WaitFor(time) => return Ok(Action::requeue(time)),
        Decision::Reconcile(operation) => operation,
        Decision::Delete => LastOperationType::Delete,
    };
    let ended = operation::run(gardenlet, shoot.clone(), operation).await?;
    tracing::info!(shoot = %key(&shoot), ?ended, "operation ended");
    Ok(match ended {
        Ended::Failed => queue.failures.failed(&key(&shoot), Retry::Backoff),
        Ended::Superseded => Action::requeue(Duration::ZERO),
        Ended::Succeeded => {
            queue.failures.succeeded(&key(&shoot));
            Action::requeue(gardenlet.settings.sync_period)
        }
        Ended::Gone | Ended::GaveUp => {
            queue.failures.succeeded(&key(&shoot));
            Action::await_change()
        }
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn on_error(shoot: Arc<Shoot>, error: &TaskError, queue: Arc<Queue>) -> Action {
    tracing::warn!(shoot = %key(&shoot), error = %ErrorChain(error), "the garden could not be told; trying again");
    queue.failures.failed(&key(&shoot), Retry::Backoff)
}
