//! What a Garden asks for, understood: every value present, every contradiction found.
//!
//! In: a Garden, whose CRD has checked the shape. Out: [`Settings`], or what is wrong with it.
//! Absent: names of Secrets and addresses, which only show when things are made.

use api::operator::v1alpha1::{DnsDomain, DnsProvider, Garden, Storage};
use ipnet::IpNet;

/// Where the operator keeps everything, in the runtime cluster.
pub(crate) const NAMESPACE: &str = api::constants::GARDEN_NAMESPACE;
/// Before the names of the virtual garden's control plane.
pub(crate) const PREFIX: &str = api::constants::VIRTUAL_GARDEN_PREFIX;
/// Size of etcd's volume when the Garden does not say.
const ETCD_CAPACITY: &str = "10Gi";

/// A wish for a garden.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// The Garden's name.
    pub(crate) name: String,
    /// Names below which the garden's API server is reached, with how their records are made.
    pub(crate) domains: Vec<Domain>,
    /// Tells this garden's objects from another's.
    pub(crate) cluster_identity: String,
    /// Version of the virtual garden's control plane.
    pub(crate) kubernetes_version: String,
    /// Range of the virtual garden's Service addresses.
    pub(crate) services: String,
    /// Size of etcd's volume.
    pub(crate) etcd_capacity: String,
    /// Its storage class; `None`: the cluster's default.
    pub(crate) etcd_storage_class: Option<String>,
    /// Annotations of the gateway's Service, for the cloud's load balancer.
    pub(crate) load_balancer_annotations: std::collections::BTreeMap<String, String>,
    /// How the scheduler compares regions.
    pub(crate) scheduler_strategy: String,
    /// How much the scheduler says.
    pub(crate) scheduler_log_level: String,
    /// How much the controller manager says.
    pub(crate) controller_manager_log_level: String,
    /// Longest life of a kubeconfig that gardener-apiserver gives out, as a duration of Go.
    pub(crate) shoot_admin_kubeconfig_max_expiration: Option<String>,
    /// Region of the runtime cluster, for DNS records.
    pub(crate) region: Option<String>,
}

/// A domain, and who makes records in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    /// `garden.example.org`.
    pub(crate) name: String,
    /// `None`: somebody else takes care of the record.
    pub(crate) provider: Option<DomainProvider>,
}

/// Who makes records in a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DomainProvider {
    /// Type of the DNSRecord extension.
    pub(crate) type_: String,
    /// Secret with its credentials, in the operator's namespace.
    pub(crate) secret: String,
}

impl Domain {
    /// The name of the garden's API server in this domain.
    pub(crate) fn api_server(&self) -> String {
        format!("api.{}", self.name)
    }
}

/// Why a Garden cannot be made as it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingsError {
    /// Nothing to reach it by.
    #[error("spec.virtualCluster.dns.domains: Required value: the garden's API server needs at least one domain")]
    NoDomain,
    /// A domain names a provider that is not there.
    #[error(
        "spec.virtualCluster.dns.domains: Invalid value: {domain:?}: there is no provider {provider:?} in spec.dns.providers"
    )]
    UnknownProvider {
        /// The domain.
        domain: String,
        /// The provider's name.
        provider: String,
    },
    /// Services need addresses.
    #[error(
        "spec.virtualCluster.networking.services: Required value: the virtual garden needs a range for its Services"
    )]
    NoServices,
    /// A range that cannot be read.
    #[error("{field}: Invalid value: {value:?}: must be a range of addresses such as 10.3.0.0/16")]
    BadRange {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: String,
    },
    /// Its own Services would hide those of the runtime cluster.
    #[error(
        "spec.virtualCluster.networking.services: Invalid value: {value:?}: overlaps with the runtime cluster's {field} {other:?}"
    )]
    Overlap {
        /// The virtual garden's range.
        value: String,
        /// Which network of the runtime cluster.
        field: &'static str,
        /// Its range.
        other: String,
    },
    /// Every installation has its own.
    #[error("spec.virtualCluster.gardener.clusterIdentity: Required value: it tells this garden from others")]
    NoIdentity,
    /// Something must run.
    #[error("spec.virtualCluster.kubernetes.version: Required value")]
    NoVersion,
}

