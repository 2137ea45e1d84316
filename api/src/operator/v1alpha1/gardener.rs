//! Settings of Gardener's own processes.

use apimachinery::meta::{LabelSelector, Quantity};
use apimachinery::{Duration, api_type};
use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceQuota};
use k8s_openapi::api::rbac::v1::Subject;

use super::{AuditWebhook, DnsDomain};
use crate::core::v1beta1::{
    AdmissionPlugin, ApiServerLogging, ApiServerRequests, AuditConfig, EncryptionConfig, KubernetesConfig,
    WatchCacheSizes,
};

/// Gardener's own processes.
#[api_type]
pub struct Gardener {
    /// Identity of the garden, unique everywhere.
    #[api(immutable, min_length = 1)]
    pub cluster_identity: String,
    /// gardener-apiserver.
    #[api(name = "gardenerAPIServer")]
    pub gardener_api_server: Option<GardenerApiServerConfig>,
    /// gardener-admission-controller.
    pub gardener_admission_controller: Option<GardenerAdmissionControllerConfig>,
    /// gardener-controller-manager.
    pub gardener_controller_manager: Option<GardenerControllerManagerConfig>,
    /// gardener-scheduler.
    pub gardener_scheduler: Option<GardenerSchedulerConfig>,
    /// The dashboard; not installed when absent.
    pub gardener_dashboard: Option<GardenerDashboardConfig>,
    /// gardener-discovery-server; not installed when absent.
    pub gardener_discovery_server: Option<GardenerDiscoveryServerConfig>,
    /// gardener-resource-manager of the garden.
    pub gardener_resource_manager: Option<GardenerResourceManagerConfig>,
}

/// Settings of gardener-apiserver.
#[api_type]
#[api(name = "GardenerAPIServerConfig")]
pub struct GardenerApiServerConfig {
    /// Feature gates.
    #[api(inline)]
    pub kubernetes_config: KubernetesConfig,
    /// Admission plugins besides the default ones.
    #[api(omitempty)]
    pub admission_plugins: Vec<AdmissionPlugin>,
    /// What is written to the audit log.
    pub audit_config: Option<AuditConfig>,
    /// Webhook that gets the audit log.
    pub audit_webhook: Option<AuditWebhook>,
    /// How much is logged.
    pub logging: Option<ApiServerLogging>,
    /// How many requests are handled at a time.
    pub requests: Option<ApiServerRequests>,
    /// Sizes of the watch caches.
    pub watch_cache_sizes: Option<WatchCacheSizes>,
    /// What is encrypted in etcd.
    pub encryption_config: Option<EncryptionConfig>,
    /// Share of requests answered with GOAWAY, to spread clients.
    #[api(minimum = 0, maximum = 0.02)]
    pub go_away_chance: Option<f64>,
    /// Longest validity of an admin kubeconfig.
    pub shoot_admin_kubeconfig_max_expiration: Option<Duration>,
}

/// Settings of gardener-admission-controller.
#[api_type]
pub struct GardenerAdmissionControllerConfig {
    /// Least important level that is logged: `debug`, `info` or `error`.
    #[api(values = "info, debug, error", default = r#""info""#)]
    pub log_level: Option<String>,
    /// Limits on the size and number of objects.
    pub resource_admission_configuration: Option<ResourceAdmissionConfiguration>,
}

/// Limits on the size and number of objects.
#[api_type]
pub struct ResourceAdmissionConfiguration {
    /// The limits.
    pub limits: Vec<ResourceLimit>,
    /// Who is exempt.
    #[api(omitempty)]
    pub unrestricted_subjects: Vec<Subject>,
    /// What happens above a limit.
    pub operation_mode: Option<ResourceAdmissionWebhookMode>,
}

/// A limit for some resources.
#[api_type]
pub struct ResourceLimit {
    /// API groups; `*` for all.
    #[api(omitempty)]
    pub api_groups: Vec<String>,
    /// API versions; `*` for all.
    #[api(omitempty)]
    pub api_versions: Vec<String>,
    /// Resources, in the plural; `*` for all.
    pub resources: Vec<String>,
    /// Largest object.
    pub size: Option<Quantity>,
    /// Most objects per namespace.
    pub count: Option<i64>,
}

