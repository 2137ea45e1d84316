//! Flags of the process, its queue of Services, and the nodes whose changes concern all of them.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use controller::{
    connect::{ConnectError, from_kubeconfig_file_or_in_cluster},
    health::{HealthError, Readiness, serve},
    retry::{Failures, wish_of},
    watch::WatchBackoff,
};
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{
        Controller, WatchStreamExt as _,
        controller::Action,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use lib_resolve::Resolver;
use tokio_util::sync::CancellationToken;

use super::reconcile::{ReconcileError, Reconciler};
use crate::cloud::{CloudArguments, CloudError, Credentials, RemoteCloud};

/// Flags of the process `cloud-controller-manager-local`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Kubeconfig of the cluster; the pod's service account by default.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Port of /healthz and /readyz.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
    /// The cluster's name, a prefix of its load balancers' names; unique in the cloud.
    #[arg(long, default_value = "seed")]
    pub cluster_name: String,
    /// The network of the cloud that the nodes lie in.
    #[arg(long, default_value = "seed")]
    pub network: String,
    /// Where the cloud is.
    #[command(flatten)]
    pub cloud: CloudArguments,
}

/// Why the process does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client for the cluster.
    #[error("failed to connect to the cluster")]
    Connect(#[from] ConnectError),
    /// The health port cannot be had.
    #[error("failed to serve health probes")]
    Health(#[from] HealthError),
    /// The flags do not say where the cloud is.
    #[error("failed to set up the cloud's client")]
    Cloud(#[from] CloudError),
}

struct Context {
    reconciler: Reconciler,
    failures: Failures,
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let readiness = Readiness::new();
    readiness.set("nodes", false);
    let health = SocketAddr::from((Ipv4Addr::UNSPECIFIED, arguments.health_port));
    let _health = serve(health, readiness.clone()).await?;
    let credentials = Credentials::from_arguments(&arguments.cloud).await?;
    let client = from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let (nodes, node_changes) = watch_nodes(&client);
    let reconciler = Reconciler {
        client: client.clone(),
        cloud: Arc::new(RemoteCloud::new(Resolver::new(), credentials)),
        nodes: nodes.clone(),
        cluster: arguments.cluster_name,
        network: arguments.network,
    };
    let context = Arc::new(Context {
        reconciler,
        failures: Failures::default(),
    });
    let (wake, woken) = futures::channel::mpsc::unbounded();
    let watching = node_changes.for_each(move |()| {
        // The receiver lives as long as the controller, and without one there is nobody to wake.
        let _ = wake.unbounded_send(());
        std::future::ready(())
    });
    let working = async {
        // Before the nodes are known every load balancer would lose its backends for a moment.
        let known = shutdown.run_until_cancelled(nodes.wait_until_ready()).await;
        if known.is_some() {
            readiness.set("nodes", true);
            work(client, context, woken, shutdown.clone()).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = working => {}
    }
    Ok(())
}

async fn work(
    client: Client,
    context: Arc<Context>,
    woken: futures::channel::mpsc::UnboundedReceiver<()>,
    shutdown: CancellationToken,
) {
    Controller::new(Api::<Service>::all(client), watcher::Config::default())
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

/// The nodes, and an event whenever what load balancers need of them changed (not with each heartbeat).
fn watch_nodes(client: &Client) -> (Store<Node>, stream::BoxStream<'static, ()>) {
    let writer = Writer::default();
    let store = writer.as_reader();
    let events = watcher(Api::<Node>::all(client.clone()), watcher::Config::default())
        .backoff(WatchBackoff::default())
        .reflect(writer);
    let view = store.clone();
    let changes = events
        .filter_map(move |event| {
            if let Err(error) = &event {
                tracing::warn!(error = %ErrorChain(error), "the watch of Nodes broke, and will be opened again");
            }
            std::future::ready(event.is_ok().then(|| fingerprint(&view)))
        })
        .scan(None, |before, now| {
            let changed = before.as_ref() != Some(&now);
            *before = Some(now);
            std::future::ready(Some(changed))
        })
        .filter_map(|changed| std::future::ready(changed.then_some(())));
    (store, changes.boxed())
}

fn fingerprint(nodes: &Store<Node>) -> Vec<String> {
    let mut parts: Vec<String> = nodes
        .state()
        .iter()
        .map(|node| {
            let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
            let labels = node.metadata.labels.as_ref();
            format!(
                "{} {addresses:?} {labels:?} {}",
                node.name_any(),
                node.metadata.deletion_timestamp.is_some()
            )
        })
        .collect();
    parts.sort();
    parts
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