impl Settings {
    /// Understands a Garden.
    pub(crate) fn of(garden: &Garden) -> Result<Self, SettingsError> {
        let cluster = &garden.spec.virtual_cluster;
        let gardener = &cluster.gardener;
        if gardener.cluster_identity.is_empty() {
            return Err(SettingsError::NoIdentity);
        }
        if cluster.kubernetes.version.is_empty() {
            return Err(SettingsError::NoVersion);
        }
        let storage = cluster
            .etcd
            .as_ref()
            .and_then(|etcd| etcd.main.as_ref()?.storage.clone())
            .unwrap_or_default();
        let Storage { capacity, class_name } = storage;
        let scheduler = gardener.gardener_scheduler.clone().unwrap_or_default();
        let controller_manager = gardener.gardener_controller_manager.clone().unwrap_or_default();
        let api_server = gardener.gardener_api_server.clone().unwrap_or_default();
        let settings = garden.spec.runtime_cluster.settings.clone().unwrap_or_default();
        Ok(Self {
            name: garden.metadata.name.clone().unwrap_or_default(),
            domains: domains(garden)?,
            cluster_identity: gardener.cluster_identity.clone(),
            kubernetes_version: cluster.kubernetes.version.clone(),
            services: services(garden)?,
            etcd_capacity: capacity.map_or_else(|| ETCD_CAPACITY.to_owned(), |capacity| capacity.0),
            etcd_storage_class: class_name,
            load_balancer_annotations: settings.load_balancer_services.unwrap_or_default().annotations,
            scheduler_strategy: scheduler.strategy.unwrap_or_else(|| "SameRegion".to_owned()),
            scheduler_log_level: scheduler.log_level.unwrap_or_else(|| "info".to_owned()),
            controller_manager_log_level: controller_manager.log_level.unwrap_or_else(|| "info".to_owned()),
            shoot_admin_kubeconfig_max_expiration: api_server
                .shoot_admin_kubeconfig_max_expiration
                .map(|duration| duration.to_string()),
            region: garden.spec.runtime_cluster.provider.region.clone(),
        })
    }

    /// All names of the garden's API server; the first is what tokens name as their issuer.
    pub(crate) fn host_names(&self) -> Vec<String> {
        self.domains.iter().map(Domain::api_server).collect()
    }
}

fn domains(garden: &Garden) -> Result<Vec<Domain>, SettingsError> {
    let providers = garden
        .spec
        .dns
        .as_ref()
        .map(|dns| dns.providers.as_slice())
        .unwrap_or_default();
    let domains: Vec<Domain> = garden
        .spec
        .virtual_cluster
        .dns
        .domains
        .iter()
        .map(|domain| understand_domain(domain, providers))
        .collect::<Result<_, _>>()?;
    if domains.is_empty() {
        Err(SettingsError::NoDomain)
    } else {
        Ok(domains)
    }
}

/// A domain without a provider uses the first one, if there is any (as Gardener does it).
fn understand_domain(domain: &DnsDomain, providers: &[DnsProvider]) -> Result<Domain, SettingsError> {
    let found = match &domain.provider {
        None => providers.first(),
        Some(name) => {
            let unknown = || SettingsError::UnknownProvider {
                domain: domain.name.clone(),
                provider: name.clone(),
            };
            Some(
                providers
                    .iter()
                    .find(|provider| provider.name == *name)
                    .ok_or_else(unknown)?,
            )
        }
    };
    let provider = found.map(|provider| DomainProvider {
        type_: provider.type_.clone(),
        secret: provider.secret_ref.name.clone(),
    });
    Ok(Domain {
        name: domain.name.clone(),
        provider,
    })
}

