//! The process `gateway`: flags, start, and an end that lets connections finish.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use controller::{
    connect::{ConnectError, from_kubeconfig_file_or_in_cluster},
    health::{HealthError, Readiness, serve as serve_health},
};
use lib_clock::SystemClock;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

use crate::{
    objects::Key,
    plan::PlanOptions,
    routes::RouteTable,
    serve::{ServeOptions, serve},
    watch::{READY_PART, WatchOptions, run as watch_objects},
};

/// Flags of the process `gateway`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where TLS connections are accepted.
    #[arg(long, default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,
    /// Port of /healthz and /readyz.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
    /// Kubeconfig of the cluster; the pod's service account by default.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// The GatewayClass whose Gateways are served.
    #[arg(long, default_value = "kubeception")]
    pub gateway_class: String,
    /// Namespace and name of the gateway's own Service, whose addresses the Gateways get.
    #[arg(long, default_value = "garden/gateway")]
    pub service: String,
    /// The version in which TLSRoutes are read.
    #[arg(long, default_value = "v1")]
    pub tls_route_version: String,
    /// How long new connections are still accepted after the shutdown began, in seconds: others must hear of it first.
    #[arg(long, default_value_t = 3)]
    pub shutdown_delay: u64,
    /// How long connections may go on after that, in seconds.
    #[arg(long, default_value_t = 20)]
    pub drain: u64,
}

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client for the cluster.
    #[error("failed to connect to the cluster")]
    Connect(#[from] ConnectError),
    /// The health port cannot be had.
    #[error("failed to serve health probes")]
    Health(#[from] HealthError),
    /// The address cannot be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// A flag is wrong.
    #[error("--service must be <namespace>/<name>, not {0:?}")]
    Service(String),
}

/// Runs the gateway until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let (namespace, name) = arguments
        .service
        .split_once('/')
        .ok_or_else(|| Error::Service(arguments.service.clone()))?;
    let options = WatchOptions {
        class: arguments.gateway_class.clone(),
        tls_route_version: arguments.tls_route_version.clone(),
        plan: PlanOptions {
            own_service: Key::new(namespace, name),
        },
    };
    let readiness = Readiness::new();
    readiness.set(READY_PART, false);
    let health = SocketAddr::new(arguments.listen.ip(), arguments.health_port);
    let _health = serve_health(health, readiness.clone()).await?;
    let client = from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|source| Error::Listen {
            address: arguments.listen,
            source,
        })?;
    tracing::info!(address = %arguments.listen, "gateway listens");

    let (sender, routes) = watch::channel(Arc::new(RouteTable::default()));
    let clock = Arc::new(SystemClock);
    let watching = watch_objects(client, options, clock, sender, readiness.clone());
    let serve_options = ServeOptions {
        drain_deadline: Duration::from_secs(arguments.drain),
        ..ServeOptions::default()
    };
    let stop_accepting = CancellationToken::new();
    let serving = serve(listener, routes, serve_options, stop_accepting.clone());
    let stopping = async {
        shutdown.cancelled().await;
        readiness.set("serving", false);
        tokio::time::sleep(Duration::from_secs(arguments.shutdown_delay)).await;
        stop_accepting.cancel();
    };
    tokio::select! {
        () = async { tokio::join!(serving, stopping); } => Ok(()),
        () = watching => Ok(()),
    }
}
