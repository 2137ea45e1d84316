//! Shoot: the cluster a user asks for, and the parts of its spec that have no file of their own.

use std::collections::BTreeMap;

use apimachinery::meta::ObjectMeta;
use apimachinery::{RawExtension, api_type};
use k8s_openapi::api::autoscaling::v1::CrossVersionObjectReference;

use super::{Kubernetes, Maintenance, NamedResourceReference, Provider, SeedSelector, ShootStatus, Toleration};

/// A Kubernetes cluster, as its user wants it.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "Shoot",
    namespaced,
    categories = "all"
)]
pub struct Shoot {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: ShootSpec,
    /// What was observed last.
    #[api(tag = 3, optional)]
    pub status: ShootStatus,
}

/// The cluster wanted.
#[api_type]
pub struct ShootSpec {
    /// Optional components; gone from Kubernetes 1.35 on.
    #[api(tag = 1)]
    pub addons: Option<Addons>,
    /// Name of the CloudProfile; superseded by `cloudProfile`.
    #[api(tag = 2)]
    pub cloud_profile_name: Option<String>,
    /// Names in the DNS.
    #[api(tag = 3)]
    pub dns: Option<Dns>,
    /// Extensions to use.
    #[api(tag = 4, omitempty)]
    pub extensions: Vec<Extension>,
    /// When it sleeps.
    #[api(tag = 5)]
    pub hibernation: Option<Hibernation>,
    /// Version and settings of Kubernetes.
    #[api(tag = 6)]
    pub kubernetes: Kubernetes,
    /// Its networks.
    #[api(tag = 7)]
    pub networking: Option<Networking>,
    /// When and how it is maintained.
    #[api(tag = 8)]
    pub maintenance: Option<Maintenance>,
    /// Its monitoring.
    #[api(tag = 9)]
    pub monitoring: Option<Monitoring>,
    /// Cloud and machines.
    #[api(tag = 10)]
    pub provider: Provider,
    /// What it is for.
    #[api(tag = 11)]
    pub purpose: Option<ShootPurpose>,
    /// Region of the cloud.
    #[api(tag = 12)]
    pub region: String,
    /// SecretBinding with the cloud's credentials; superseded by `credentialsBindingName`.
    #[api(tag = 13)]
    pub secret_binding_name: Option<String>,
    /// Seed that runs the control plane; set by the scheduler through `binding`.
    #[api(tag = 14)]
    pub seed_name: Option<String>,
    /// Seeds that may run the control plane.
    #[api(tag = 15)]
    pub seed_selector: Option<SeedSelector>,
    /// Objects that other fields refer to by a name.
    #[api(tag = 16, omitempty)]
    pub resources: Vec<NamedResourceReference>,
    /// Seed taints that are tolerated.
    #[api(tag = 17, omitempty, patch = "merge", patch_key = "key")]
    pub tolerations: Vec<Toleration>,
    /// ExposureClass of the API server.
    #[api(tag = 18)]
    pub exposure_class_name: Option<String>,
    /// System components in the cluster.
    #[api(tag = 19)]
    pub system_components: Option<SystemComponents>,
    /// How the control plane is run.
    #[api(tag = 20)]
    pub control_plane: Option<ControlPlane>,
    /// Scheduler that chooses the seed.
    #[api(tag = 21)]
    pub scheduler_name: Option<String>,
    /// Profile it is made from.
    #[api(tag = 22)]
    pub cloud_profile: Option<CloudProfileReference>,
    /// CredentialsBinding with the cloud's credentials; none for workerless Shoots.
    #[api(tag = 23)]
    pub credentials_binding_name: Option<String>,
    /// Access restrictions that must hold.
    #[api(tag = 24, omitempty)]
    pub access_restrictions: Vec<AccessRestrictionWithOptions>,
}

/// Metadata and spec of a Shoot to be.
#[api_type]
pub struct ShootTemplate {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[api(tag = 2, optional)]
    pub spec: ShootSpec,
}

