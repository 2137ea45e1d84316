//! What user data left: node-agent's configuration and the machine's name.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use api::config::node_agent::NodeAgentConfiguration;
use plan_node::MACHINE_NAME;

use crate::layout::Layout;

/// The configuration, complete and checked.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// The machine's name, which is the node's.
    pub(crate) machine: String,
    /// The API server's address.
    pub(crate) server: String,
    /// Authorities that its certificate may be of.
    pub(crate) ca_file: PathBuf,
    /// The Secret with the OperatingSystemConfig.
    pub(crate) secret: String,
    /// Where probes are answered.
    pub(crate) health: Option<SocketAddr>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file cannot be read.
    #[error("failed to read the configuration")]
    Read(#[from] io::Error),
    /// A file is not what it should be.
    #[error("failed to understand {path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_yaml_ng::Error,
    },
    /// Something is missing.
    #[error("{path} does not say {what}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// What.
        what: &'static str,
    },
    /// The address for probes is none.
    #[error("{0:?} is no address to answer probes at")]
    Address(String),
}

impl Configuration {
    /// Reads the files.
    pub(crate) fn load(layout: &Layout, path: &Path) -> Result<Self, ConfigurationError> {
        let path = layout.at_path(path);
        let text = fs_err::read_to_string(&path)?;
        let parsed: NodeAgentConfiguration =
            serde_yaml_ng::from_str(&text).map_err(|source| ConfigurationError::Parse {
                path: path.clone(),
                source,
            })?;
        let missing = |what| ConfigurationError::Missing {
            path: path.clone(),
            what,
        };
        let given = |value: String, what| {
            if value.is_empty() {
                Err(missing(what))
            } else {
                Ok(value)
            }
        };
        let name_file = layout.at(MACHINE_NAME);
        let machine = fs_err::read_to_string(&name_file)?.trim().to_owned();
        if machine.is_empty() {
            return Err(ConfigurationError::Missing {
                path: name_file,
                what: "the machine's name",
            });
        }
        Ok(Self {
            machine,
            server: given(parsed.api_server.server, "apiServer.server")?,
            ca_file: layout.at(&given(parsed.api_server.ca_file, "apiServer.caFile")?),
            secret: given(
                parsed.controllers.operating_system_config.secret_name,
                "controllers.operatingSystemConfig.secretName",
            )?,
            health: parsed.server.health_probes.map(|server| address(&server)).transpose()?,
        })
    }
}

fn address(server: &api::config::Server) -> Result<SocketAddr, ConfigurationError> {
    let host = if server.bind_address.is_empty() {
        "0.0.0.0"
    } else {
        &server.bind_address
    };
    let text = format!("{host}:{}", server.port);
    text.parse().map_err(|_| ConfigurationError::Address(text))
}

#[cfg(test)]
mod tests {
    use lib_error_chain::ErrorChain;
    use plan_node::NODE_AGENT_CONFIGURATION;

    use super::*;
    use crate::files::replace;

    fn load(configuration: &str, machine: &str) -> Result<Configuration, String> {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        replace(&layout.at(NODE_AGENT_CONFIGURATION), 0o600, configuration.as_bytes()).unwrap();
        replace(&layout.at(MACHINE_NAME), 0o644, machine.as_bytes()).unwrap();
        let loaded = Configuration::load(&layout, Path::new(NODE_AGENT_CONFIGURATION));
        let root = root.path().display().to_string();
        loaded.map_err(|error| ErrorChain(&error).to_string().replace(&root, ""))
    }

    #[test]
    fn what_the_planner_writes_is_understood() {
        let wish = plan_node::NodeWish {
            api_server: "https://api.example.org".into(),
            ..plan_node::NodeWish::default()
        };
        let plan = plan_node::plan_init(&wish);
        let file = plan
            .files
            .iter()
            .find(|file| file.path == NODE_AGENT_CONFIGURATION)
            .unwrap();
        let configuration = load(&file.content.inline.as_ref().unwrap().data, "machine-0\n").unwrap();
        assert_eq!(configuration.machine, "machine-0");
        assert_eq!(configuration.server, "https://api.example.org");
        assert_eq!(configuration.secret, plan_node::node_agent_secret_name(&wish));
        assert!(configuration.health.unwrap().ip().is_loopback());
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            load("apiServer: {server: a}", "m").unwrap_err(),
            "/var/lib/gardener-node-agent/config.yaml does not say apiServer.caFile"
        );
        assert_eq!(
            load("apiServer: {server: a, caFile: b}", " ").unwrap_err(),
            "/var/lib/gardener-node-agent/machine-name does not say the machine's name"
        );
        let broken = load("apiServer: 3", "m").unwrap_err();
        assert!(
            broken.starts_with("failed to understand /var/lib/gardener-node-agent/config.yaml: "),
            "{broken}"
        );
    }
}
