//! Configuration file of gardener-resource-manager.

use std::collections::BTreeMap;

use apimachinery::meta::LabelSelector;
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::Toleration;

use crate::config::{ClientConnectionConfiguration, DebuggingConfiguration, LeaderElectionConfiguration, Server};

/// Configuration of gardener-resource-manager.
#[api_type]
#[api(
    group = "resourcemanager.config.gardener.cloud",
    version = "v1alpha1",
    kind = "ResourceManagerConfiguration"
)]
pub struct ResourceManagerConfiguration {
    /// How it talks to the cluster of the ManagedResources.
    #[api(optional)]
    pub source_client_connection: ClientConnection,
    /// How it talks to the cluster of the objects; the same one when absent.
    pub target_client_connection: Option<ClientConnection>,
    /// How replicas agree on the one that works.
    pub leader_election: LeaderElectionConfiguration,
    /// Addresses of the process's own HTTP servers.
    pub server: ServerConfiguration,
    /// Profiling endpoints.
    pub debugging: Option<DebuggingConfiguration>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    pub log_level: String,
    /// Form of the log lines: `json` or `text`.
    pub log_format: String,
    /// Its controllers.
    pub controllers: ResourceManagerControllerConfiguration,
    /// Its webhooks.
    pub webhooks: ResourceManagerWebhookConfiguration,
}

/// Refuses the deletion of CRDs and extension objects without confirmation.
#[api_type]
#[api(name = "CRDDeletionProtection")]
pub struct CrdDeletionProtection {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// The controller that approves kubelets' certificate requests.
#[api_type]
#[api(name = "CSRApproverControllerConfig")]
pub struct CsrApproverControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Namespace of the Machines in the source cluster.
    pub machine_namespace: Option<String>,
}

/// How the resource manager talks to a cluster.
#[api_type]
pub struct ClientConnection {
    /// Settings every client connection has.
    #[api(inline)]
    pub client_connection_configuration: ClientConnectionConfiguration,
    /// Namespaces it looks at; all when empty.
    #[api(omitempty)]
    pub namespaces: Vec<String>,
    /// How often caches are filled anew.
    pub cache_resync_period: Option<Duration>,
}

/// Refuses invalid extension objects.
#[api_type]
pub struct ExtensionValidation {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// The controller that removes unused versioned ConfigMaps and Secrets.
#[api_type]
pub struct GarbageCollectorControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// An HTTPS server of the process.
#[api_type]
#[api(name = "HTTPSServer")]
pub struct HttpsServer {
    /// Its address.
    #[api(inline)]
    pub server: Server,
    /// Certificates of the server.
    pub tls: TlsServer,
}

/// The controller that watches the health of ManagedResources.
#[api_type]
pub struct HealthControllerConfig {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
}

/// Sets replicas and spreading by the failures to survive.
#[api_type]
pub struct HighAvailabilityConfigWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// Seconds pods stay on a node that is not ready.
    pub default_not_ready_toleration_seconds: Option<i64>,
    /// Seconds pods stay on a node that is unreachable.
    pub default_unreachable_toleration_seconds: Option<i64>,
}

/// Where the ingress controller runs.
#[api_type]
pub struct IngressControllerSelector {
    /// Its namespace.
    pub namespace: String,
    /// Its pods.
    pub pod_selector: LabelSelector,
}

/// The controller that keeps Istio's view of clusters.
#[api_type]
pub struct IstioClusterConfigurationControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// Tells pods the name of the API server instead of its address.
#[api_type]
pub struct KubernetesServiceHostWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// The name.
    pub host: String,
}

/// The controller of ManagedResources.
#[api_type]
pub struct ManagedResourceControllerConfig {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often an object is looked at again although nothing changed.
    pub sync_period: Option<Duration>,
    /// Whether objects are written even if they seem right.
    pub always_update: Option<bool>,
    /// Value of the label that marks its objects.
    pub managed_by_label_value: Option<String>,
}

/// The controller of NetworkPolicies.
#[api_type]
pub struct NetworkPolicyControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// Namespaces it works in.
    #[api(omitempty)]
    pub namespace_selectors: Vec<LabelSelector>,
    /// Where the ingress controller runs.
    pub ingress_controller_selector: Option<IngressControllerSelector>,
}

/// Lets node-agents do only what concerns their machine.
#[api_type]
pub struct NodeAgentAuthorizerWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// Namespace of the Machines in the source cluster.
    pub machine_namespace: Option<String>,
    /// Whether label and field selectors are looked at.
    pub authorize_with_selectors: Option<bool>,
}

/// Spreads the node-agents' work over time.
#[api_type]
pub struct NodeAgentReconciliationDelayControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// Shortest delay.
    pub min_delay: Option<Duration>,
    /// Longest delay.
    pub max_delay: Option<Duration>,
}

/// The controller that opens a node when its critical pods are ready.
#[api_type]
pub struct NodeCriticalComponentsControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
    /// How often a node that is not ready is looked at.
    pub backoff: Option<Duration>,
}

/// Points pods to a load balancer before the API server.
#[api_type]
#[api(name = "PodKubeAPIServerLoadBalancingWebhookConfig")]
pub struct PodKubeApiServerLoadBalancingWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// Gives pods a scheduler.
#[api_type]
pub struct PodSchedulerNameWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// Name of the scheduler.
    pub scheduler_name: Option<String>,
}

