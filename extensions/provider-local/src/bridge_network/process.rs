//! Flags of the process, and when the node's network is written: when the Node's range changes, and every minute again.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use controller::{
    connect::{ConnectError, from_config, from_kubeconfig_file},
    health::{HealthError, Readiness, serve},
};
use futures::StreamExt as _;
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, Config,
    runtime::{WatchStreamExt as _, utils::Backoff, watcher::watch_object},
};
use lib_error_chain::ErrorChain;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::node::NodeNetwork;
use crate::pod_range::pod_range;

/// What somebody else removed comes back after this long.
const REPAIR: Duration = Duration::from_secs(60);
/// A failure is tried again after this long.
const RETRY: Duration = Duration::from_secs(2);
/// The API server is asked again this soon: pods wait for it, and what must come first is on this node too.
const WATCH_RETRY: Duration = Duration::from_millis(250);
const READY: &str = "network";

/// Flags of the process `bridge-network`.
///
/// Its service account must be allowed to list and watch `nodes`. The environment must say where the API server is
/// (`KUBERNETES_SERVICE_HOST` and `_PORT`): an address of the node itself, since no Service works yet.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The node that this process runs on.
    #[arg(long, env = "NODE_NAME")]
    pub node_name: String,
    /// Kubeconfig of the cluster; the pod's service account by default.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// The name that the API server's certificate must have, whatever address it is reached at.
    #[arg(long, default_value = "kubernetes.default.svc")]
    pub tls_server_name: String,
    /// The ranges of all pods of the cluster: what stays inside keeps its address.
    #[arg(long = "pod-range", required = true, value_delimiter = ',')]
    pub pod_ranges: Vec<Ipv4Net>,
    /// The runtime's folder for network configurations.
    #[arg(long, default_value = "/etc/cni/net.d")]
    pub cni_directory: PathBuf,
    /// The program `nft`.
    #[arg(long, default_value = "/usr/sbin/nft")]
    pub nft: PathBuf,
    /// Port of /healthz and /readyz on the loopback address.
    #[arg(long, default_value_t = 10262)]
    pub health_port: u16,
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
}

/// Runs until `shutdown`. What was written stays: pods keep their network while this process is replaced.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let readiness = Readiness::new();
    readiness.set(READY, false);
    // The node's own network: nobody else shall ask.
    let health = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.health_port));
    let _health = serve(health, readiness.clone()).await?;
    let client = connect(arguments.kubeconfig.as_deref(), &arguments.tls_server_name).await?;
    let network = NodeNetwork {
        directory: arguments.cni_directory,
        nft: arguments.nft,
        pod_ranges: arguments.pod_ranges,
    };
    let keeping = keep(&client, &arguments.node_name, &network, &readiness);
    shutdown.run_until_cancelled(keeping).await;
    Ok(())
}

async fn connect(kubeconfig: Option<&Path>, tls_server_name: &str) -> Result<Client, ConnectError> {
    if let Some(path) = kubeconfig {
        return from_kubeconfig_file(path).await;
    }
    let mut config = Config::incluster_env().map_err(|error| ConnectError::InCluster(Box::new(error)))?;
    config.tls_server_name = Some(tls_server_name.to_owned());
    from_config(config)
}

/// The same wait after every failure.
struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(WATCH_RETRY)
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}

async fn keep(client: &Client, name: &str, network: &NodeNetwork, readiness: &Readiness) {
    let mut node = watch_object(Api::<Node>::all(client.clone()), name)
        .backoff(Soon)
        .boxed();
    let mut range = None;
    loop {
        tokio::select! {
            next = changed_range(&mut node, range) => range = Some(next),
            () = keep_range(network, range, readiness) => {}
        }
    }
}

/// The next range that the Node is seen with and that is not `present`. A Node that is gone for a moment keeps its pods' network.
async fn changed_range<S>(node: &mut S, present: Option<Ipv4Net>) -> Ipv4Net
where
    S: futures::Stream<Item = Result<Option<Node>, kube::runtime::watcher::Error>> + Unpin,
{
    let mut said = String::new();
    loop {
        match node.next().await {
            Some(Ok(Some(node))) => match pod_range(&node) {
                Some(range) if Some(range) != present => return range,
                Some(_) => {}
                None => tracing::info!("the node has no range for pods yet"),
            },
            Some(Ok(None)) => tracing::info!("the node does not exist"),
            Some(Err(error)) => {
                let error = ErrorChain(&error).to_string();
                if error != said {
                    tracing::warn!(error, "the watch of the node broke, and is opened again until it holds");
                    said = error;
                }
            }
            // A watch does not end; if it did, the range stays as it is.
            None => std::future::pending().await,
        }
    }
}

/// Applies the range now and again; never returns.
async fn keep_range(network: &NodeNetwork, range: Option<Ipv4Net>, readiness: &Readiness) {
    let Some(range) = range else {
        return std::future::pending().await;
    };
    let mut repair = interval(REPAIR);
    repair.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        repair.tick().await;
        while let Err(error) = network.apply(range).await {
            tracing::warn!(error = %ErrorChain(&error), %range, "failed to set up the pod network, will retry");
            tokio::time::sleep(RETRY).await;
        }
        readiness.set(READY, true);
    }
}
