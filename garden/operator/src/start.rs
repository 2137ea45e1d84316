//! The process: connects to the runtime cluster, becomes the leader, and runs the controllers of the Garden.

use std::path::PathBuf;
use std::sync::Arc;

use controller::apply::Applier;
use controller::health::{HealthError, Readiness};
use controller::lease::{LeaseOptions, Outcome, lead};
use controller::retry::Failures;
use kube::Client;
use lib_clock::{Clock, SystemClock};
use plan_images::{ImageVector, ImageVectorError, OVERWRITE_ENVIRONMENT};
use tokio_util::sync::CancellationToken;

use crate::garden::Context;
use crate::settings::NAMESPACE;
use crate::steps::FIELD_MANAGER;
use crate::{care, garden};

/// Gardener's name of the lease.
const LEASE: &str = "gardener-operator-leader-election";

/// Reconciles the Garden.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Kubeconfig of the runtime cluster; the pod's service account by default.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Port of /healthz and /readyz.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
}

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image vector cannot be read.
    #[error("failed to read the image vector")]
    Images(#[from] ImageVectorError),
    /// The installation's own image vector cannot be read.
    #[error("failed to read {path}, which {OVERWRITE_ENVIRONMENT} names")]
    ReadImages {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No client.
    #[error("failed to connect to the runtime cluster")]
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
    let images = ImageVector::from_environment()?;
    let overwrite = read_overwrite()?;
    let client = controller::connect::from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let address = ([0, 0, 0, 0], arguments.health_port).into();
    let _health = controller::health::serve(address, Readiness::new()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let context = Arc::new(Context {
        runtime: Applier::new(client.clone(), FIELD_MANAGER),
        images,
        overwrite,
        clock: Arc::clone(&clock),
        failures: Failures::default(),
    });
    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| FIELD_MANAGER.to_owned());
    let options = LeaseOptions::new(NAMESPACE, LEASE, holder);
    match lead(client, options, clock, shutdown, |leadership| {
        work(context, leadership.lost)
    })
    .await
    {
        Outcome::Lost => Err(Error::LostLease),
        Outcome::ShutDown | Outcome::Finished => Ok(()),
    }
}

async fn work(context: Arc<Context>, end: CancellationToken) {
    // Before the first Garden there may be no such kind.
    install_garden_kind(context.runtime.client()).await;
    tokio::join!(garden::run(Arc::clone(&context), end.clone()), care::run(context, end));
}

/// Whoever deploys the operator need not know its kind.
async fn install_garden_kind(client: &Client) {
    let applier = Applier::new(client.clone(), FIELD_MANAGER);
    if let Err(error) = applier.apply(&api::crds::garden()).await {
        // The watch tells about it again, with more patience.
        tracing::warn!(error = %lib_error_chain::ErrorChain(&error), "failed to apply the kind Garden");
    }
}

fn read_overwrite() -> Result<Option<String>, Error> {
    let Some(path) = std::env::var_os(OVERWRITE_ENVIRONMENT).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(path);
    std::fs::read_to_string(&path)
        .map(Some)
        .map_err(|source| Error::ReadImages { path, source })
}
