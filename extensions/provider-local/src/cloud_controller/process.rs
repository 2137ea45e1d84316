//! Flags of the process, which works for one cluster: the seed.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use controller::{
    connect::{ConnectError, from_kubeconfig_file_or_in_cluster},
    health::{HealthError, Readiness, serve},
};
use lib_resolve::Resolver;
use tokio_util::sync::CancellationToken;

use super::{node_view::NodeView, reconcile::Reconciler, services};
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

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let readiness = Readiness::new();
    readiness.set("nodes", false);
    let health = SocketAddr::from((Ipv4Addr::UNSPECIFIED, arguments.health_port));
    let _health = serve(health, readiness.clone()).await?;
    let credentials = Credentials::from_arguments(&arguments.cloud).await?;
    let client = from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let (nodes, watching) = NodeView::watch(&client);
    let reconciler = Reconciler {
        client,
        cloud: Arc::new(RemoteCloud::new(Resolver::new(), credentials)),
        nodes: nodes.store.clone(),
        cluster: arguments.cluster_name,
        network: arguments.network,
    };
    let working = async {
        let known = shutdown.run_until_cancelled(nodes.store.wait_until_ready()).await;
        if known.is_some() {
            readiness.set("nodes", true);
            services::work(reconciler, nodes.changes.clone(), shutdown.clone()).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = working => {}
    }
    Ok(())
}
