//! Configuration file of gardener-operator.

use std::collections::BTreeMap;

use apimachinery::meta::LabelSelector;
use apimachinery::{Duration, api_type};

use crate::config::gardenlet::EtcdConfig;
use crate::config::{
    ClientConnectionConfiguration, ConditionThreshold, DebuggingConfiguration, LeaderElectionConfiguration, Server,
};

/// Configuration of gardener-operator.
#[api_type]
#[api(
    group = "operator.config.gardener.cloud",
    version = "v1alpha1",
    kind = "OperatorConfiguration"
)]
pub struct OperatorConfiguration {
    /// How it talks to the runtime cluster.
    pub runtime_client_connection: ClientConnectionConfiguration,
    /// How it talks to the virtual garden.
    pub virtual_client_connection: ClientConnectionConfiguration,
    /// How replicas agree on the one that works.
    pub leader_election: LeaderElectionConfiguration,
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
    /// Its controllers.
    pub controllers: ControllerConfiguration,
    /// How long pods stay on failed nodes.
    pub node_toleration: Option<NodeTolerationConfiguration>,
}

/// The controllers of gardener-operator.
#[api_type]
pub struct ControllerConfiguration {
    /// The controller of the Garden.
    pub garden: GardenControllerConfig,
    /// The controller that watches the health of the Garden.
    pub garden_care: GardenCareControllerConfiguration,
    /// The controller that deploys gardenlets.
    pub gardenlet_deployer: GardenletDeployerControllerConfig,
    /// The controller of NetworkPolicies.
    pub network_policy: NetworkPolicyControllerConfiguration,
    /// The controller that keeps evictions to the maintenance window.
    pub vpa_eviction_requirements: VpaEvictionRequirementsControllerConfiguration,
    /// The controller of Extensions.
    pub extension: ExtensionControllerConfiguration,
    /// The controller that watches the health of Extensions.
    pub extension_care: ExtensionCareControllerConfiguration,
    /// The controller that protects what Extensions refer to.
    pub extension_reference: ExtensionReferenceControllerConfiguration,
    /// The controller that finds out which Extensions the runtime cluster needs.
    pub extension_required_runtime: ExtensionRequiredRuntimeControllerConfiguration,
    /// The controller that finds out which Extensions the garden needs.
    pub extension_required_virtual: ExtensionRequiredVirtualControllerConfiguration,
}

/// The controller that watches the health of Extensions.
#[api_type]
pub struct ExtensionCareControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How long a failing condition stays `Progressing` before it becomes `False`.
    #[api(omitempty)]
    pub condition_thresholds: Vec<ConditionThreshold>,
}

/// The controller of Extensions.
#[api_type]
pub struct ExtensionControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that protects what Extensions refer to.
#[api_type]
pub struct ExtensionReferenceControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that finds out which Extensions the runtime cluster needs.
#[api_type]
pub struct ExtensionRequiredRuntimeControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that finds out which Extensions the garden needs.
#[api_type]
pub struct ExtensionRequiredVirtualControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller that watches the health of the Garden.
#[api_type]
pub struct GardenCareControllerConfiguration {
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// How long a failing condition stays `Progressing` before it becomes `False`.
    #[api(omitempty)]
    pub condition_thresholds: Vec<ConditionThreshold>,
}

/// The controller of the Garden.
#[api_type]
pub struct GardenControllerConfig {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// Settings of the etcd controllers.
    pub etcd_config: Option<EtcdConfig>,
}

/// The controller that deploys gardenlets.
#[api_type]
pub struct GardenletDeployerControllerConfig {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// The controller of NetworkPolicies.
#[api_type]
pub struct NetworkPolicyControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Further namespaces it works in.
    #[api(omitempty)]
    pub additional_namespace_selectors: Vec<LabelSelector>,
}

/// How long pods stay on failed nodes.
#[api_type]
pub struct NodeTolerationConfiguration {
    /// Seconds on a node that is not ready.
    pub default_not_ready_toleration_seconds: Option<i64>,
    /// Seconds on a node that is unreachable.
    pub default_unreachable_toleration_seconds: Option<i64>,
}

/// The HTTP servers of gardener-operator.
#[api_type]
pub struct ServerConfiguration {
    /// Server of the admission webhooks.
    pub webhooks: Server,
    /// Server of `/healthz` and `/readyz`.
    pub health_probes: Option<Server>,
    /// Server of `/metrics`.
    pub metrics: Option<Server>,
}

/// The controller that keeps evictions to the maintenance window.
#[api_type]
#[api(name = "VPAEvictionRequirementsControllerConfiguration")]
pub struct VpaEvictionRequirementsControllerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}
