//! The requests of all shoots that have machines: a watch per shoot, with the shoot's own credentials.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::{Action, Controller},
        watcher,
    },
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::approver::{Context, Error, decide};
use crate::{
    machines::Machines,
    target::{Target, Targets},
};

/// A node waits for its certificates: an undecided request is looked at soon again.
const RETRY: Duration = Duration::from_secs(1);
/// What is missing is not there sooner for being looked for more often.
const LATER: Duration = Duration::from_secs(5);
/// How often the shoot's credentials are compared with those in use.
const CREDENTIALS_PERIOD: Duration = Duration::from_secs(60);

/// What all shoots share.
#[derive(Clone)]
struct Shared {
    targets: Targets,
    machines: Machines,
    clock: Arc<dyn Clock>,
}

/// Decides about the requests of all shoots until `shutdown`.
pub(crate) async fn run(targets: Targets, mut machines: Machines, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
    let shared = Shared {
        targets,
        machines: machines.clone(),
        clock,
    };
    let tasks = TaskTracker::new();
    let mut running: BTreeMap<String, DropGuard> = BTreeMap::new();
    loop {
        let wanted = machines.namespaces();
        running.retain(|namespace, _| wanted.contains(namespace));
        for namespace in wanted {
            running.entry(namespace).or_insert_with_key(|namespace| {
                let stop = shutdown.child_token();
                let work = shoot(namespace.clone(), shared.clone());
                tasks.spawn(stop.clone().run_until_cancelled_owned(work));
                stop.drop_guard()
            });
        }
        tokio::select! {
            () = machines.changed() => {}
            () = shutdown.cancelled() => break,
        }
    }
    drop(running);
    tasks.close();
    tasks.wait().await;
}

/// Decides about one shoot's requests for ever, with its credentials of the day.
async fn shoot(namespace: String, shared: Shared) {
    loop {
        match shared.targets.of_namespace(&namespace).await {
            Ok(target) => {
                tokio::select! {
                    () = requests(&namespace, &target, &shared) => {}
                    () = other_credentials(&namespace, &target, &shared.targets) => {}
                }
            }
            Err(error) => {
                tracing::debug!(%namespace, error = %ErrorChain(&error), "the shoot can't be reached, will retry");
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Waits until the credentials in use are no more those of the shoot.
async fn other_credentials(namespace: &str, target: &Target, targets: &Targets) {
    loop {
        tokio::time::sleep(CREDENTIALS_PERIOD).await;
        if let Ok(now) = targets.of_namespace(namespace).await
            && now.revision != target.revision
        {
            return;
        }
    }
}

async fn requests(namespace: &str, target: &Target, shared: &Shared) {
    let context = Context {
        namespace: namespace.to_owned(),
        shoot: target.client.clone(),
        machines: shared.machines.clone(),
        clock: Arc::clone(&shared.clock),
    };
    let requests: Api<CertificateSigningRequest> = Api::all(target.client.clone());
    let controller = Controller::new(requests, watcher::Config::default());
    controller
        .run(pass, on_error, Arc::new(context))
        .for_each(|result| {
            if let Err(kube::runtime::controller::Error::QueueError(error)) = result {
                tracing::debug!(%namespace, error = %ErrorChain(&error), "the watch of certificate requests failed, it is begun anew");
            }
            std::future::ready(())
        })
        .await;
}

async fn pass(request: Arc<CertificateSigningRequest>, context: Arc<Context>) -> Result<Action, Error> {
    decide(&request, &context).await.map(|()| Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error(request: Arc<CertificateSigningRequest>, error: &Error, context: Arc<Context>) -> Action {
    let (namespace, request) = (&context.namespace, request.name_any());
    if let Error::Later(reason) = error {
        tracing::info!(%namespace, %request, %reason, "a certificate can't be decided about yet");
        return Action::requeue(LATER);
    }
    let error = ErrorChain(error);
    tracing::warn!(%namespace, %request, %error, "can't decide about a certificate, will retry");
    Action::requeue(RETRY)
}
