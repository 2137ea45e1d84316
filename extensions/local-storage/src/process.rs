//! The process `local-storage-provisioner`: flags, and the queues of claims and volumes.

use std::{
    fmt::Debug,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use controller::{
    connect::{ConnectError, from_kubeconfig_file_or_in_cluster},
    health::{HealthError, Readiness, serve},
    retry::{Failures, wish_of},
    watch::WatchBackoff,
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{Controller, controller::Action, watcher},
};
use lib_error_chain::ErrorChain;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::reconcile::{Provisioned, Provisioner, ProvisionerOptions, ReconcileError};

/// Flags of the process `local-storage-provisioner`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Kubeconfig of the cluster; the pod's service account by default.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Port of /healthz and /readyz.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
    /// The node whose volumes are provisioned: the one that this process runs on.
    #[arg(long, env = "NODE_NAME")]
    pub node_name: String,
    /// The volumes' directory, mounted from the host.
    #[arg(long, default_value = "/var/lib/kubeception/volumes")]
    pub directory: PathBuf,
    /// The same directory as the host calls it.
    #[arg(long, default_value = "/var/lib/kubeception/volumes")]
    pub host_directory: PathBuf,
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
    /// The node or the directory cannot be used.
    #[error("failed to start")]
    Start(#[from] ReconcileError),
}

/// How long the API server and the node are waited for.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A node that was drawn for a volume may be gone before it has made it.
const DRAW_AGAIN: Duration = Duration::from_secs(30);

struct Context {
    provisioner: Provisioner,
    failures: Failures,
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let readiness = Readiness::new();
    readiness.set("volumes", false);
    let health = SocketAddr::from((Ipv4Addr::UNSPECIFIED, arguments.health_port));
    let _health = serve(health, readiness.clone()).await?;
    let client = from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let options = ProvisionerOptions {
        node: arguments.node_name,
        root: arguments.directory,
        host_root: arguments.host_directory,
    };
    let Some(started) = shutdown.run_until_cancelled(start(&client, &options)).await else {
        return Ok(());
    };
    let provisioner = started?;
    readiness.set("volumes", true);
    let context = Arc::new(Context {
        provisioner,
        failures: Failures::default(),
    });
    let claims = work(
        &client,
        Arc::clone(&context),
        &shutdown,
        |claim: Arc<PersistentVolumeClaim>, context: Arc<Context>| async move {
            match context.provisioner.provision(&claim).await? {
                Provisioned::Elsewhere => Ok(Action::requeue(DRAW_AGAIN)),
                Provisioned::Here | Provisioned::NotOurs => Ok(Action::await_change()),
            }
        },
    );
    let volumes = work(
        &client,
        context,
        &shutdown,
        |volume: Arc<PersistentVolume>, context: Arc<Context>| async move {
            context.provisioner.reclaim(&volume).await?;
            Ok(Action::await_change())
        },
    );
    tokio::join!(claims, volumes);
    Ok(())
}

/// The API server may be starting just now, and the node be registering: a restart of the pod would cost more time.
async fn start(client: &Client, options: &ProvisionerOptions) -> Result<Provisioner, ReconcileError> {
    let started = Instant::now();
    loop {
        match Provisioner::start(client.clone(), options.clone()).await {
            Err(error) if started.elapsed() < START_DEADLINE => {
                tracing::info!(error = %ErrorChain(&error), "not started yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            result => return result,
        }
    }
}

/// Reconciles all objects of a kind until `shutdown`.
async fn work<K, F, R>(client: &Client, context: Arc<Context>, shutdown: &CancellationToken, reconcile: F)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Fn(Arc<K>, Arc<Context>) -> R + Clone + Send + 'static,
    R: Future<Output = Result<Action, ReconcileError>> + Send + 'static,
{
    let reconcile = move |object: Arc<K>, context: Arc<Context>| {
        let reconcile = reconcile.clone();
        async move {
            let key = key(object.as_ref());
            let next = reconcile(object, Arc::clone(&context)).await?;
            context.failures.succeeded(&key);
            Ok(next)
        }
    };
    Controller::new(Api::<K>::all(client.clone()), watcher::Config::default())
        .trigger_backoff(WatchBackoff::default())
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(reconcile, error_policy, context)
        .for_each(|result| async move {
            if let Err(kube::runtime::controller::Error::QueueError(error)) = result {
                tracing::warn!(kind = %K::kind(&()), error = %ErrorChain(&error), "the watch broke, and will be opened again");
            }
        })
        .await;
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!(
        "{} {}/{}",
        K::kind(&()),
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
fn error_policy<K: Resource<DynamicType = ()>>(
    object: Arc<K>,
    error: &ReconcileError,
    context: Arc<Context>,
) -> Action {
    let key = key(object.as_ref());
    tracing::warn!(object = %key, error = %ErrorChain(error), "reconcile failed, will retry");
    context
        .failures
        .failed_with(&key, &wish_of(object.as_ref()), error.retry())
}
