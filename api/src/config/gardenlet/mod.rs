//! Configuration file of gardenlet.

mod controllers; // of each controller

use std::collections::BTreeMap;

use apimachinery::meta::Quantity;
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::SecretReference;

pub use self::controllers::*;
use crate::config::{
    ClientConnectionConfiguration, DebuggingConfiguration, LeaderElectionConfiguration, ServerConfiguration,
};
use crate::core::v1beta1::{SeedTemplate, ShootPurpose};

/// Configuration of a gardenlet.
#[api_type]
#[api(
    group = "gardenlet.config.gardener.cloud",
    version = "v1alpha1",
    kind = "GardenletConfiguration"
)]
pub struct GardenletConfiguration {
    /// How it talks to the garden.
    pub garden_client_connection: Option<GardenClientConnection>,
    /// How it talks to the seed.
    pub seed_client_connection: Option<SeedClientConnection>,
    /// How it talks to shoots.
    pub shoot_client_connection: Option<ShootClientConnection>,
    /// Its controllers.
    pub controllers: Option<GardenletControllerConfiguration>,
    /// What the seed can hold.
    pub resources: Option<ResourcesConfiguration>,
    /// How replicas agree on the one that works.
    pub leader_election: Option<LeaderElectionConfiguration>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    pub log_level: String,
    /// Form of the log lines: `json` or `text`.
    pub log_format: String,
    /// Addresses of the process's own HTTP servers.
    pub server: ServerConfiguration,
    /// Profiling endpoints.
    pub debugging: Option<DebuggingConfiguration>,
    /// Feature gates to switch on or off, by name.
    #[api(omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
    /// The Seed it registers.
    pub seed_config: Option<SeedConfig>,
    /// Logging of shoots.
    pub logging: Option<Logging>,
    /// Its gateway.
    pub sni: Option<Sni>,
    /// Settings of the etcd controllers.
    pub etcd_config: Option<EtcdConfig>,
    /// Ways to expose API servers that this seed offers.
    #[api(omitempty)]
    pub exposure_class_handlers: Vec<ExposureClassHandler>,
    /// Monitoring of shoots.
    pub monitoring: Option<MonitoringConfig>,
    /// How long pods in the seed stay on failed nodes.
    pub node_toleration: Option<NodeToleration>,
}

/// A way to expose API servers that this seed offers.
#[api_type]
pub struct ExposureClassHandler {
    /// Name that ExposureClasses refer to.
    pub name: String,
    /// Its load balancer.
    pub load_balancer_service: LoadBalancerServiceConfig,
    /// Its gateway.
    pub sni: Option<Sni>,
}

/// How gardenlet talks to the garden.
#[api_type]
pub struct GardenClientConnection {
    /// Settings every client connection has.
    #[api(inline)]
    pub client_connection_configuration: ClientConnectionConfiguration,
    /// Address of the garden, where it differs from the bootstrap kubeconfig's.
    pub garden_cluster_address: Option<String>,
    /// Secret with the kubeconfig used once to get a certificate.
    pub bootstrap_kubeconfig: Option<SecretReference>,
    /// Secret the kubeconfig with that certificate is kept in.
    pub kubeconfig_secret: Option<SecretReference>,
    /// Validity of the certificate.
    pub kubeconfig_validity: Option<KubeconfigValidity>,
}

/// Storage of logs in the namespace `garden`.
#[api_type]
pub struct GardenVali {
    /// Size of the volume.
    pub storage: Option<Quantity>,
}

/// Storage of logs in the namespace `garden`.
#[api_type]
pub struct GardenVictoriaLogs {
    /// Size of the volume.
    pub storage: Option<Quantity>,
}

/// Validity of gardenlet's certificate.
#[api_type]
pub struct KubeconfigValidity {
    /// How long it is to be valid.
    pub validity: Option<Duration>,
    /// Earliest renewal, in percent of its life.
    pub auto_rotation_jitter_percentage_min: Option<i32>,
    /// Latest renewal, in percent of its life.
    pub auto_rotation_jitter_percentage_max: Option<i32>,
}

/// A load balancer.
#[api_type]
pub struct LoadBalancerServiceConfig {
    /// Annotations to set.
    pub annotations: BTreeMap<String, String>,
    /// Class of the load balancer.
    pub class: Option<String>,
}

