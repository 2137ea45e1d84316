//! The process: connects, becomes the leader, and runs all controllers side by side.

use std::path::PathBuf;
use std::sync::Arc;

use api::config::controller_manager::ControllerManagerConfiguration;
use controller::apply::Applier;
use controller::health::{HealthError, Readiness};
use controller::lease::{LeaseOptions, lead};
use controller::retry::Failures;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use lib_clock::{Clock, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::config::{self, ConfigError};
use crate::context::Context;
use crate::{project, references, registration, seed, shoot};

const PROCESS: &str = "gardener-controller-manager";
/// Gardener's namespace and name of the lease.
const LEASE: (&str, &str) = ("garden", "gardener-controller-manager-leader-election");

/// Runs the garden's controllers.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Configuration file (ControllerManagerConfiguration).
    #[arg(long)]
    pub config: Option<PathBuf>,
}

/// Why the controller manager ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration file.
    #[error("failed to load the configuration")]
    Config(#[from] ConfigError),
    /// No client.
    #[error("failed to connect to the garden")]
    Connect(#[from] controller::connect::ConnectError),
    /// Probes are not answered.
    #[error("failed to serve health probes")]
    Health(#[from] HealthError),
    /// Another replica took over.
    #[error("lost the lease")]
    LostLease,
}

/// Runs until `shutdown`.
///
/// # Errors
/// When it cannot start, or loses its lease.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let config = config::load(arguments.config.as_deref())?;
    let kubeconfig = PathBuf::from(&config.garden_client_connection.kubeconfig);
    let kubeconfig = Some(kubeconfig).filter(|path| !path.as_os_str().is_empty());
    let garden_client = controller::connect::from_kubeconfig_file_or_in_cluster(kubeconfig.as_deref()).await?;
    let _health = controller::health::serve(config::health_address(&config), Readiness::new()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let context = Arc::new(context(garden_client.clone(), &config, Arc::clone(&clock)));
    let elected = config
        .leader_election
        .as_ref()
        .and_then(|election| election.leader_elect)
        .unwrap_or(true);
    if !elected {
        controllers(context, shutdown).await;
        return Ok(());
    }
    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| PROCESS.to_owned());
    let options = LeaseOptions::new(LEASE.0, LEASE.1, holder);
    let outcome = lead(garden_client, options, clock, shutdown, |leadership| {
        controllers(context, leadership.lost)
    });
    match outcome.await {
        controller::lease::Outcome::Lost => Err(Error::LostLease),
        controller::lease::Outcome::ShutDown | controller::lease::Outcome::Finished => Ok(()),
    }
}

fn context(garden_client: Client, config: &ControllerManagerConfiguration, clock: Arc<dyn Clock>) -> Context {
    let reporter = Reporter {
        controller: PROCESS.to_owned(),
        instance: None,
    };
    Context {
        applier: Applier::new(garden_client.clone(), PROCESS),
        recorder: Recorder::new(garden_client.clone(), reporter),
        garden_client,
        clock,
        seed_periods: config::seed_periods(config),
        failures: Failures::default(),
    }
}

/// One line per controller.
async fn controllers(context: Arc<Context>, end: CancellationToken) {
    tokio::join!(
        project::run(Arc::clone(&context), end.clone()),
        references::run_cloud_profiles(Arc::clone(&context), end.clone()),
        references::run_credentials_bindings(Arc::clone(&context), end.clone()),
        registration::run_deployments(Arc::clone(&context), end.clone()),
        registration::run_installations(Arc::clone(&context), end.clone()),
        registration::run_registrations(Arc::clone(&context), end.clone()),
        seed::run(Arc::clone(&context), end.clone()),
        shoot::run_status_label(context, end),
    );
}
