//! The requests of all shoots that have machines: a watch per shoot, with the shoot's own credentials.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, channel::mpsc};
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
use parking_lot::Mutex;
use tokio::time::Instant;
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
/// What is missing most often comes with a change of a Machine, and then is seen at once. A Node comes unseen: it is looked for
/// soon, and later and later, as what is missing is not there sooner for being looked for more often.
const LATER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
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

/// A shoot, and which of its requests wait.
struct Office {
    context: Context,
    undecided: Undecided,
}

/// Requests that could not be decided about, by name, and since when.
#[derive(Debug, Default)]
struct Undecided(Mutex<BTreeMap<String, Instant>>);

impl Undecided {
    /// When to look at the request again.
    fn again(&self, request: &str) -> Duration {
        let now = Instant::now();
        let since = *self.0.lock().entry(request.to_owned()).or_insert(now);
        later(now.duration_since(since))
    }

    fn forget(&self, request: &str) {
        self.0.lock().remove(request);
    }

    fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// How much longer to wait. It goes by time, as changes of Machines may have led to many looks.
fn later(waited: Duration) -> Duration {
    (waited / 2).clamp(LATER.0, LATER.1)
}

async fn requests(namespace: &str, target: &Target, shared: &Shared) {
    let context = Context {
        namespace: namespace.to_owned(),
        shoot: target.client.clone(),
        machines: shared.machines.clone(),
        clock: Arc::clone(&shared.clock),
    };
    let office = Arc::new(Office {
        context,
        undecided: Undecided::default(),
    });
    let requests: Api<CertificateSigningRequest> = Api::all(target.client.clone());
    let (wake, woken) = mpsc::channel(1);
    let deciding = Controller::new(requests, watcher::Config::default())
        .reconcile_all_on(woken)
        .run(pass, on_error, Arc::clone(&office))
        .for_each(|result| {
            match result {
                Err(kube::runtime::controller::Error::QueueError(error)) => {
                    tracing::debug!(%namespace, error = %ErrorChain(&error), "the watch of certificate requests failed, it is begun anew");
                }
                Err(kube::runtime::controller::Error::ObjectNotFound(gone)) => office.undecided.forget(&gone.name),
                _ => {}
            }
            std::future::ready(())
        });
    tokio::select! {
        () = deciding => {}
        () = follow_machines(&office, wake) => {}
    }
}

/// Has all requests looked at again when the shoot's Machines changed while one waits. Those that are decided cost nothing.
async fn follow_machines(office: &Office, mut wake: mpsc::Sender<()>) {
    let mut machines = office.context.machines.clone();
    let versions = |machines: &Machines| -> BTreeSet<_> {
        let all = machines.of_namespace(&office.context.namespace);
        all.iter()
            .map(|machine| (machine.uid(), machine.resource_version()))
            .collect()
    };
    let mut seen = versions(&machines);
    loop {
        machines.changed().await;
        if office.undecided.is_empty() {
            continue;
        }
        let now = versions(&machines);
        if now != seen {
            seen = now;
            // When it is full they are about to be looked at anyway.
            let _ = wake.try_send(());
        }
    }
}

async fn pass(request: Arc<CertificateSigningRequest>, office: Arc<Office>) -> Result<Action, Error> {
    decide(&request, &office.context).await?;
    office.undecided.forget(&request.name_any());
    Ok(Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error(request: Arc<CertificateSigningRequest>, error: &Error, office: Arc<Office>) -> Action {
    let (namespace, request) = (&office.context.namespace, request.name_any());
    if let Error::Later(reason) = error {
        tracing::info!(%namespace, %request, %reason, "a certificate can't be decided about yet");
        return Action::requeue(office.undecided.again(&request));
    }
    let error = ErrorChain(error);
    tracing::warn!(%namespace, %request, %error, "can't decide about a certificate, will retry");
    Action::requeue(RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_looked_at_later_and_later() {
        for (waited, expected) in [
            (0, 1_000),
            (1_000, 1_000),
            (5_000, 2_500),
            (20_000, 10_000),
            (3_600_000, 10_000),
        ] {
            let wait = later(Duration::from_millis(waited));
            assert_eq!(wait, Duration::from_millis(expected), "after {waited} ms");
        }
    }

    #[test]
    fn a_request_waits_until_it_is_decided() {
        let undecided = Undecided::default();
        assert_eq!(undecided.again("csr-1"), LATER.0);
        assert!(!undecided.is_empty());
        undecided.forget("csr-1");
        assert!(undecided.is_empty());
    }
}