/// What a shoot is for.
#[api_type]
pub enum ShootPurpose {
    /// Trying things out.
    #[api(name = "evaluation")]
    Evaluation,
    /// Tests.
    #[api(name = "testing")]
    Testing,
    /// Development.
    #[api(name = "development")]
    Development,
    /// Production.
    #[api(name = "production")]
    Production,
    /// The landscape itself; only in the namespace `garden`.
    #[api(name = "infrastructure")]
    Infrastructure,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Optional components installed into the shoot; gone from Kubernetes 1.35 on.
#[api_type]
pub struct Addons {
    /// The Kubernetes dashboard.
    #[api(tag = 1)]
    pub kubernetes_dashboard: Option<KubernetesDashboard>,
    /// The nginx ingress controller.
    #[api(tag = 2)]
    pub nginx_ingress: Option<NginxIngress>,
}

/// Switch shared by all addons.
#[api_type]
pub struct Addon {
    /// Whether the addon is installed.
    #[api(tag = 1)]
    pub enabled: bool,
}

/// The Kubernetes dashboard addon.
#[api_type]
pub struct KubernetesDashboard {
    /// Whether it is installed.
    #[api(tag = 2, inline)]
    pub addon: Addon,
    /// How users log in; `token`.
    #[api(tag = 1)]
    pub authentication_mode: Option<String>,
}

/// The nginx ingress controller addon.
#[api_type]
pub struct NginxIngress {
    /// Whether it is installed.
    #[api(tag = 1, inline)]
    pub addon: Addon,
    /// Addresses that may reach it.
    #[api(tag = 2, omitempty)]
    pub load_balancer_source_ranges: Vec<String>,
    /// Further settings of the controller.
    #[api(tag = 3, omitempty)]
    pub config: BTreeMap<String, String>,
    /// Whether clients' addresses are kept (`Local`) or not (`Cluster`).
    #[api(tag = 4)]
    pub external_traffic_policy: Option<String>,
}

/// A restriction on who may operate in a region, such as EU access only.
#[api_type]
pub struct AccessRestriction {
    /// Name of the restriction.
    #[api(tag = 1)]
    pub name: String,
}

/// An access restriction a Shoot asks for, with options.
#[api_type]
pub struct AccessRestrictionWithOptions {
    /// The restriction asked for.
    #[api(tag = 1, inline)]
    pub access_restriction: AccessRestriction,
    /// Options the landscape knows for this restriction.
    #[api(tag = 2, omitempty)]
    pub options: BTreeMap<String, String>,
}

/// The profile a Shoot is made from.
#[api_type]
pub struct CloudProfileReference {
    /// `CloudProfile` or `NamespacedCloudProfile`.
    #[api(tag = 1)]
    pub kind: String,
    /// Name of the profile.
    #[api(tag = 2)]
    pub name: String,
}

/// How the control plane is run.
#[api_type]
pub struct ControlPlane {
    /// Which failures the control plane survives.
    #[api(tag = 1)]
    pub high_availability: Option<HighAvailability>,
    /// Zones of the seed the control plane is pinned to.
    #[api(tag = 2, omitempty)]
    pub zones: Vec<String>,
}

/// Which failures the control plane survives.
#[api_type]
pub struct HighAvailability {
    /// The kind of failure.
    #[api(tag = 1)]
    pub failure_tolerance: FailureTolerance,
}

/// Which failures the control plane survives.
#[api_type]
pub struct FailureTolerance {
    /// Failure of a node, or of a zone.
    #[api(tag = 1)]
    pub type_: FailureToleranceType,
}

/// Failures a control plane can survive.
#[api_type]
pub enum FailureToleranceType {
    /// Failure of a node.
    #[api(name = "node")]
    Node,
    /// Failure of a zone.
    #[api(name = "zone")]
    Zone,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Names of the shoot in the DNS.
#[api_type]
#[api(name = "DNS")]
pub struct Dns {
    /// Domain of the shoot; its API server is `api.<domain>`.
    #[api(tag = 1)]
    pub domain: Option<String>,
    /// Credentials for the domain.
    #[api(tag = 2, omitempty)]
    pub providers: Vec<DnsProvider>,
}

/// Credentials for one DNS provider.
#[api_type]
#[api(name = "DNSProvider")]
pub struct DnsProvider {
    /// Domains it is used for; superseded.
    #[api(tag = 1)]
    pub domains: Option<DnsIncludeExclude>,
    /// Whether it serves the shoot's own domain.
    #[api(tag = 2)]
    pub primary: Option<bool>,
    /// Secret with the credentials; gone from Kubernetes 1.35 on.
    #[api(tag = 3)]
    pub secret_name: Option<String>,
    /// Provider type.
    #[api(tag = 4)]
    pub type_: Option<String>,
    /// Hosted zones it is used for; superseded.
    #[api(tag = 5)]
    pub zones: Option<DnsIncludeExclude>,
    /// The Secret, InternalSecret or WorkloadIdentity with the credentials.
    #[api(tag = 6)]
    pub credentials_ref: Option<CrossVersionObjectReference>,
}

/// Names to take and to leave.
#[api_type]
#[api(name = "DNSIncludeExclude")]
pub struct DnsIncludeExclude {
    /// Names to take.
    #[api(tag = 1, omitempty)]
    pub include: Vec<String>,
    /// Names to leave.
    #[api(tag = 2, omitempty)]
    pub exclude: Vec<String>,
}

/// An extension used by a Shoot or Seed.
#[api_type]
pub struct Extension {
    /// Type of the extension.
    #[api(tag = 1)]
    pub type_: String,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
    /// Switches off an extension that is on by default.
    #[api(tag = 3)]
    pub disabled: Option<bool>,
}

/// When the shoot sleeps.
#[api_type]
pub struct Hibernation {
    /// Whether it sleeps now.
    #[api(tag = 1)]
    pub enabled: Option<bool>,
    /// When it falls asleep and wakes up by itself.
    #[api(tag = 2, omitempty)]
    pub schedules: Vec<HibernationSchedule>,
}

/// Recurring times to fall asleep and wake up.
#[api_type]
pub struct HibernationSchedule {
    /// When it falls asleep, as cron expression.
    #[api(tag = 1)]
    pub start: Option<String>,
    /// When it wakes up, as cron expression.
    #[api(tag = 2)]
    pub end: Option<String>,
    /// Time zone of both; UTC when absent.
    #[api(tag = 3)]
    pub location: Option<String>,
}

/// Monitoring of the shoot.
#[api_type]
pub struct Monitoring {
    /// Who is told about alerts.
    #[api(tag = 1)]
    pub alerting: Option<Alerting>,
}

/// Who is told about alerts.
#[api_type]
pub struct Alerting {
    /// Addresses that alerts are mailed to.
    #[api(tag = 1, omitempty)]
    pub email_receivers: Vec<String>,
}

/// Network of the shoot.
#[api_type]
pub struct Networking {
    /// Network extension; required with workers.
    #[api(tag = 1)]
    pub type_: Option<String>,
    /// Configuration that only the extension of this type understands.
    #[api(tag = 2)]
    pub provider_config: Option<RawExtension>,
    /// Range of pod addresses.
    #[api(tag = 3)]
    pub pods: Option<String>,
    /// Range of node addresses.
    #[api(tag = 4)]
    pub nodes: Option<String>,
    /// Range of Service addresses.
    #[api(tag = 5)]
    pub services: Option<String>,
    /// IP families in use.
    #[api(tag = 6, omitempty)]
    pub ip_families: Vec<IpFamily>,
}

/// An IP family.
#[api_type]
pub enum IpFamily {
    /// Version 4.
    #[api(name = "IPv4")]
    Ipv4,
    /// Version 6.
    #[api(name = "IPv6")]
    Ipv6,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// System components in the cluster.
#[api_type]
pub struct SystemComponents {
    /// CoreDNS.
    #[api(tag = 1, name = "coreDNS")]
    pub core_dns: Option<CoreDns>,
    /// DNS cache on every node.
    #[api(tag = 2, name = "nodeLocalDNS")]
    pub node_local_dns: Option<NodeLocalDns>,
}

/// Settings of the shoot's CoreDNS.
#[api_type]
#[api(name = "CoreDNS")]
pub struct CoreDns {
    /// How it is scaled.
    #[api(tag = 1)]
    pub autoscaling: Option<CoreDnsAutoscaling>,
    /// Which names are rewritten.
    #[api(tag = 2)]
    pub rewriting: Option<CoreDnsRewriting>,
}

/// How CoreDNS is scaled.
#[api_type]
#[api(name = "CoreDNSAutoscaling")]
pub struct CoreDnsAutoscaling {
    /// By load, or by the size of the cluster.
    #[api(tag = 1)]
    pub mode: CoreDnsAutoscalingMode,
}

/// How CoreDNS is scaled.
#[api_type]
pub enum CoreDnsAutoscalingMode {
    /// By its CPU load.
    #[api(name = "horizontal")]
    Horizontal,
    /// By the size of the cluster.
    #[api(name = "cluster-proportional")]
    ClusterProportional,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Names that skip the search path.
#[api_type]
#[api(name = "CoreDNSRewriting")]
pub struct CoreDnsRewriting {
    /// Suffixes of names that are taken as absolute.
    #[api(tag = 1, omitempty)]
    pub common_suffixes: Vec<String>,
}

/// DNS cache on every node.
#[api_type]
#[api(name = "NodeLocalDNS")]
pub struct NodeLocalDns {
    /// Whether it runs.
    #[api(tag = 1)]
    pub enabled: bool,
    /// Whether it asks the cluster's DNS over TCP.
    #[api(tag = 2, name = "forceTCPToClusterDNS")]
    pub force_tcp_to_cluster_dns: Option<bool>,
    /// Whether it asks the node's DNS over TCP.
    #[api(tag = 3, name = "forceTCPToUpstreamDNS")]
    pub force_tcp_to_upstream_dns: Option<bool>,
    /// Whether it never asks the node's DNS.
    #[api(tag = 4, name = "disableForwardToUpstreamDNS")]
    pub disable_forward_to_upstream_dns: Option<bool>,
}