/// Logging of shoots.
#[api_type]
pub struct Logging {
    /// Whether this is switched on.
    pub enabled: Option<bool>,
    /// Storage in Vali.
    pub vali: Option<Vali>,
    /// Storage in VictoriaLogs.
    pub victoria_logs: Option<VictoriaLogs>,
    /// Logs of nodes.
    pub shoot_node_logging: Option<ShootNodeLogging>,
    /// Events as logs.
    pub shoot_event_logging: Option<ShootEventLogging>,
}

/// Monitoring of shoots.
#[api_type]
pub struct MonitoringConfig {
    /// The settings.
    pub shoot: Option<ShootMonitoringConfig>,
}

/// How long pods stay on failed nodes.
#[api_type]
pub struct NodeToleration {
    /// Seconds on a node that is not ready.
    pub default_not_ready_toleration_seconds: Option<i64>,
    /// Seconds on a node that is unreachable.
    pub default_unreachable_toleration_seconds: Option<i64>,
}

/// Where metrics are sent.
#[api_type]
pub struct RemoteWriteMonitoringConfig {
    /// The address.
    pub url: String,
    /// Metrics that are sent; all when empty.
    #[api(omitempty)]
    pub keep: Vec<String>,
}

/// What the seed can hold.
#[api_type]
pub struct ResourcesConfiguration {
    /// What it can hold, such as `shoots`.
    #[api(omitempty)]
    pub capacity: BTreeMap<String, Quantity>,
    /// What of it is kept free.
    #[api(omitempty)]
    pub reserved: BTreeMap<String, Quantity>,
}

/// The gateway of shoots.
#[api_type]
#[api(name = "SNI")]
pub struct Sni {
    /// Where it runs.
    pub ingress: Option<SniIngress>,
}

/// Where the gateway runs.
#[api_type]
#[api(name = "SNIIngress")]
pub struct SniIngress {
    /// Name of its Service.
    pub service_name: Option<String>,
    /// Fixed address of its Service.
    #[api(name = "serviceExternalIP")]
    pub service_external_ip: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Labels of its pods.
    #[api(omitempty)]
    pub labels: BTreeMap<String, String>,
}

/// How gardenlet talks to the seed.
#[api_type]
pub struct SeedClientConnection {
    /// Settings every client connection has.
    #[api(inline)]
    pub client_connection_configuration: ClientConnectionConfiguration,
}

/// The Seed that gardenlet registers.
#[api_type]
pub struct SeedConfig {
    /// Its metadata and spec.
    #[api(inline)]
    pub seed_template: SeedTemplate,
}

/// How gardenlet talks to shoots.
#[api_type]
pub struct ShootClientConnection {
    /// Settings every client connection has.
    #[api(inline)]
    pub client_connection_configuration: ClientConnectionConfiguration,
}

/// Events of shoots as logs.
#[api_type]
pub struct ShootEventLogging {
    /// Whether this is switched on.
    pub enabled: Option<bool>,
}

/// Monitoring of shoots.
#[api_type]
pub struct ShootMonitoringConfig {
    /// Whether this is switched on.
    pub enabled: Option<bool>,
    /// Where metrics are sent, too.
    pub remote_write: Option<RemoteWriteMonitoringConfig>,
    /// Labels of those metrics.
    #[api(omitempty)]
    pub external_labels: BTreeMap<String, String>,
}

/// Logs of nodes.
#[api_type]
pub struct ShootNodeLogging {
    /// Purposes of shoots whose nodes' logs are kept.
    #[api(omitempty)]
    pub shoot_purposes: Vec<ShootPurpose>,
}

/// Storage of logs in Vali.
#[api_type]
pub struct Vali {
    /// Whether this is switched on.
    pub enabled: Option<bool>,
    /// Storage in the namespace `garden`.
    pub garden: Option<GardenVali>,
}

/// Storage of logs in VictoriaLogs.
#[api_type]
pub struct VictoriaLogs {
    /// Whether this is switched on.
    pub enabled: Option<bool>,
    /// Storage in the namespace `garden`.
    pub garden: Option<GardenVictoriaLogs>,
}