/// The first range; it must differ from the runtime cluster's, since kube-apiserver talks to both.
fn services(garden: &Garden) -> Result<String, SettingsError> {
    const FIELD: &str = "spec.virtualCluster.networking.services";
    let value = garden
        .spec
        .virtual_cluster
        .networking
        .services
        .first()
        .ok_or(SettingsError::NoServices)?;
    let range = parse(FIELD, value)?;
    let runtime = &garden.spec.runtime_cluster.networking;
    let others = [
        ("nodes", &runtime.nodes),
        ("pods", &runtime.pods),
        ("services", &runtime.services),
    ];
    for (field, ranges) in others {
        for other in ranges {
            let parsed = parse("spec.runtimeCluster.networking", other)?;
            if range.contains(&parsed.network()) || parsed.contains(&range.network()) {
                return Err(SettingsError::Overlap {
                    value: value.clone(),
                    field,
                    other: other.clone(),
                });
            }
        }
    }
    Ok(value.clone())
}

fn parse(field: &'static str, value: &str) -> Result<IpNet, SettingsError> {
    value.parse().map_err(|_| SettingsError::BadRange {
        field,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn garden() -> Value {
        json!({
            "metadata": { "name": "local" },
            "spec": {
                "dns": { "providers": [{ "name": "primary", "type": "local", "secretRef": { "name": "dns-local" } }] },
                "runtimeCluster": {
                    "networking": { "nodes": ["10.1.0.0/24"], "pods": ["10.2.0.0/16"], "services": ["10.3.0.0/16"] },
                },
                "virtualCluster": {
                    "dns": { "domains": [{ "name": "garden.example.org", "provider": "primary" }] },
                    "gardener": { "clusterIdentity": "garden-local" },
                    "kubernetes": { "version": "1.35.4" },
                    "networking": { "services": ["100.64.0.0/13"] },
                },
            },
        })
    }

    fn settings(garden: Value) -> Result<Settings, SettingsError> {
        Settings::of(&serde_json::from_value(garden).unwrap())
    }

    #[track_caller]
    fn check(pointer: &str, value: Value, expected: &str) {
        let mut garden = garden();
        *garden.pointer_mut(pointer).unwrap() = value;
        assert_eq!(settings(garden).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_garden_is_understood() {
        let settings = settings(garden()).unwrap();
        assert_eq!(settings.host_names(), ["api.garden.example.org"]);
        assert_eq!(settings.domains[0].provider.as_ref().unwrap().type_, "local");
        assert_eq!(settings.etcd_capacity, "10Gi");
        assert_eq!(settings.scheduler_strategy, "SameRegion");
    }

    #[test]
    fn contradictions_are_named() {
        check(
            "/spec/virtualCluster/dns/domains",
            json!([]),
            "spec.virtualCluster.dns.domains: Required value: the garden's API server needs at least one domain",
        );
        check(
            "/spec/virtualCluster/dns/domains/0/provider",
            json!("other"),
            "spec.virtualCluster.dns.domains: Invalid value: \"garden.example.org\": there is no provider \"other\" in \
             spec.dns.providers",
        );
        check(
            "/spec/virtualCluster/networking/services",
            json!(["10.3.128.0/17"]),
            "spec.virtualCluster.networking.services: Invalid value: \"10.3.128.0/17\": overlaps with the runtime cluster's \
             services \"10.3.0.0/16\"",
        );
        check(
            "/spec/virtualCluster/networking/services",
            json!(["many"]),
            "spec.virtualCluster.networking.services: Invalid value: \"many\": must be a range of addresses such as 10.3.0.0/16",
        );
        check(
            "/spec/virtualCluster/gardener/clusterIdentity",
            json!(""),
            "spec.virtualCluster.gardener.clusterIdentity: Required value: it tells this garden from others",
        );
    }
}
