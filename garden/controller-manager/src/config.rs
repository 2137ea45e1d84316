//! The controller manager's configuration file.
//!
//! In: a path. Out: a [`ControllerManagerConfiguration`] whose kind was checked, and answers with their defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::config::controller_manager::ControllerManagerConfiguration;

const API_VERSION: &str = "controllermanager.config.gardener.cloud/v1alpha1";
const KIND: &str = "ControllerManagerConfiguration";
/// Where probes are answered when the file does not say.
const HEALTH_PORT: u16 = 2718;
/// A gardenlet renews its lease every 2 s; Gardener gives up on it after this time.
const MONITOR_PERIOD: Duration = Duration::from_secs(40);
/// Shoots of a silent gardenlet are unknown after this time: until then it may be a restart.
const SHOOT_MONITOR_PERIOD: Duration = Duration::from_secs(600);
/// How often a lease is looked at.
const SYNC_PERIOD: Duration = Duration::from_secs(10);

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file is no such configuration.
    #[error("failed to understand {path} as {KIND} of {API_VERSION}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: serde_yaml_ng::Error,
    },
    /// The file is of another kind.
    #[error("{path} is of kind {found:?}, wanted is {KIND} of {API_VERSION}")]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
    },
}

/// Reads the file; without one everything has its default.
pub(crate) fn load(path: Option<&Path>) -> Result<ControllerManagerConfiguration, ConfigError> {
    let Some(path) = path else {
        return Ok(ControllerManagerConfiguration::default());
    };
    let path = path.to_owned();
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
        path: path.clone(),
        source,
    })?;
    parse(path, &text)
}

fn parse(path: PathBuf, text: &str) -> Result<ControllerManagerConfiguration, ConfigError> {
    let value: serde_json::Value = serde_yaml_ng::from_str(text).map_err(|source| ConfigError::Parse {
        path: path.clone(),
        source,
    })?;
    let part = |key: &str| {
        value
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (api_version, kind) = (part("apiVersion"), part("kind"));
    if api_version != API_VERSION || kind != KIND {
        return Err(ConfigError::Kind {
            path,
            found: format!("{kind} of {api_version}"),
        });
    }
    serde_yaml_ng::from_str(text).map_err(|source| ConfigError::Parse { path, source })
}

/// Where probes are answered.
pub(crate) fn health_address(config: &ControllerManagerConfiguration) -> SocketAddr {
    let server = config.server.health_probes.as_ref();
    let address = server
        .and_then(|server| server.bind_address.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let port = server
        .and_then(|server| u16::try_from(server.port).ok())
        .filter(|port| *port != 0);
    SocketAddr::new(address, port.unwrap_or(HEALTH_PORT))
}

/// The rhythm in which seeds are watched over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeedPeriods {
    /// A gardenlet that was silent for so long is gone.
    pub(crate) monitor: Duration,
    /// Its shoots are unknown after so long.
    pub(crate) shoot_monitor: Duration,
    /// How often it is looked at.
    pub(crate) sync: Duration,
}

/// The file's rhythm, or Gardener's.
pub(crate) fn seed_periods(config: &ControllerManagerConfiguration) -> SeedPeriods {
    let seed = config.controllers.seed.clone().unwrap_or_default();
    let or = |configured: Option<apimachinery::Duration>, default: Duration| {
        configured
            .map(|duration| duration.to_std())
            .filter(|duration| !duration.is_zero())
            .unwrap_or(default)
    };
    SeedPeriods {
        monitor: or(seed.monitor_period, MONITOR_PERIOD),
        shoot_monitor: or(seed.shoot_monitor_period, SHOOT_MONITOR_PERIOD),
        sync: or(seed.sync_period, SYNC_PERIOD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_defaults() {
        let text = "apiVersion: controllermanager.config.gardener.cloud/v1alpha1\nkind: ControllerManagerConfiguration\n\
                    controllers:\n  seed:\n    monitorPeriod: 20s\n";
        let config = parse("config.yaml".into(), text).unwrap();
        assert_eq!(health_address(&config).to_string(), "0.0.0.0:2718");
        let periods = seed_periods(&config);
        assert_eq!(periods.monitor, Duration::from_secs(20));
        assert_eq!(periods.shoot_monitor, Duration::from_secs(600));
    }

    #[test]
    fn another_kind_is_refused() {
        let error = parse("config.yaml".into(), "kind: Secret\n").unwrap_err();
        assert!(error.to_string().contains("is of kind \"Secret of \""), "{error}");
    }
}
