//! A TCP connection to a host by name, for whoever does not speak HTTP through hyper.

use std::{io, time::Duration};

use tokio::net::TcpStream;

use crate::{ResolveError, Resolver};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("failed to connect to {host}:{port}")]
    Resolve {
        /// The host asked for.
        host: String,
        /// The port asked for.
        port: u16,
        /// What went wrong.
        source: ResolveError,
    },
    /// No address of the host accepted the connection; the cause is that of the last one tried.
    #[error("failed to connect to {host}:{port}")]
    Connect {
        /// The host asked for.
        host: String,
        /// The port asked for.
        port: u16,
        /// What went wrong.
        source: io::Error,
    },
}

/// Connects to the first address of `host` that accepts within `deadline` (each address has that long).
pub async fn connect(
    resolver: &Resolver,
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<TcpStream, ConnectError> {
    let addresses = resolver.resolve(host).await.map_err(|source| ConnectError::Resolve {
        host: host.to_owned(),
        port,
        source,
    })?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match tokio::time::timeout(deadline, TcpStream::connect((address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("no answer from {address}")),
        }
    }
    Err(ConnectError::Connect {
        host: host.to_owned(),
        port,
        source: last,
    })
}
