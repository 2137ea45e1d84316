//! The process `gardener-extension-provider-local`: acts on extension objects of type `local` and Networks of type `bridge`, and runs
//! the machine and cloud controllers of all shoots of the seed.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use controller::{
    connect::{ConnectError, from_kubeconfig_file_or_in_cluster},
    health::{HealthError, Readiness, serve},
    lease::{Leadership, LeaseOptions, Outcome, lead},
};
use extensions_sdk::{
    Actuator, Driver, ExtensionKind, RunOptions,
    machine::{self, run as run_machines},
    run as run_driver,
    worker::WorkerActuator,
};
use kube::Client;
use lib_clock::{Clock, SystemClock};
use lib_resolve::Resolver;
use plan_images::{ImageNotFound, ImageVector, ImageVectorError};
use tokio_util::sync::CancellationToken;

use crate::{
    FIELD_MANAGER,
    cloud::{CloudArguments, RemoteClouds},
    cloud_controller::ShootControllers,
    control_plane::ControlPlaneActuator,
    dns_record::DnsRecordActuator,
    infrastructure::InfrastructureActuator,
    network::{self, NetworkActuator},
    operating_system_config::OperatingSystemConfigActuator,
    worker::{LocalMachineDriver, LocalMachinePlanner},
};

/// The type of extension objects that this provider acts on.
pub const TYPE: &str = "local";

/// How long what has begun may take to end at the shutdown: less than the 30 s after which a pod is killed, so that the lease is given
/// back before. Everything is safe to repeat after being dropped anywhere.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// Flags of the process `gardener-extension-provider-local`.
///
/// Its service account needs in the seed, in all namespaces:
/// - `extensions.gardener.cloud`: get, list, watch, update, patch of `controlplanes`, `dnsrecords`, `infrastructures`, `networks`,
///   `operatingsystemconfigs`, `workers` and of their `/status`; get, list, watch of `clusters`.
/// - `machine.sapcloud.io`: everything of `machineclasses`, `machinedeployments`, `machinesets`, `machines` and of their `/status`.
/// - `resources.gardener.cloud`: get, list, watch, create, update, patch, delete of `managedresources`.
/// - core: get, list, watch, create, update, patch, delete of `secrets`; create, update, patch of `events`, also of group
///   `events.k8s.io`.
///
/// And in the namespace of its lease, `coordination.k8s.io`: create of `leases`, get and update of its own: one of several works.
///
/// The environment may name an image vector to put over the compiled-in one (`IMAGEVECTOR_OVERWRITE`).
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
    /// The class of extension objects to act on.
    #[arg(long, value_enum, default_value_t)]
    pub extension_class: Class,
    /// Namespace of the lease by which one of several processes works; the own namespace by default.
    #[arg(long)]
    pub leader_election_namespace: Option<String>,
    /// Where the cloud is when an object's Secret does not say so.
    #[command(flatten)]
    pub cloud: CloudArguments,
}

/// Classes of extension objects. A cluster that is the garden's runtime cluster and a seed has one process for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Class {
    /// What the garden's operator asks for: DNSRecords.
    Garden,
    /// What gardenlet asks for, and the controllers of all shoots.
    #[default]
    Shoot,
}

