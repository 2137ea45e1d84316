//! Names of a shoot: its technical id, the names of its API server, and who keeps these in DNS.

use api::core::v1beta1::{Seed, SeedDnsProviderConfig, Shoot};
use k8s_openapi::api::core::v1::ObjectReference;

/// Shoots with this DNS provider want no records: their owner makes them.
const UNMANAGED: &str = "unmanaged";

/// Namespace of a shoot's control plane in the seed, `shoot--<project>--<shoot>`.
pub(crate) fn technical_id(project: &str, shoot: &str) -> String {
    format!("{}-{project}--{shoot}", api::constants::TECHNICAL_ID_PREFIX)
}

/// A name of the API server, and who keeps it in DNS.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Endpoint {
    /// The name, `api.…`.
    pub(crate) hostname: String,
    /// Who keeps it; `None`: the shoot's owner.
    pub(crate) record: Option<RecordKeeper>,
}

/// Who keeps a record: an extension of this type, in this zone, with these credentials of the garden.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RecordKeeper {
    pub(crate) provider_type: String,
    pub(crate) zone: Option<String>,
    pub(crate) credentials: Option<ObjectReference>,
}

impl From<&SeedDnsProviderConfig> for RecordKeeper {
    fn from(config: &SeedDnsProviderConfig) -> Self {
        let named = config
            .credentials_ref
            .name
            .as_ref()
            .is_some_and(|name| !name.is_empty());
        Self {
            provider_type: config.type_.clone(),
            zone: config.zone.clone(),
            credentials: named.then(|| config.credentials_ref.clone()),
        }
    }
}

/// The names of a shoot's API server.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Endpoints {
    /// For users.
    pub(crate) external: Option<Endpoint>,
    /// For the shoot's own machines and Gardener's components: it does not depend on the user's domain.
    pub(crate) internal: Option<Endpoint>,
}

impl Endpoints {
    /// The names of `shoot` on `seed`.
    pub(crate) fn of(shoot: &Shoot, project: &str, seed: &Seed) -> Self {
        let name = shoot.metadata.name.as_deref().unwrap_or_default();
        let internal = seed.spec.dns.internal.as_ref().map(|config| Endpoint {
            hostname: format!("api.{name}.{project}.{}", config.domain),
            record: Some(config.into()),
        });
        Self {
            external: external(shoot, name, project, &seed.spec.dns.defaults),
            internal,
        }
    }

    /// The host names, for users first.
    pub(crate) fn hostnames(&self) -> Vec<String> {
        self.external
            .iter()
            .chain(&self.internal)
            .map(|endpoint| endpoint.hostname.clone())
            .collect()
    }
}

fn external(shoot: &Shoot, name: &str, project: &str, defaults: &[SeedDnsProviderConfig]) -> Option<Endpoint> {
    let dns = shoot.spec.dns.clone().unwrap_or_default();
    let domain = match dns.domain.filter(|domain| !domain.is_empty()) {
        Some(domain) => domain,
        None => format!("{name}.{project}.{}", defaults.first()?.domain),
    };
    let primary = dns
        .providers
        .iter()
        .find(|provider| provider.primary == Some(true))
        .or_else(|| dns.providers.first());
    let record = match primary.and_then(|provider| provider.type_.as_deref()) {
        Some(UNMANAGED) => None,
        Some(provider_type) => Some(RecordKeeper {
            provider_type: provider_type.to_owned(),
            ..RecordKeeper::default()
        }),
        None => defaults
            .iter()
            .find(|config| domain.ends_with(&format!(".{}", config.domain)))
            .map(RecordKeeper::from),
    };
    Some(Endpoint {
        hostname: format!("api.{domain}"),
        record,
    })
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{Dns, DnsProvider};

    use super::*;

    fn seed() -> Seed {
        let config = |domain: &str| SeedDnsProviderConfig {
            type_: "local".to_owned(),
            domain: domain.to_owned(),
            ..SeedDnsProviderConfig::default()
        };
        let mut seed = Seed::default();
        seed.spec.dns.internal = Some(config("internal.test"));
        seed.spec.dns.defaults = vec![config("shoots.test")];
        seed
    }

    fn shoot(dns: Option<Dns>) -> Shoot {
        let mut shoot = Shoot::default();
        shoot.metadata.name = Some("first".to_owned());
        shoot.spec.dns = dns;
        shoot
    }

    #[track_caller]
    fn check(dns: Option<Dns>, hostname: &str, provider: Option<&str>) {
        let endpoints = Endpoints::of(&shoot(dns), "dev", &seed());
        let external = endpoints.external.unwrap();
        assert_eq!(external.hostname, hostname);
        assert_eq!(external.record.map(|record| record.provider_type).as_deref(), provider);
        assert_eq!(endpoints.internal.unwrap().hostname, "api.first.dev.internal.test");
    }

    fn domain(domain: &str, provider: Option<&str>) -> Option<Dns> {
        let provider = provider.map(|type_| DnsProvider {
            type_: Some(type_.to_owned()),
            ..DnsProvider::default()
        });
        Some(Dns {
            domain: Some(domain.to_owned()),
            providers: provider.into_iter().collect(),
        })
    }

    #[test]
    fn the_technical_id_is_the_namespace() {
        assert_eq!(technical_id("dev", "first"), "shoot--dev--first");
    }

    #[test]
    fn names_follow_the_shoots_domain_or_the_seeds() {
        check(None, "api.first.dev.shoots.test", Some("local"));
        check(domain("mine.shoots.test", None), "api.mine.shoots.test", Some("local"));
        check(
            domain("example.org", Some("aws-route53")),
            "api.example.org",
            Some("aws-route53"),
        );
        check(domain("example.org", Some("unmanaged")), "api.example.org", None);
        check(domain("example.org", None), "api.example.org", None);
    }
}
