//! Configuration file of gardener-node-agent.

use std::collections::BTreeMap;

use apimachinery::{Duration, api_type};

use crate::config::{ClientConnectionConfiguration, DebuggingConfiguration, ServerConfiguration};

/// Configuration of gardener-node-agent.
#[api_type]
#[api(
    group = "nodeagent.config.gardener.cloud",
    version = "v1alpha1",
    kind = "NodeAgentConfiguration"
)]
pub struct NodeAgentConfiguration {
    /// How it talks to the shoot.
    #[api(optional)]
    pub client_connection: ClientConnectionConfiguration,
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
    /// The shoot's API server.
    pub api_server: ApiServer,
    /// What is done once, at a machine's first start.
    pub bootstrap: Option<BootstrapConfiguration>,
    /// Its controllers.
    pub controllers: ControllerConfiguration,
}

/// The shoot's API server.
#[api_type]
#[api(name = "APIServer")]
pub struct ApiServer {
    /// Its URL.
    pub server: String,
    /// Path of the certificates it is trusted by.
    pub ca_file: String,
}

/// What is done once, at a machine's first start.
#[api_type]
pub struct BootstrapConfiguration {
    /// Size of the volume that the kubelet lives on, in bytes.
    pub kubelet_data_volume_size: Option<i64>,
}

/// The controllers of gardener-node-agent.
#[api_type]
pub struct ControllerConfiguration {
    /// The one that applies the machine's configuration.
    pub operating_system_config: OperatingSystemConfigControllerConfig,
    /// The one that writes tokens to files.
    pub token: TokenControllerConfig,
    /// The one that watches units.
    pub systemd_unit_check: SystemdUnitCheckControllerConfig,
}

/// The controller that applies the machine's configuration.
#[api_type]
pub struct OperatingSystemConfigControllerConfig {
    /// How often it looks even if nothing changed.
    pub sync_period: Option<Duration>,
    /// Name of the Secret in `kube-system` with the configuration.
    pub secret_name: String,
    /// Kubernetes version of the kubelet.
    pub kubernetes_version: String,
}

/// The controller that writes tokens to files.
#[api_type]
pub struct TokenControllerConfig {
    /// The tokens.
    #[api(omitempty)]
    pub sync_configs: Vec<TokenSecretSyncConfig>,
    /// How often it looks even if nothing changed.
    pub sync_period: Option<Duration>,
}

/// A token and its file.
#[api_type]
pub struct TokenSecretSyncConfig {
    /// Name of the Secret in `kube-system`.
    pub secret_name: String,
    /// Path of the file.
    pub path: String,
}

/// The controller that watches units.
#[api_type]
pub struct SystemdUnitCheckControllerConfig {
    /// How often it looks.
    pub sync_period: Option<Duration>,
    /// After which a unit that starts counts as stuck.
    pub stuck_threshold: Option<Duration>,
}