/// What happens to objects above a limit.
#[api_type]
pub enum ResourceAdmissionWebhookMode {
    /// They are refused.
    #[api(name = "block")]
    Block,
    /// They are logged.
    #[api(name = "log")]
    Log,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Settings of gardener-controller-manager.
#[api_type]
pub struct GardenerControllerManagerConfig {
    /// Feature gates.
    #[api(inline)]
    pub kubernetes_config: KubernetesConfig,
    /// Quotas of new projects.
    #[api(omitempty)]
    pub default_project_quotas: Vec<ProjectQuotaConfiguration>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    #[api(values = "info, debug, error", default = r#""info""#)]
    pub log_level: Option<String>,
}

/// Quota of new projects.
#[api_type]
pub struct ProjectQuotaConfiguration {
    /// The quota.
    pub config: ResourceQuota,
    /// Projects that get it; all when absent.
    pub project_selector: Option<LabelSelector>,
}

/// Settings of gardener-scheduler.
#[api_type]
pub struct GardenerSchedulerConfig {
    /// Feature gates.
    #[api(inline)]
    pub kubernetes_config: KubernetesConfig,
    /// How the seeds are narrowed down: `SameRegion` or `MinimalDistance`.
    #[api(values = "SameRegion, MinimalDistance", default = r#""SameRegion""#)]
    pub strategy: Option<String>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    #[api(values = "info, debug, error", default = r#""info""#)]
    pub log_level: Option<String>,
}

/// Settings of the dashboard.
#[api_type]
pub struct GardenerDashboardConfig {
    /// Whether users may log in with a token.
    #[api(default = "true")]
    pub enable_token_login: Option<bool>,
    /// ConfigMap with settings of the web page.
    pub frontend_config_map_ref: Option<LocalObjectReference>,
    /// ConfigMap with pictures of the web page.
    pub assets_config_map_ref: Option<LocalObjectReference>,
    /// Ticket system.
    pub git_hub: Option<DashboardGitHub>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    #[api(values = "trace, debug, info, warn, error", default = r#""info""#)]
    pub log_level: Option<String>,
    /// Login by OIDC.
    pub oidc_config: Option<DashboardOidc>,
    /// Web terminals.
    pub terminal: Option<DashboardTerminal>,
    /// Its domain.
    pub domain: Option<DnsDomain>,
    /// Secret with its certificate.
    pub tls_secret_name: Option<String>,
    /// Its ingress.
    pub ingress: Option<DashboardIngress>,
    /// Whether kubeconfigs carry the certificate authority of the API's own certificate.
    #[api(name = "propagateCAFromSNI")]
    pub propagate_ca_from_sni: Option<bool>,
}

/// Ticket system of the dashboard.
#[api_type]
pub struct DashboardGitHub {
    /// API of GitHub.
    #[api(name = "apiURL", min_length = 1, default = r#""https://api.github.com""#)]
    pub api_url: String,
    /// Organisation of the tickets.
    #[api(min_length = 1)]
    pub organisation: String,
    /// Repository of the tickets.
    #[api(min_length = 1)]
    pub repository: String,
    /// The Secret with the credentials.
    pub secret_ref: LocalObjectReference,
    /// How often tickets are read.
    pub poll_interval: Option<Duration>,
}

/// Login to the dashboard.
#[api_type]
#[api(name = "DashboardOIDC")]
pub struct DashboardOidc {
    /// Client identity for command lines.
    #[api(name = "clientIDPublic", min_length = 1)]
    pub client_id_public: Option<String>,
    /// Who issues the tokens.
    #[api(name = "issuerURL", min_length = 1)]
    pub issuer_url: Option<String>,
    /// After which users have to log in again.
    pub session_lifetime: Option<Duration>,
    /// Further scopes to ask for.
    #[api(omitempty)]
    pub additional_scopes: Vec<String>,
    /// Secret with client identity and client secret.
    pub secret_ref: LocalObjectReference,
    /// Secret with the certificates the issuer is trusted by.
    pub certificate_authority_secret_ref: Option<LocalObjectReference>,
}

/// Web terminals of the dashboard.
#[api_type]
pub struct DashboardTerminal {
    /// What runs in them.
    pub container: DashboardTerminalContainer,
    /// Hosts they may be opened on.
    #[api(omitempty)]
    pub allowed_hosts: Vec<String>,
}

/// What runs in a web terminal.
#[api_type]
pub struct DashboardTerminalContainer {
    /// Image.
    pub image: String,
    /// What the image is, for people.
    pub description: Option<String>,
}

/// Ingress of the dashboard.
#[api_type]
pub struct DashboardIngress {
    /// Whether this is switched on.
    #[api(default = "true")]
    pub enabled: Option<bool>,
}

/// Settings of gardener-discovery-server.
#[api_type]
pub struct GardenerDiscoveryServerConfig {
    /// Its domain.
    pub domain: Option<DnsDomain>,
    /// Secret with its certificate.
    pub tls_secret_name: Option<String>,
}

/// Settings of the garden's gardener-resource-manager.
#[api_type]
pub struct GardenerResourceManagerConfig {
    /// Further namespaces it works in.
    #[api(omitempty)]
    pub additional_target_namespaces: Vec<String>,
}
