//! Processes that run until they are told to stop: started by Deployments, by units, by bring-up; rarely by people.

use clap::Subcommand;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::people::{CloudList, list_cloud};
use crate::wait_for_port;

/// The processes, by the names that Gardener gives them where it has them.
#[derive(Subcommand)]
#[command(next_help_heading = "Processes")]
pub(crate) enum Process {
    /// The local cloud's daemon
    #[command(args_conflicts_with_subcommands = true)]
    Cloud {
        #[command(flatten)]
        arguments: cloud_daemon::Arguments,
        #[command(subcommand)]
        command: Option<CloudCommand>,
    },
    /// Serves Gardener's API behind the garden's aggregator
    #[command(name = "gardener-apiserver", hide = true)]
    GardenerApiServer(Box<garden_apiserver::Arguments>),
    /// Makes the garden of a `Garden` object
    #[command(hide = true)]
    GardenerOperator(garden_operator::Arguments),
    /// The agent of a seed
    #[command(hide = true)]
    Gardenlet(Box<seed_gardenlet::Arguments>),
    /// Reconciles projects, seeds and more in the garden
    #[command(hide = true)]
    GardenerControllerManager(garden_controller_manager::Arguments),
    /// Finds a seed for every shoot
    #[command(hide = true)]
    GardenerScheduler(garden_scheduler::Arguments),
    /// Keeps ManagedResources and access tokens
    #[command(hide = true)]
    GardenerResourceManager(seed_resource_manager::Arguments),
    /// Makes machines, networks and DNS records in the local cloud
    #[command(hide = true)]
    GardenerExtensionProviderLocal(extensions_provider_local::extension::Arguments),
    /// Gives Services of type LoadBalancer an address of the local cloud
    #[command(hide = true)]
    CloudControllerManagerLocal(extensions_provider_local::cloud_controller::Arguments),
    /// Gives the pods of a node their network
    #[command(hide = true)]
    BridgeNetwork(extensions_provider_local::bridge_network::Arguments),
    /// Makes folders of a node into volumes
    #[command(hide = true)]
    LocalStorageProvisioner(extensions_local_storage::Arguments),
    /// Keeps a machine as its cluster wants it
    #[command(hide = true)]
    GardenerNodeAgent(node_agent::Arguments),
    /// Makes StatefulSets of Etcd objects
    #[command(hide = true)]
    EtcdDruid(seed_etcd::Arguments),
    /// Routes connections to API servers by their TLS server name
    #[command(hide = true)]
    Gateway(seed_gateway::Arguments),
    /// Carries what kube-apiserver sends to a shoot's machines
    #[command(hide = true)]
    TunnelServer(Box<seed_tunnel::Arguments>),
    /// The machine's end of the tunnel
    #[command(hide = true)]
    TunnelClient(node_tunnel::Arguments),
    /// Waits until a port accepts connections
    #[command(hide = true)]
    WaitForPort(wait_for_port::Arguments),
}

/// What can be asked of the cloud.
#[derive(Subcommand)]
pub(crate) enum CloudCommand {
    /// List networks, machines, load balancers and DNS records
    List(CloudList),
}

/// Runs one process.
pub(crate) fn run(process: Process) -> anyhow::Result<()> {
    if let Process::Cloud {
        command: Some(CloudCommand::List(list)),
        ..
    } = process
    {
        return list_cloud(&list);
    }
    lib_telemetry::init();
    runtime()?.block_on(async {
        let shutdown = shutdown_on_signal()?;
        match process {
            Process::Cloud { arguments, .. } => cloud_daemon::run(arguments, shutdown).await?,
            Process::GardenerApiServer(arguments) => garden_apiserver::run(*arguments, shutdown).await?,
            Process::GardenerOperator(arguments) => garden_operator::run(arguments, shutdown).await?,
            Process::Gardenlet(arguments) => seed_gardenlet::run(*arguments, shutdown).await?,
            Process::GardenerControllerManager(arguments) => {
                garden_controller_manager::run(arguments, shutdown).await?
            }
            Process::GardenerScheduler(arguments) => garden_scheduler::run(arguments, shutdown).await?,
            Process::GardenerResourceManager(arguments) => seed_resource_manager::run(arguments, shutdown).await?,
            Process::GardenerExtensionProviderLocal(arguments) => {
                extensions_provider_local::extension::run(arguments, shutdown).await?;
            }
            Process::CloudControllerManagerLocal(arguments) => {
                extensions_provider_local::cloud_controller::run(arguments, shutdown).await?;
            }
            Process::BridgeNetwork(arguments) => {
                extensions_provider_local::bridge_network::run(arguments, shutdown).await?
            }
            Process::LocalStorageProvisioner(arguments) => extensions_local_storage::run(arguments, shutdown).await?,
            Process::GardenerNodeAgent(arguments) => node_agent::run(arguments, shutdown).await?,
            Process::EtcdDruid(arguments) => seed_etcd::run(arguments, shutdown).await?,
            Process::Gateway(arguments) => seed_gateway::run(arguments, shutdown).await?,
            Process::TunnelServer(arguments) => seed_tunnel::run(*arguments, shutdown).await?,
            Process::TunnelClient(arguments) => node_tunnel::run(arguments, shutdown).await?,
            Process::WaitForPort(arguments) => shutdown
                .run_until_cancelled(wait_for_port::run(&arguments))
                .await
                .unwrap_or(Ok(()))?,
        }
        Ok(())
    })
}

/// The runtime of processes and commands, with the one TLS provider installed before anything can ask for another.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // An error says that a provider is installed already: then it is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// A token that SIGTERM or SIGINT cancels.
pub(crate) fn shutdown_on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut stream = signal(kind)?;
        let token = token.clone();
        tokio::spawn(async move {
            stream.recv().await;
            token.cancel();
        });
    }
    Ok(token)
}
