//! The configuration, parsed once.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use api::config::tunnel_client::TunnelClientConfiguration;
use ipnet::IpNet;
use rustls_pki_types::ServerName;

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("failed to read the configuration")]
    Read(#[from] std::io::Error),
    /// It is no configuration.
    #[error("failed to parse the configuration {path}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_yaml_ng::Error,
    },
    /// A field is not what it should be.
    #[error("{field}: {value:?} is no {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// There is nobody to connect to.
    #[error("serverNames: there must be at least one")]
    NoServer,
}

/// What the unit is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host of the gateway: a name or an address.
    pub gateway_host: String,
    /// Port of the gateway.
    pub gateway_port: u16,
    /// Names of the tunnel's servers.
    pub server_names: Vec<ServerName<'static>>,
    /// File with the authorities of the servers.
    pub authority_file: PathBuf,
    /// File with the unit's certificate.
    pub certificate_file: PathBuf,
    /// File with the certificate's key.
    pub key_file: PathBuf,
    /// Where clients of the API server connect.
    pub listen: SocketAddr,
    /// What may be dialled beside the machine's own addresses.
    pub allowed: Vec<IpNet>,
}

impl Settings {
    /// Reads the configuration file.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs_err::read_to_string(path)?;
        let configuration = serde_yaml_ng::from_str(&text).map_err(|source| SettingsError::Parse {
            path: path.to_owned(),
            source,
        })?;
        Self::new(&configuration)
    }

    /// Parses the configuration.
    pub fn new(configuration: &TunnelClientConfiguration) -> Result<Self, SettingsError> {
        let (gateway_host, gateway_port) = host_and_port(&configuration.gateway)?;
        let server_names = configuration
            .server_names
            .iter()
            .map(|name| ServerName::try_from(name.clone()).map_err(|_| field("serverNames", name, "name of a server")));
        let server_names = server_names.collect::<Result<Vec<_>, _>>()?;
        if server_names.is_empty() {
            return Err(SettingsError::NoServer);
        }
        let allowed = configuration.allowed_ranges.iter().map(|range| {
            let parsed = range.parse::<IpNet>();
            parsed.map_err(|_| field("allowedRanges", range, "network range"))
        });
        let listen = &configuration.listen_address;
        Ok(Self {
            gateway_host,
            gateway_port,
            server_names,
            authority_file: file("certificateAuthorityFile", &configuration.certificate_authority_file)?,
            certificate_file: file("certificateFile", &configuration.certificate_file)?,
            key_file: file("keyFile", &configuration.key_file)?,
            listen: listen
                .parse()
                .map_err(|_| field("listenAddress", listen, "address with a port"))?,
            allowed: allowed.collect::<Result<_, _>>()?,
        })
    }
}

fn field(field: &'static str, value: &str, expected: &'static str) -> SettingsError {
    SettingsError::Field {
        field,
        value: value.to_owned(),
        expected,
    }
}

fn file(name: &'static str, value: &str) -> Result<PathBuf, SettingsError> {
    if value.is_empty() {
        return Err(field(name, value, "file"));
    }
    Ok(value.into())
}

fn host_and_port(gateway: &str) -> Result<(String, u16), SettingsError> {
    let parts = gateway.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let parts = parts.and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    parts.ok_or_else(|| field("gateway", gateway, "host with a port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> TunnelClientConfiguration {
        TunnelClientConfiguration {
            gateway: "api.first.dev.shoots.example.org:443".to_owned(),
            server_names: vec!["tunnel.first.dev.internal.example.org".to_owned()],
            certificate_authority_file: "/ca.crt".to_owned(),
            certificate_file: "/tls.crt".to_owned(),
            key_file: "/tls.key".to_owned(),
            listen_address: "240.0.0.1:6443".to_owned(),
            allowed_ranges: vec!["100.64.0.0/13".to_owned(), "100.96.0.0/11".to_owned()],
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut TunnelClientConfiguration), expected: &str) {
        let mut configuration = valid();
        assert!(Settings::new(&configuration).is_ok());
        change(&mut configuration);
        assert_eq!(Settings::new(&configuration).unwrap_err().to_string(), expected);
    }

    #[test]
    fn mistakes_are_named() {
        refused(
            |configuration| configuration.gateway = "gateway".to_owned(),
            "gateway: \"gateway\" is no host with a port",
        );
        refused(
            |configuration| configuration.server_names.clear(),
            "serverNames: there must be at least one",
        );
        refused(
            |configuration| configuration.server_names.push("a b".to_owned()),
            "serverNames: \"a b\" is no name of a server",
        );
        refused(
            |configuration| configuration.key_file.clear(),
            "keyFile: \"\" is no file",
        );
        refused(
            |configuration| configuration.listen_address = "240.0.0.1".to_owned(),
            "listenAddress: \"240.0.0.1\" is no address with a port",
        );
        refused(
            |configuration| configuration.allowed_ranges.push("10.0.0.0/33".to_owned()),
            "allowedRanges: \"10.0.0.0/33\" is no network range",
        );
    }
}
