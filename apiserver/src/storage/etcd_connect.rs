//! The way to etcd: one channel over whichever endpoint answers.
//!
//! The channel reconnects by itself; each connection reads the certificate files again, so a rotated client certificate
//! is picked up without a restart.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lib_resolve::Resolver;
use tonic::transport::{Channel, Endpoint};

use crate::{
    dial::{DialError, Server, Socket},
    tls::ClientTls,
};

const ETCD_PORT: u16 = 2379;
/// etcd's own clients ping a connection as often; it tells a dead peer from a silent one.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A channel over `endpoints`, which connects when it is first used.
pub(super) fn channel(endpoints: &[String], tls: ClientTls, resolver: Resolver) -> Result<Channel, DialError> {
    let servers = endpoints
        .iter()
        .map(|url| Server::parse(url, Some(ETCD_PORT)))
        .collect::<Result<Vec<_>, _>>()?;
    if servers.is_empty() {
        return Err(DialError::NoServers);
    }
    let dialer = Arc::new(Dialer {
        servers,
        tls,
        resolver,
        preferred: AtomicUsize::new(0),
    });
    let connector = tower::service_fn(move |_: http::Uri| {
        let dialer = Arc::clone(&dialer);
        async move { dialer.dial().await.map(Socket::into_hyper) }
    });
    // The name is never resolved: the connector knows the servers. TLS is the connector's, hence `http`.
    let endpoint = Endpoint::from_static("http://etcd")
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_with_connector_lazy(connector))
}

struct Dialer {
    servers: Vec<Server>,
    tls: ClientTls,
    resolver: Resolver,
    /// Index of the server that accepted last.
    preferred: AtomicUsize,
}

impl Dialer {
    /// Tries each server once, beginning with the one that worked last.
    async fn dial(&self) -> Result<Socket, DialError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut last = DialError::NoServers;
        for offset in 0..self.servers.len() {
            let index = (first + offset) % self.servers.len();
            match self.servers[index].dial(&self.resolver, &self.tls, &[b"h2"]).await {
                Ok(socket) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}