/// Lets pods of different revisions be spread apart.
#[api_type]
pub struct PodTopologySpreadConstraintsWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// Gives pods a token that expires.
#[api_type]
pub struct ProjectedTokenMountWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How long it is valid, in seconds.
    pub expiration_seconds: Option<i64>,
}

/// The controllers of gardener-resource-manager.
#[api_type]
pub struct ResourceManagerControllerConfiguration {
    /// Identity of the source cluster, part of what marks its objects.
    #[api(name = "clusterID")]
    pub cluster_id: Option<String>,
    /// ManagedResources it is responsible for.
    pub resource_class: Option<String>,
    /// How long the first fill of the caches may take.
    pub cache_sync_timeout: Option<Duration>,
    /// The controller that removes unused versioned ConfigMaps and Secrets.
    pub garbage_collector: GarbageCollectorControllerConfig,
    /// The controller that watches the health of ManagedResources.
    pub health: HealthControllerConfig,
    /// The controller that approves kubelets' certificate requests.
    pub csr_approver: CsrApproverControllerConfig,
    /// The controller of ManagedResources.
    pub managed_resource: ManagedResourceControllerConfig,
    /// The controller that keeps Istio's view of clusters.
    pub istio_cluster_configuration: IstioClusterConfigurationControllerConfig,
    /// The controller of NetworkPolicies.
    pub network_policy: NetworkPolicyControllerConfig,
    /// The controller that opens a node when its critical pods are ready.
    pub node_critical_components: NodeCriticalComponentsControllerConfig,
    /// Spreads the node-agents' work over time.
    pub node_agent_reconciliation_delay: NodeAgentReconciliationDelayControllerConfig,
    /// The controller that asks for service account tokens.
    pub token_requestor: TokenRequestorControllerConfig,
}

/// The webhooks of gardener-resource-manager.
#[api_type]
pub struct ResourceManagerWebhookConfiguration {
    /// Refuses the deletion of CRDs and extension objects without confirmation.
    pub crd_deletion_protection: CrdDeletionProtection,
    /// Refuses invalid extension objects.
    pub extension_validation: ExtensionValidation,
    /// Sets replicas and spreading by the failures to survive.
    pub high_availability_config: HighAvailabilityConfigWebhookConfig,
    /// Tells pods the name of the API server.
    pub kubernetes_service_host: KubernetesServiceHostWebhookConfig,
    /// Keeps system pods on the right nodes.
    pub system_components_config: SystemComponentsConfigWebhookConfig,
    /// Points pods to a load balancer before the API server.
    #[api(name = "podKubeAPIServerLoadBalancing")]
    pub pod_kube_api_server_load_balancing: PodKubeApiServerLoadBalancingWebhookConfig,
    /// Gives pods a scheduler.
    pub pod_scheduler_name: PodSchedulerNameWebhookConfig,
    /// Lets pods of different revisions be spread apart.
    pub pod_topology_spread_constraints: PodTopologySpreadConstraintsWebhookConfig,
    /// Gives pods a token that expires.
    pub projected_token_mount: ProjectedTokenMountWebhookConfig,
    /// Lets node-agents do only what concerns their machine.
    pub node_agent_authorizer: NodeAgentAuthorizerWebhookConfig,
    /// Gives pods the runtime's seccomp profile.
    pub seccomp_profile: SeccompProfileWebhookConfig,
    /// Lets the vertical pod autoscaler resize pods in place.
    pub vpa_in_place_updates: VpaInPlaceUpdatesConfig,
}

/// Gives pods the runtime's seccomp profile.
#[api_type]
pub struct SeccompProfileWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
}

/// The HTTP servers of gardener-resource-manager.
#[api_type]
pub struct ServerConfiguration {
    /// Server of the admission webhooks.
    pub webhooks: HttpsServer,
    /// Server of `/healthz` and `/readyz`.
    pub health_probes: Option<Server>,
    /// Server of `/metrics`.
    pub metrics: Option<Server>,
}

/// Keeps system pods on the right nodes.
#[api_type]
pub struct SystemComponentsConfigWebhookConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// Labels a node must have.
    #[api(omitempty)]
    pub node_selector: BTreeMap<String, String>,
    /// Labels such nodes must have.
    #[api(omitempty)]
    pub pod_node_selector: BTreeMap<String, String>,
    /// Taints such pods tolerate.
    #[api(omitempty)]
    pub pod_tolerations: Vec<Toleration>,
}

/// Certificates of an HTTPS server.
#[api_type]
#[api(name = "TLSServer")]
pub struct TlsServer {
    /// Folder with `tls.crt` and `tls.key`.
    pub server_cert_dir: String,
}

/// The controller that asks for service account tokens.
#[api_type]
pub struct TokenRequestorControllerConfig {
    /// Whether this is switched on.
    pub enabled: bool,
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: Option<i32>,
}

/// Lets the vertical pod autoscaler resize pods in place.
#[api_type]
#[api(name = "VPAInPlaceUpdatesConfig")]
pub struct VpaInPlaceUpdatesConfig {
    /// Whether this is switched on.
    pub enabled: bool,
}
