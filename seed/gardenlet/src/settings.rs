//! The configuration file, read once and completed: the rest of the code holds no optional setting.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use api::{
    config::gardenlet::GardenletConfiguration,
    core::v1beta1::{Seed, SeedTemplate},
    defaulting,
    extensions::v1alpha1::{RegistryCapability, RegistryConfig, RegistryHost},
};
use apimachinery::meta::{ObjectMeta, Quantity};

/// Why the configuration is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("failed to read the configuration file")]
    Read(#[source] std::io::Error),
    /// The file is no configuration.
    #[error("failed to parse the configuration file {path}")]
    Parse {
        /// The file.
        path: String,
        /// Why.
        source: serde_yaml_ng::Error,
    },
    /// Something that nobody can guess is missing.
    #[error("the configuration has no {0}")]
    Missing(&'static str),
    /// A registry's place can't be read.
    #[error("--registry: {0:?} is not <registry>=<URL>")]
    Registry(String),
    /// An address can't be read.
    #[error("server.healthProbes: {0:?} is no address")]
    Address(String),
}

/// The completed configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Kubeconfig of the garden.
    pub(crate) garden_kubeconfig: String,
    /// Kubeconfig of the seed; `None`: the process' service account.
    pub(crate) seed_kubeconfig: Option<String>,
    /// Where health is answered.
    pub(crate) health_address: SocketAddr,
    /// The lease by which one of several gardenlets works; `None`: without one.
    pub(crate) leader_election: Option<LeaderElection>,
    /// The Seed as it shall be registered.
    pub(crate) seed: Seed,
    /// What the seed has room for, and what of it is not for shoots.
    pub(crate) capacity: BTreeMap<String, Quantity>,
    /// What of the capacity is reserved.
    pub(crate) reserved: BTreeMap<String, Quantity>,
    /// The Service of the gateway through which API servers are reached.
    pub(crate) gateway_service: (String, String),
    /// Shoots that are worked on at once.
    pub(crate) concurrent_shoots: u16,
    /// Time after which a healthy shoot is reconciled again.
    pub(crate) sync_period: Duration,
    /// Time after which a shoot that can't be reconciled has failed.
    pub(crate) retry_duration: Duration,
    /// Shortest time between two reports of progress.
    pub(crate) progress_period: Duration,
    /// Time between two looks at a shoot's health when nothing seems to change.
    pub(crate) care_period: Duration,
    /// Time between two looks at the seed.
    pub(crate) seed_sync_period: Duration,
    /// Time between two signs of life.
    pub(crate) lease_period: Duration,
    /// Time that DNS records may be cached.
    pub(crate) dns_ttl_seconds: i64,
    /// Registries that machines really reach elsewhere.
    pub(crate) registries: Vec<RegistryConfig>,
}

