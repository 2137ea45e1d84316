//! Connections to the tunnel's servers: through the gateway, which routes by the TLS server name.

use std::{io, sync::Arc, time::Duration};

use lib_resolve::{ConnectError, Resolver};
use lib_tunnel::configure_socket;
use rustls_pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;

use crate::{
    Settings,
    credentials::{Connector, Credentials, CredentialsError, Loaded},
};

/// For the connection to each address of the gateway.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// For two round trips around half the world, and a busy server.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("failed to reach the gateway")]
    Connect(#[source] Box<ConnectError>),
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("no end of the TLS handshake within {} s", HANDSHAKE_DEADLINE.as_secs())]
    TimedOut,
}

/// Dials the gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    host: String,
    port: u16,
    resolver: Resolver,
    pub(crate) credentials: Credentials,
}

impl Gateway {
    pub(crate) fn new(settings: &Settings, resolver: Resolver) -> Self {
        Self {
            host: settings.gateway_host.clone(),
            port: settings.gateway_port,
            resolver,
            credentials: Credentials::new(settings),
        }
    }

    /// A connection to the server `name` that its client's streams go through.
    pub(crate) async fn tunnel(
        &self,
        name: &ServerName<'static>,
    ) -> Result<(TlsStream<TcpStream>, Arc<Loaded>), GatewayError> {
        let loaded = self.credentials.load().await?;
        let stream = self.connect(&loaded.tunnel, name).await?;
        Ok((stream, loaded))
    }

    /// A connection to the API server behind the server `name`.
    pub(crate) async fn api_server(&self, name: &ServerName<'static>) -> Result<TlsStream<TcpStream>, GatewayError> {
        let loaded = self.credentials.load().await?;
        self.connect(&loaded.api_server, name).await
    }

    async fn connect(
        &self,
        connector: &Connector,
        name: &ServerName<'static>,
    ) -> Result<TlsStream<TcpStream>, GatewayError> {
        let connecting = lib_resolve::connect(&self.resolver, &self.host, self.port, CONNECT_DEADLINE);
        let stream = connecting
            .await
            .map_err(|error| GatewayError::Connect(Box::new(error)))?;
        configure_socket(&stream).map_err(GatewayError::Handshake)?;
        timeout(HANDSHAKE_DEADLINE, connector.0.connect(name.clone(), stream))
            .await
            .map_err(|_| GatewayError::TimedOut)?
            .map_err(GatewayError::Handshake)
    }
}
