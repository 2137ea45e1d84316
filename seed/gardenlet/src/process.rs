//! The process: reads its configuration, connects, becomes the leader, and runs the controllers side by side.

use std::{path::PathBuf, sync::Arc};

use controller::{
    connect::{self, ConnectError},
    health::{self, HealthError, Readiness},
    lease::{LeaseOptions, lead},
};
use lib_clock::{Clock, SystemClock};
use plan_images::{ImageVector, ImageVectorError};
use tokio_util::sync::CancellationToken;

use crate::{
    care,
    context::Gardenlet,
    controller_installation, seed,
    settings::{Settings, SettingsError},
    shoot,
};

/// Runs control planes of shoots in this seed.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The configuration file, a `GardenletConfiguration`.
    #[arg(long)]
    pub config: PathBuf,
    /// Where machines really reach a registry of the image vector, as `<registry>=<URL>`; may be given several times.
    #[arg(long = "registry", value_name = "REGISTRY=URL")]
    pub registries: Vec<String>,
}

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is of no use.
    #[error("failed to load the configuration")]
    Settings(#[from] SettingsError),
    /// A cluster can't be connected to.
    #[error("failed to connect to the {cluster} cluster")]
    Connect {
        /// `garden` or `seed`.
        cluster: &'static str,
        /// Why.
        source: ConnectError,
    },
    /// The images are not known.
    #[error("failed to load the image vector")]
    Images(#[from] ImageVectorError),
    /// The health port is taken.
    #[error("failed to serve health")]
    Health(#[from] HealthError),
    /// Another became the leader.
    #[error("leadership was lost")]
    LeadershipLost,
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let settings = Settings::load(&arguments.config)?.with_registries(&arguments.registries)?;
    let garden = connect::from_kubeconfig_file(&settings.garden_kubeconfig).await;
    let garden_client = garden.map_err(|source| Error::Connect {
        cluster: "garden",
        source,
    })?;
    let seed = match &settings.seed_kubeconfig {
        Some(path) => connect::from_kubeconfig_file(path).await,
        None => connect::in_cluster(),
    };
    let seed_client = seed.map_err(|source| Error::Connect {
        cluster: "seed",
        source,
    })?;
    let readiness = Readiness::new();
    let _health = health::serve(settings.health_address, readiness.clone()).await?;
    let election = settings.leader_election.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let images = ImageVector::from_environment()?;
    let gardenlet = Gardenlet::new(garden_client, seed_client.clone(), settings, images, Arc::clone(&clock));
    let Some(election) = election else {
        work(gardenlet, readiness, shutdown).await;
        return Ok(());
    };
    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| format!("gardenlet-{}", std::process::id()));
    let options = LeaseOptions::new(election.namespace, election.name, holder);
    let outcome = lead(seed_client, options, clock, shutdown, |leadership| {
        work(gardenlet, readiness, leadership.lost)
    })
    .await;
    match outcome {
        controller::lease::Outcome::Lost => Err(Error::LeadershipLost),
        controller::lease::Outcome::ShutDown | controller::lease::Outcome::Finished => Ok(()),
    }
}

/// All controllers, until `shutdown`. Shoots are not worked on before the Seed is registered.
async fn work(gardenlet: Gardenlet, readiness: Readiness, shutdown: CancellationToken) {
    const REGISTERED: &str = "seed-registered";
    readiness.set(REGISTERED, false);
    let registered = CancellationToken::new();
    let tell = {
        let registered = registered.clone();
        move || {
            readiness.set(REGISTERED, true);
            registered.cancel();
        }
    };
    let shoots = async {
        if shutdown.run_until_cancelled(registered.cancelled()).await.is_some() {
            let shoots = shoot::run(gardenlet.clone(), shutdown.clone());
            let lease = seed::renew(gardenlet.clone(), shutdown.clone());
            let extensions = controller_installation::run(gardenlet.clone(), shutdown.clone());
            let care = care::run(gardenlet.clone(), shutdown.clone());
            futures::join!(shoots, lease, extensions, care);
        }
    };
    futures::join!(seed::run(gardenlet.clone(), shutdown.clone(), tell), shoots);
}