/// A lease for leader election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaderElection {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Settings {
    /// Reads and completes the file.
    pub(crate) fn load(path: &Path) -> Result<Self, SettingsError> {
        let text = fs_err::read_to_string(path).map_err(SettingsError::Read)?;
        let configuration = serde_yaml_ng::from_str(&text).map_err(|source| SettingsError::Parse {
            path: path.display().to_string(),
            source,
        })?;
        Self::complete(configuration)
    }

    /// Fills in Gardener's defaults.
    pub(crate) fn complete(configuration: GardenletConfiguration) -> Result<Self, SettingsError> {
        let garden_kubeconfig = configuration
            .garden_client_connection
            .map(|connection| connection.client_connection_configuration.kubeconfig)
            .filter(|path| !path.is_empty())
            .ok_or(SettingsError::Missing("gardenClientConnection.kubeconfig"))?;
        let seed_kubeconfig = configuration
            .seed_client_connection
            .map(|connection| connection.client_connection_configuration.kubeconfig)
            .filter(|path| !path.is_empty());
        let template = configuration
            .seed_config
            .ok_or(SettingsError::Missing("seedConfig"))?
            .seed_template;
        let controllers = configuration.controllers.unwrap_or_default();
        let (shoot, care) = (
            controllers.shoot.unwrap_or_default(),
            controllers.shoot_care.unwrap_or_default(),
        );
        let seed_controller = controllers.seed.unwrap_or_default();
        let resources = configuration.resources.unwrap_or_default();
        let ingress = configuration.sni.and_then(|sni| sni.ingress).unwrap_or_default();
        let election = configuration
            .leader_election
            .filter(|election| election.leader_elect.unwrap_or(true));
        Ok(Self {
            garden_kubeconfig,
            seed_kubeconfig,
            health_address: health_address(configuration.server.health_probes.as_ref())?,
            leader_election: election.map(|election| LeaderElection {
                namespace: or(election.resource_namespace, "garden"),
                name: or(election.resource_name, "gardenlet-leader-election"),
            }),
            seed: seed(template)?,
            capacity: if resources.capacity.is_empty() {
                BTreeMap::from([("shoots".to_owned(), Quantity("250".to_owned()))])
            } else {
                resources.capacity
            },
            reserved: resources.reserved,
            gateway_service: (
                ingress.namespace.unwrap_or_else(|| "garden".to_owned()),
                ingress.service_name.unwrap_or_else(|| "gateway".to_owned()),
            ),
            concurrent_shoots: shoot
                .concurrent_syncs
                .and_then(|count| u16::try_from(count).ok())
                .unwrap_or(20),
            sync_period: duration(shoot.sync_period, 3600),
            retry_duration: duration(shoot.retry_duration, 12 * 3600),
            progress_period: duration(shoot.progress_report_period, 1),
            care_period: duration(care.sync_period, 30),
            seed_sync_period: duration(seed_controller.sync_period, 3600).min(Duration::from_secs(60)),
            lease_period: Duration::from_secs(
                seed_controller
                    .lease_resync_seconds
                    .map_or(2, |s| s.max(1).unsigned_abs().into()),
            ),
            dns_ttl_seconds: shoot.dns_entry_ttl_seconds.unwrap_or(120),
            registries: Vec::new(),
        })
    }

    /// With the places of registries, each as `<registry>=<URL>`.
    pub(crate) fn with_registries(mut self, places: &[String]) -> Result<Self, SettingsError> {
        self.registries = places.iter().map(|place| registry(place)).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Name of the seed.
    pub(crate) fn seed_name(&self) -> &str {
        self.seed.metadata.name.as_deref().unwrap_or_default()
    }
}

fn registry(place: &str) -> Result<RegistryConfig, SettingsError> {
    let (upstream, url) = place
        .split_once('=')
        .filter(|(upstream, url)| !upstream.is_empty() && url.contains("://"))
        .ok_or_else(|| SettingsError::Registry(place.to_owned()))?;
    let host = RegistryHost {
        url: url.to_owned(),
        capabilities: vec![RegistryCapability::Pull, RegistryCapability::Resolve],
        ..RegistryHost::default()
    };
    Ok(RegistryConfig {
        upstream: upstream.to_owned(),
        server: Some(url.to_owned()),
        hosts: vec![host],
        ..RegistryConfig::default()
    })
}

fn or(text: String, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text }
}

fn duration(duration: Option<apimachinery::Duration>, default_seconds: u64) -> Duration {
    let nanoseconds = duration
        .and_then(|duration| u64::try_from(duration.nanoseconds()).ok())
        .filter(|n| *n > 0);
    nanoseconds.map_or_else(|| Duration::from_secs(default_seconds), Duration::from_nanos)
}

fn health_address(probes: Option<&api::config::Server>) -> Result<SocketAddr, SettingsError> {
    let (address, port) = probes.map_or((String::new(), 0), |server| (server.bind_address.clone(), server.port));
    let text = format!("{}:{}", or(address, "0.0.0.0"), if port == 0 { 8081 } else { port });
    text.parse().map_err(|_| SettingsError::Address(text))
}

