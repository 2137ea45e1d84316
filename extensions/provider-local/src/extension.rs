//! The process `gardener-extension-provider-local`: acts on extension objects of type `local`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use controller::{
    connect::{ConnectError, from_kubeconfig_file_or_in_cluster},
    health::{HealthError, Readiness, serve},
};
use extensions_sdk::{Driver, RunOptions, run as run_driver};
use lib_clock::SystemClock;
use lib_resolve::Resolver;
use tokio_util::sync::CancellationToken;

use crate::{
    cloud::CloudArguments,
    dns_record::{DnsRecordActuator, RemoteClouds},
};

/// The type of extension objects that this provider acts on.
pub const TYPE: &str = "local";

/// Flags of the process `gardener-extension-provider-local`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Kubeconfig of the seed; the pod's service account by default.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Port of /healthz and /readyz.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
    /// How many objects of a kind are worked on side by side.
    #[arg(long, default_value_t = 20)]
    pub max_concurrent_reconciles: u16,
    /// Where the cloud is when an object's Secret does not say so.
    #[command(flatten)]
    pub cloud: CloudArguments,
}

/// Why the process does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client for the seed.
    #[error("failed to connect to the seed")]
    Connect(#[from] ConnectError),
    /// The health port cannot be had.
    #[error("failed to serve health probes")]
    Health(#[from] HealthError),
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let readiness = Readiness::new();
    let health = SocketAddr::from((Ipv4Addr::UNSPECIFIED, arguments.health_port));
    let _health = serve(health, readiness).await?;
    let seed_client = from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let clouds = RemoteClouds {
        resolver: Resolver::new(),
        default: arguments.cloud,
    };
    let driver = Driver::new(
        seed_client.clone(),
        TYPE,
        DnsRecordActuator::new(clouds),
        Arc::new(SystemClock),
    );
    let options = RunOptions {
        concurrency: arguments.max_concurrent_reconciles,
        ..RunOptions::default()
    };
    tracing::info!("acting on DNSRecords of type local");
    run_driver(seed_client, driver, options, shutdown).await;
    Ok(())
}
