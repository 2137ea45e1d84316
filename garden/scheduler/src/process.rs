//! The process: connects, becomes the leader, watches, and decides.

use std::path::PathBuf;
use std::sync::Arc;

use api::config::scheduler::SchedulerConfiguration;
use api::core::v1beta1::{CloudProfile, Seed, Shoot};
use controller::health::{HealthError, Readiness};
use controller::lease::{LeaseOptions, lead};
use controller::retry::Failures;
use futures::StreamExt as _;
use kube::runtime::controller::{Config, Controller};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::{self, Store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use lib_clock::{Clock, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::assumed::Assumed;
use crate::config::{self, ConfigError};
use crate::reconcile::{Context, is_ours, on_error, reconcile};

const PROCESS: &str = "gardener-scheduler";
/// Gardener's name and namespace of the lease.
const LEASE: (&str, &str) = ("garden", "gardener-scheduler-leader-election");

/// Binds shoots to seeds.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Configuration file (SchedulerConfiguration).
    #[arg(long)]
    pub config: Option<PathBuf>,
}

/// Why the scheduler ended.
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
    let kubeconfig =
        Some(PathBuf::from(&config.client_connection.kubeconfig)).filter(|path| !path.as_os_str().is_empty());
    let garden_client = controller::connect::from_kubeconfig_file_or_in_cluster(kubeconfig.as_deref()).await?;
    let _health = controller::health::serve(config::health_address(&config), Readiness::new()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let elected = config
        .leader_election
        .as_ref()
        .and_then(|election| election.leader_elect)
        .unwrap_or(true);
    if !elected {
        watch(garden_client, &config, clock, shutdown).await;
        return Ok(());
    }
    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| PROCESS.to_owned());
    let options = LeaseOptions::new(LEASE.0, LEASE.1, holder);
    let work_client = garden_client.clone();
    let outcome = lead(
        garden_client,
        options,
        Arc::clone(&clock),
        shutdown,
        |leadership| async move {
            watch(work_client, &config, clock, leadership.lost).await;
        },
    );
    match outcome.await {
        controller::lease::Outcome::Lost => Err(Error::LostLease),
        controller::lease::Outcome::ShutDown | controller::lease::Outcome::Finished => Ok(()),
    }
}

/// Decides about every waiting shoot, again whenever a seed or a cloud profile changes.
async fn watch(garden_client: Client, config: &SchedulerConfiguration, clock: Arc<dyn Clock>, end: CancellationToken) {
    let controller = Controller::new(Api::<Shoot>::all(garden_client.clone()), watcher::Config::default());
    let shoots = controller.store();
    let (seeds, seed_writer) = reflector::store::<Seed>();
    let (cloud_profiles, profile_writer) = reflector::store::<CloudProfile>();
    let changes_of_seeds = watcher(Api::<Seed>::all(garden_client.clone()), watcher::Config::default())
        .default_backoff()
        .reflect(seed_writer)
        .applied_objects();
    let changes_of_profiles = watcher(
        Api::<CloudProfile>::all(garden_client.clone()),
        watcher::Config::default(),
    )
    .default_backoff()
    .reflect(profile_writer)
    .applied_objects();
    let reporter = Reporter {
        controller: PROCESS.to_owned(),
        instance: None,
    };
    let context = Context {
        recorder: Recorder::new(garden_client.clone(), reporter),
        garden_client,
        shoots: shoots.clone(),
        seeds,
        cloud_profiles,
        assumed: Assumed::default(),
        strategy: config::strategy(config),
        clock,
        failures: Failures::default(),
    };
    let changes = futures::stream::select(changes_of_seeds.map(drop), changes_of_profiles.map(drop));
    controller
        .with_config(Config::default().concurrency(config::concurrency(config)))
        .reconcile_all_on(changes.filter(move |()| futures::future::ready(is_any_waiting(&shoots))))
        .graceful_shutdown_on(async move { end.cancelled().await })
        .run(reconcile, on_error, Arc::new(context))
        .for_each(|_| async {})
        .await;
}

/// Whether anybody cares that a seed has changed; mostly nobody does.
fn is_any_waiting(shoots: &Store<Shoot>) -> bool {
    shoots.state().iter().any(|shoot| is_ours(shoot))
}
