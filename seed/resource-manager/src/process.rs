//! The process: watches ManagedResources and access Secrets, and runs a pass for each that changed or is due.
//!
//! Passes of different objects run side by side, each with deadlines of its own, so that a dead cluster delays no other.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use api::resources::v1alpha1::ManagedResource;
use controller::health::Readiness;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    runtime::{
        controller::{Action, Controller},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use lib_clock::{Clock, SystemClock};
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

use crate::{
    authorizer, certificates,
    machines::Machines,
    managed_resource,
    target::{KUBECONFIG_SECRET, Targets},
    token,
};

/// Time until a failed pass is repeated.
const RETRY: Duration = Duration::from_secs(2);
/// Longest until any object is looked at again.
const PERIOD: Duration = Duration::from_secs(600);
/// The part of readiness that the webhook's certificate is.
const WEBHOOK: &str = "authorizer of node-agents";

/// Applies ManagedResources, requests tokens and lets machines in, for all control planes of a seed.
///
/// What its deployment must give it, beside what ManagedResources need: get, list and watch on Machines
/// (`machine.sapcloud.io`) in all namespaces; get, create and update on Secrets in its own; a Service
/// `gardener-resource-manager` with port 443 to the webhook port, which the API servers of all shoots may reach.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Port of `/healthz` and `/readyz`.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
    /// Kubeconfig of the seed; without it the process uses its service account.
    #[arg(long)]
    pub kubeconfig: Option<std::path::PathBuf>,
    /// Namespace of its Service and of the Secret with its serving certificate.
    #[arg(long, default_value = api::constants::GARDEN_NAMESPACE)]
    pub namespace: String,
    /// Port of the webhook that shoots' API servers ask what node-agents may do.
    #[arg(long, default_value_t = 10250)]
    pub webhook_port: u16,
}

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The seed can't be reached.
    #[error("failed to connect to the seed")]
    Connect(#[from] controller::connect::ConnectError),
    /// The health port is taken.
    #[error("failed to serve health")]
    Health(#[from] controller::health::HealthError),
    /// The webhook can't be served.
    #[error("failed to serve the authorizer of node-agents")]
    Authorizer(#[from] authorizer::Error),
}

/// What all passes share.
struct Shared {
    context: managed_resource::Context,
    clock: Arc<dyn Clock>,
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let seed_client = controller::connect::from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let address = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let readiness = Readiness::new();
    readiness.set(WEBHOOK, false);
    let _health = controller::health::serve(address(arguments.health_port), readiness.clone()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let certificate =
        authorizer::ServingCertificate::new(seed_client.clone(), &arguments.namespace, Arc::clone(&clock));
    let webhook = authorizer::listen(address(arguments.webhook_port), &certificate).await?;
    let shared = Arc::new(Shared {
        context: managed_resource::Context {
            targets: Targets::new(seed_client.clone()),
            seed_client,
        },
        clock,
    });
    let certificate = certificate.run(move |usable| readiness.set(WEBHOOK, usable), shutdown.clone());
    let resources = managed_resources(Arc::clone(&shared), shutdown.clone());
    let machines = machines(Arc::clone(&shared), webhook, shutdown.clone());
    futures::join!(certificate, machines, resources, tokens(shared, shutdown));
    Ok(())
}

/// What concerns machines: their certificates, and what their node-agents may do.
async fn machines(shared: Arc<Shared>, webhook: authorizer::Server, shutdown: CancellationToken) {
    let managed_resource::Context { targets, seed_client } = &shared.context;
    let (machines, watcher) = Machines::new();
    let reviewer = authorizer::Reviewer {
        machines: machines.clone(),
        targets: targets.clone(),
    };
    let clock = Arc::clone(&shared.clock);
    futures::join!(
        watcher.run(seed_client.clone(), shutdown.clone()),
        webhook.run(reviewer, shutdown.clone()),
        certificates::run(targets.clone(), machines, clock, shutdown),
    );
}

fn requeue(after: Duration) -> Action {
    Action::requeue(after.min(PERIOD))
}

async fn managed_resources(shared: Arc<Shared>, shutdown: CancellationToken) {
    let client = shared.context.seed_client.clone();
    let controller = Controller::new(Api::<ManagedResource>::all(client.clone()), watcher::Config::default());
    let known = controller.store();
    let secrets: Api<Secret> = Api::all(client);
    let controller = controller
        .watches(secrets, watcher::Config::default(), move |secret| {
            users_of(&known, &secret)
        })
        .graceful_shutdown_on(async move { shutdown.cancelled().await });
    let passes = controller.run(managed_resource_pass, on_error, shared);
    passes
        .for_each(|result| async {
            if let Err(kube::runtime::controller::Error::QueueError(error)) = result {
                tracing::warn!(error = %ErrorChain(&error), "the watch of ManagedResources failed, it is begun anew");
            }
        })
        .await;
}

/// The ManagedResources that take their objects from a Secret, or reach their cluster by it.
fn users_of(known: &Store<ManagedResource>, secret: &Secret) -> Vec<ObjectRef<ManagedResource>> {
    let name = secret.name_any();
    let is_way_in = name == KUBECONFIG_SECRET;
    let uses = |resource: &ManagedResource| {
        resource.namespace() == secret.namespace()
            && (is_way_in || resource.spec.secret_refs.iter().any(|reference| reference.name == name))
    };
    known
        .state()
        .iter()
        .filter(|resource| uses(resource))
        .map(|resource| ObjectRef::from_obj(&**resource))
        .collect()
}

async fn managed_resource_pass(
    resource: Arc<ManagedResource>,
    shared: Arc<Shared>,
) -> Result<Action, managed_resource::Error> {
    managed_resource::reconcile(&resource, &shared.context, shared.clock.now())
        .await
        .map(requeue)
}

async fn tokens(shared: Arc<Shared>, shutdown: CancellationToken) {
    let secrets: Api<Secret> = Api::all(shared.context.seed_client.clone());
    let controller = Controller::new(secrets.clone(), watcher::Config::default().labels(token::SELECTOR));
    let known = controller.store();
    // Whoever asked before there was a cluster to ask is served as soon as there is one.
    let way_in = watcher::Config::default().fields(&format!("metadata.name={KUBECONFIG_SECRET}"));
    let controller = controller
        .watches(secrets, way_in, move |way_in| neighbours_of(&known, &way_in))
        .graceful_shutdown_on(async move { shutdown.cancelled().await });
    controller
        .run(token_pass, on_error, shared)
        .for_each(|_| async {})
        .await;
}

/// The access Secrets that lie beside another.
fn neighbours_of(known: &Store<Secret>, secret: &Secret) -> Vec<ObjectRef<Secret>> {
    known
        .state()
        .iter()
        .filter(|neighbour| neighbour.namespace() == secret.namespace())
        .map(|neighbour| ObjectRef::from_obj(&**neighbour))
        .collect()
}

async fn token_pass(secret: Arc<Secret>, shared: Arc<Shared>) -> Result<Action, token::Error> {
    let context = &shared.context;
    let managed_resource::Context { targets, seed_client } = context;
    token::reconcile(&secret, targets, seed_client, shared.clock.now())
        .await
        .map(requeue)
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error<K: kube::Resource<DynamicType = ()>, E: std::error::Error + 'static>(
    object: Arc<K>,
    error: &E,
    _shared: Arc<Shared>,
) -> Action {
    let namespace = object.meta().namespace.clone().unwrap_or_default();
    let name = object.meta().name.clone().unwrap_or_default();
    tracing::warn!(kind = %K::kind(&()), %namespace, %name, error = %ErrorChain(error), "pass failed, will retry");
    Action::requeue(RETRY)
}
