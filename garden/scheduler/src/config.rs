//! The scheduler's configuration file.
//!
//! In: a path. Out: a [`SchedulerConfiguration`] whose kind was checked, and answers with their defaults.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use api::config::scheduler::{CandidateDeterminationStrategy, SchedulerConfiguration};
use plan_placement::Strategy;

const API_VERSION: &str = "scheduler.config.gardener.cloud/v1alpha1";
const KIND: &str = "SchedulerConfiguration";
/// Where probes are answered when the file does not say.
const HEALTH_PORT: u16 = 10251;
/// How many shoots are decided at once when the file does not say (Gardener's default).
const CONCURRENT_SYNCS: u16 = 5;

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
pub(crate) fn load(path: Option<&Path>) -> Result<SchedulerConfiguration, ConfigError> {
    let Some(path) = path else {
        return Ok(SchedulerConfiguration::default());
    };
    let path = path.to_owned();
    let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Read {
        path: path.clone(),
        source,
    })?;
    parse(path, &text)
}

fn parse(path: PathBuf, text: &str) -> Result<SchedulerConfiguration, ConfigError> {
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
pub(crate) fn health_address(config: &SchedulerConfiguration) -> SocketAddr {
    let server = config.server.health_probes.as_ref();
    let address = server
        .and_then(|server| server.bind_address.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let port = server
        .and_then(|server| u16::try_from(server.port).ok())
        .filter(|port| *port != 0);
    SocketAddr::new(address, port.unwrap_or(HEALTH_PORT))
}

/// How many shoots are decided at once.
pub(crate) fn concurrency(config: &SchedulerConfiguration) -> u16 {
    let shoot = config.schedulers.shoot.as_ref();
    shoot
        .and_then(|shoot| u16::try_from(shoot.concurrent_syncs).ok())
        .filter(|syncs| *syncs > 0)
        .unwrap_or(CONCURRENT_SYNCS)
}

/// How regions are compared.
pub(crate) fn strategy(config: &SchedulerConfiguration) -> Strategy {
    match config
        .schedulers
        .shoot
        .as_ref()
        .map(|shoot| &shoot.candidate_determination_strategy)
    {
        Some(CandidateDeterminationStrategy::MinimalDistance) => Strategy::MinimalDistance,
        _ => Strategy::SameRegion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_with_its_defaults() {
        let text = "apiVersion: scheduler.config.gardener.cloud/v1alpha1\nkind: SchedulerConfiguration\n\
                    schedulers:\n  shoot:\n    candidateDeterminationStrategy: MinimalDistance\n\
                    server:\n  healthProbes:\n    bindAddress: 127.0.0.1\n    port: 8081\n";
        let config = parse("config.yaml".into(), text).unwrap();
        assert_eq!(strategy(&config), Strategy::MinimalDistance);
        assert_eq!(concurrency(&config), 5);
        assert_eq!(health_address(&config).to_string(), "127.0.0.1:8081");
        assert_eq!(health_address(&load(None).unwrap()).to_string(), "0.0.0.0:10251");
    }

    #[test]
    fn another_kind_is_refused() {
        let error = parse("config.yaml".into(), "apiVersion: v1\nkind: Secret\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "config.yaml is of kind \"Secret of v1\", wanted is SchedulerConfiguration of scheduler.config.gardener.cloud/v1alpha1"
        );
    }
}