fn seed(template: SeedTemplate) -> Result<Seed, SettingsError> {
    let name = template
        .metadata
        .name
        .filter(|name| !name.is_empty())
        .ok_or(SettingsError::Missing("seedConfig.metadata.name"))?;
    let mut seed = Seed {
        spec: template.spec,
        ..Seed::default()
    };
    seed.metadata = ObjectMeta {
        name: Some(name),
        labels: template.metadata.labels,
        annotations: template.metadata.annotations,
        ..ObjectMeta::default()
    };
    seed.metadata
        .labels
        .get_or_insert_default()
        .insert("gardener.cloud/role".to_owned(), "seed".to_owned());
    defaulting::set_defaults_seed(&mut seed);
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "
apiVersion: gardenlet.config.gardener.cloud/v1alpha1
kind: GardenletConfiguration
gardenClientConnection:
  kubeconfig: /etc/garden/kubeconfig
seedConfig:
  metadata: {name: local, labels: {region: here}}
  spec:
    provider: {type: local, region: local}
    networks: {pods: 10.2.0.0/16, services: 10.3.0.0/16}
";

    fn complete(text: &str) -> Result<Settings, SettingsError> {
        Settings::complete(serde_yaml_ng::from_str(text).unwrap())
    }

    #[test]
    fn what_is_not_said_is_gardeners_default() {
        let settings = complete(SMALL).unwrap();
        assert_eq!(settings.seed_name(), "local");
        assert_eq!(settings.health_address.to_string(), "0.0.0.0:8081");
        assert_eq!(
            (settings.sync_period, settings.retry_duration),
            (Duration::from_secs(3600), Duration::from_secs(43200))
        );
        assert_eq!(settings.gateway_service, ("garden".to_owned(), "gateway".to_owned()));
        assert_eq!(settings.leader_election, None);
        assert_eq!(
            settings.seed.metadata.labels.as_ref().unwrap()["gardener.cloud/role"],
            "seed"
        );
        assert_eq!(settings.seed.spec.provider.type_, "local");
    }

    #[test]
    fn what_nobody_can_guess_is_asked_for() {
        for (without, expected) in [
            (
                "  kubeconfig: /etc/garden/kubeconfig\n",
                "the configuration has no gardenClientConnection.kubeconfig",
            ),
            ("name: local, ", "the configuration has no seedConfig.metadata.name"),
        ] {
            assert_eq!(complete(&SMALL.replace(without, "")).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_is_said_holds() {
        let text = format!(
            "{SMALL}controllers:\n  shoot: {{syncPeriod: 5m, retryDuration: 10s, concurrentSyncs: 3}}\n  shootCare: {{syncPeriod: 7s}}\nserver:\n  healthProbes: {{bindAddress: 127.0.0.1, port: 2728}}\n"
        );
        let settings = complete(&text).unwrap();
        assert_eq!(
            (settings.sync_period.as_secs(), settings.retry_duration.as_secs()),
            (300, 10)
        );
        assert_eq!((settings.concurrent_shoots, settings.care_period.as_secs()), (3, 7));
        assert_eq!(settings.health_address.to_string(), "127.0.0.1:2728");
    }

    #[test]
    fn registries_are_where_they_are_said_to_be() {
        let places = ["registry.test:5000=http://elsewhere.test:5000".to_owned()];
        let settings = complete(SMALL).unwrap().with_registries(&places).unwrap();
        assert_eq!(settings.registries[0].upstream, "registry.test:5000");
        assert_eq!(settings.registries[0].hosts[0].url, "http://elsewhere.test:5000");
        for wrong in ["registry.test", "=http://a", "a=b"] {
            let error = complete(SMALL)
                .unwrap()
                .with_registries(&[wrong.to_owned()])
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("--registry: {wrong:?} is not <registry>=<URL>")
            );
        }
    }
}
