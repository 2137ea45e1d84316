//! Runs all of it: the machine is kept from the first moment, by the last known wish; what needs the cluster begins when it knows us.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use controller::health::{HealthError, Readiness, serve};
use lib_clock::SystemClock;
use lib_error_chain::ErrorChain;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    address::Loopback,
    condition,
    configuration::{Configuration, ConfigurationError},
    download::{Download, follow},
    health,
    identity::Identity,
    images::Containerd,
    keeper::Keeper,
    kubelet,
    layout::Layout,
    lease, machine, node,
    retry::Attempts,
    systemd::Systemd,
    tunnel,
    units::Units,
};

/// systemd answers within moments of a machine's start.
const BUS_WAIT: Duration = Duration::from_millis(500);

/// What gardener-node-agent is told.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = plan_node::NODE_AGENT_CONFIGURATION)]
    config: PathBuf,
}

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no configuration.
    #[error("failed to begin")]
    Configuration(#[from] ConfigurationError),
    /// Probes are not answered.
    #[error(transparent)]
    Health(#[from] HealthError),
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let layout = Layout::below("/");
    let configuration = Arc::new(Configuration::load(&layout, &arguments.config)?);
    let readiness = Readiness::new();
    let _server = match configuration.health {
        Some(address) => Some(serve(address, readiness).await?),
        None => None,
    };
    let Some(units) = shutdown.run_until_cancelled(connect_to_systemd()).await else {
        return Ok(());
    };
    let agent = Agent {
        keeper: Keeper {
            machine: configuration.machine.clone(),
            facts: machine::facts(&layout),
            units: Arc::new(units),
            images: Arc::new(Containerd::new(layout.clone())),
            addresses: Arc::new(Loopback),
            layout: layout.clone(),
        },
        identity: Identity {
            configuration,
            layout,
            clock: Arc::new(SystemClock),
        },
    };
    tracing::info!(machine = %agent.keeper.machine, facts = ?agent.keeper.facts, "keeping this machine");
    agent.run(&shutdown).await;
    Ok(())
}

async fn connect_to_systemd() -> Systemd {
    let mut attempts = Attempts::new(BUS_WAIT, BUS_WAIT * 8);
    loop {
        match Systemd::connect().await {
            Ok(systemd) => return systemd,
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, "will retry");
                }
            }
        }
        tokio::time::sleep(attempts.failed()).await;
    }
}

/// All of the process but what it starts with.
pub(crate) struct Agent {
    pub(crate) keeper: Keeper,
    pub(crate) identity: Identity,
}

impl Agent {
    /// Runs until `shutdown`.
    pub(crate) async fn run(&self, shutdown: &CancellationToken) {
        let known = Download::from_disk(&self.identity.layout).map(Arc::new);
        let (wishes, wish) = watch::channel(known);
        let (applied, report) = watch::channel(None);
        let units: Arc<dyn Units> = self.keeper.units.clone();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.keeper.keep(wish, &applied, shutdown) => {}
            () = health::watch_over(units) => {}
            () = self.talk(&wishes, &report) => {}
        }
    }

    /// Talks to the cluster: as soon as it knows us, and with another client for every other certificate.
    async fn talk(
        &self,
        wishes: &watch::Sender<Option<Arc<Download>>>,
        applied: &watch::Receiver<Option<Arc<Download>>>,
    ) {
        loop {
            let client = self.identity.establish().await;
            let machine = &self.identity.configuration.machine;
            let secret = &self.identity.configuration.secret;
            let introduced = async {
                kubelet::introduce(&self.identity).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = self.identity.renewed(&client) => {}
                () = follow(client.clone(), secret, &self.identity.layout, wishes) => {}
                () = introduced => {}
                () = tunnel::keep_certificate(&client, &self.identity) => {}
                () = lease::renew(client.clone(), machine, &self.identity.clock) => {}
                () = condition::report(client.clone(), machine, &*self.keeper.units, &*self.identity.clock, applied) => {}
                () = node::report(client.clone(), machine, &*self.keeper.units, applied.clone()) => {}
            }
        }
    }
}
