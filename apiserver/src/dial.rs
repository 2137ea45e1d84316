//! Outgoing connections: names resolved by ourselves, TLS by rustls, certificate files read anew for each.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use lib_resolve::Resolver;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;

use crate::tls::{ClientTls, TlsError};

/// How long a server may take to accept a connection, TLS included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{url:?} is not http[s]://host[:port]")]
    Url { url: String },
    #[error("no server is given")]
    NoServers,
    #[error("failed to connect to {url}")]
    Tcp {
        url: String,
        source: lib_resolve::ConnectError,
    },
    #[error("failed to prepare TLS")]
    Tls(#[from] TlsError),
    #[error("failed to negotiate TLS with {url}")]
    Handshake { url: String, source: std::io::Error },
    #[error("{url} did not negotiate TLS in time")]
    HandshakeTimeout { url: String },
}

/// A server by its URL.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    url: String,
    host: String,
    port: u16,
    tls: bool,
    /// Name its certificate must hold, where that is not the host.
    pub(crate) server_name: Option<String>,
}

impl Server {
    /// Reads a URL; its path is ignored.
    pub(crate) fn parse(url: &str, default_port: Option<u16>) -> Result<Self, DialError> {
        let invalid = || DialError::Url { url: url.to_owned() };
        let uri: http::Uri = url.parse().map_err(|_| invalid())?;
        let (tls, scheme_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(invalid()),
        };
        let host = uri.host().ok_or_else(invalid)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().or(default_port).unwrap_or(scheme_port);
        Ok(Self {
            url: url.to_owned(),
            host,
            port,
            tls,
            server_name: None,
        })
    }

    /// Connects.
    pub(crate) async fn dial(
        &self,
        resolver: &Resolver,
        tls: &ClientTls,
        protocols: &[&[u8]],
    ) -> Result<Socket, DialError> {
        let url = || self.url.clone();
        let tcp = lib_resolve::connect(resolver, &self.host, self.port, CONNECT_DEADLINE)
            .await
            .map_err(|source| DialError::Tcp { url: url(), source })?;
        // Requests are small and wait for their answer.
        let _ = tcp.set_nodelay(true);
        if !self.tls {
            return Ok(Socket(Box::new(tcp)));
        }
        let config = tls.config(protocols)?;
        let name = self.server_name.clone().unwrap_or_else(|| self.host.clone());
        let name = ServerName::try_from(name).map_err(|_| DialError::Url { url: url() })?;
        let handshake = TlsConnector::from(config).connect(name, tcp);
        match tokio::time::timeout(CONNECT_DEADLINE, handshake).await {
            Ok(Ok(stream)) => Ok(Socket(Box::new(stream))),
            Ok(Err(source)) => Err(DialError::Handshake { url: url(), source }),
            Err(_) => Err(DialError::HandshakeTimeout { url: url() }),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, with or without TLS.
pub(crate) struct Socket(Box<dyn Stream>);

impl Socket {
    /// As hyper wants it.
    pub(crate) fn into_hyper(self) -> TokioIo<Self> {
        TokioIo::new(self)
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(context)
    }
}