impl Class {
    /// Name of the lease, as Gardener's extensions have it. Processes of different classes do not compete.
    fn lease(self) -> &'static str {
        match self {
            Self::Garden => "provider-local-garden-leader-election",
            Self::Shoot => "provider-local-leader-election",
        }
    }
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
    /// The image vector cannot be read.
    #[error("failed to read the image vector")]
    Images(#[from] ImageVectorError),
    /// The image vector lacks our own image.
    #[error("failed to find the image of what runs in shoots")]
    Image(#[from] ImageNotFound),
    /// Another process took over.
    #[error("lost the lease")]
    LostLease,
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let readiness = Readiness::new();
    let health = SocketAddr::from((Ipv4Addr::UNSPECIFIED, arguments.health_port));
    let _health = serve(health, readiness).await?;
    let image = ImageVector::from_environment()?.find("kubeception", None)?.to_string();
    let seed = from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let class = arguments.extension_class;
    let options = lease_options(&seed, class, arguments.leader_election_namespace);
    let work = {
        let (seed, clock) = (seed.clone(), Arc::clone(&clock));
        let clouds = RemoteClouds {
            resolver: Resolver::new(),
            default: arguments.cloud,
        };
        move |leadership: Leadership| {
            let parts = Parts {
                seed,
                clouds,
                clock,
                concurrency: arguments.max_concurrent_reconciles,
                shutdown: leadership.lost,
            };
            parts.act(class, image)
        }
    };
    match lead(seed, options, clock, shutdown, work).await {
        Outcome::Lost => Err(Error::LostLease),
        Outcome::ShutDown | Outcome::Finished => Ok(()),
    }
}

fn lease_options(seed: &Client, class: Class, namespace: Option<String>) -> LeaseOptions {
    let namespace = namespace.unwrap_or_else(|| seed.default_namespace().to_owned());
    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| format!("{FIELD_MANAGER}-{}", std::process::id()));
    LeaseOptions::new(namespace, class.lease(), holder)
}

/// What the drivers of all kinds share.
struct Parts {
    seed: Client,
    clouds: RemoteClouds,
    clock: Arc<dyn Clock>,
    concurrency: u16,
    shutdown: CancellationToken,
}

impl Parts {
    /// Acts until the shutdown; what has begun may end, but not keep the lease for ever.
    async fn act(self, class: Class, image: String) {
        tracing::info!(?class, "acting on extension objects of type local");
        let acting = async {
            match class {
                Class::Garden => self.act_for_garden().await,
                Class::Shoot => self.act_for_shoots(image).await,
            }
        };
        let over = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(END_DEADLINE).await;
        };
        tokio::select! {
            () = acting => {}
            () = over => tracing::warn!("what had begun did not end in time, and was cut off"),
        }
    }

    async fn act_for_garden(&self) {
        let driver = self.driver(TYPE, DnsRecordActuator::new(self.clouds.clone()));
        self.run(driver.of_garden()).await;
    }

    async fn act_for_shoots(&self, image: String) {
        let (seed, clouds) = (self.seed.clone(), self.clouds.clone());
        let controllers = ShootControllers::new(seed.clone(), Arc::new(clouds.clone()), Arc::clone(&self.clock));
        let controllers = Arc::new(controllers);
        let control_plane = ControlPlaneActuator::new(seed.clone(), clouds.clone(), Arc::clone(&controllers));
        let machines = Arc::new(LocalMachineDriver::new(clouds.clone()));
        let machine_options = machine::Options::new(Arc::clone(&self.clock));
        let worker = WorkerActuator::new(
            seed.clone(),
            FIELD_MANAGER,
            LocalMachinePlanner,
            Arc::clone(&self.clock),
        )
        .with_consoles(machines.clone());
        tokio::join!(
            self.run(self.driver(TYPE, DnsRecordActuator::new(clouds.clone()))),
            self.run(self.driver(TYPE, InfrastructureActuator::new(clouds))),
            self.run(self.driver(TYPE, control_plane)),
            self.run(self.driver(TYPE, OperatingSystemConfigActuator::new(seed.clone()))),
            self.run(self.driver(network::TYPE, NetworkActuator::new(seed.clone(), image))),
            self.run(self.driver(TYPE, worker)),
            run_machines(seed.clone(), machines, machine_options, self.shutdown.clone()),
            controllers.supervise(self.shutdown.clone()),
        );
    }

    fn driver<K: ExtensionKind, A: Actuator<K>>(&self, extension_type: &str, actuator: A) -> Driver<K, A> {
        Driver::new(self.seed.clone(), extension_type, actuator, Arc::clone(&self.clock))
    }

    async fn run<K: ExtensionKind, A: Actuator<K>>(&self, driver: Driver<K, A>) {
        let options = RunOptions {
            concurrency: self.concurrency,
            ..RunOptions::default()
        };
        run_driver(self.seed.clone(), driver, options, self.shutdown.clone()).await;
    }
}
