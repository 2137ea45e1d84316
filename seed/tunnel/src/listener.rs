//! TLS connections of the shoot's machines: who they are, and what they want.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use lib_tunnel::{
    ALPN_API_SERVER, ALPN_TUNNEL, Connection, ConnectionError, IdentityError, MachineIdentity, configure_socket,
};
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::Machines;

/// For two round trips around half the world; who is slower is none of our machines.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Connections at once: of machines, and of clients inside of the shoot.
const MOST_CONNECTIONS: usize = 20_000;
/// After an error of accepting, most likely for want of files: others must end first.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// kube-apiserver is beside us.
const API_SERVER_DEADLINE: Duration = Duration::from_secs(3);
const BUFFER: usize = 16 * 1024;

/// What a listener needs.
#[derive(Clone)]
pub struct Listener {
    /// TLS settings: [`lib_tunnel::server_config`] for both protocols.
    pub acceptor: TlsAcceptor,
    /// Where kube-apiserver listens.
    pub api_server: SocketAddr,
    /// Where connected machines are noted.
    pub machines: Machines,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Listener")
            .field("api_server", &self.api_server)
            .field("machines", &self.machines)
            .finish_non_exhaustive()
    }
}

/// Why a connection was not served to its end.
#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("no end of the TLS handshake within {} s", HANDSHAKE_DEADLINE.as_secs())]
    TimedOut,
    #[error("there is no client certificate")]
    NoCertificate,
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("neither of the protocols was agreed on")]
    NoProtocol,
    #[error("the tunnel to the machine {machine} failed")]
    Tunnel { machine: String, source: ConnectionError },
    #[error("failed to connect to kube-apiserver")]
    ApiServer(#[source] io::Error),
    #[error("a connection from the machine {machine} to kube-apiserver broke off")]
    Copy { machine: String, source: io::Error },
}

/// Serves until it is dropped.
pub async fn serve(socket: TcpListener, listener: Listener) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return; // never: nobody closes the semaphore
        };
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to accept a connection of a machine");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let listener = listener.clone();
        connections.spawn(async move {
            if let Err(error) = listener.handle(stream).await {
                report(&error);
            }
            drop(permit);
        });
    }
}

fn report(error: &ListenError) {
    match error {
        ListenError::Identity(_) | ListenError::NoCertificate | ListenError::Tunnel { .. } => {
            tracing::warn!(error = %ErrorChain(error), "a machine's connection ended");
        }
        other => tracing::debug!(error = %ErrorChain(other), "a machine's connection ended"),
    }
}

impl Listener {
    async fn handle(&self, stream: TcpStream) -> Result<(), ListenError> {
        configure_socket(&stream).map_err(ListenError::Handshake)?;
        let stream = timeout(HANDSHAKE_DEADLINE, self.acceptor.accept(stream))
            .await
            .map_err(|_| ListenError::TimedOut)?
            .map_err(ListenError::Handshake)?;
        let session = stream.get_ref().1;
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = certificate.ok_or(ListenError::NoCertificate)?;
        let identity = MachineIdentity::from_certificate(certificate, self.clock.now())?;
        let protocol = session.alpn_protocol().map(<[u8]>::to_vec).unwrap_or_default();
        let life = identity.not_after.duration_since(self.clock.now()).unsigned_abs();
        // Nobody stays longer than their certificate.
        let ended = match protocol.as_slice() {
            ALPN_TUNNEL => timeout(life, self.tunnel(stream, &identity.machine)).await,
            ALPN_API_SERVER => timeout(life, self.client(stream, &identity.machine)).await,
            _ => return Err(ListenError::NoProtocol),
        };
        ended.unwrap_or_else(|_| Err(IdentityError::Expired(identity.machine).into()))
    }

    /// Streams will be opened on this connection.
    async fn tunnel(&self, stream: TlsStream<TcpStream>, machine: &str) -> Result<(), ListenError> {
        let failed = |source| ListenError::Tunnel {
            machine: machine.to_owned(),
            source,
        };
        let (connection, driver) = Connection::start(stream).await.map_err(failed)?;
        let connected = self.machines.insert(machine, connection);
        tracing::info!(machine, "a machine is connected");
        let ended = driver.run().await;
        drop(connected);
        tracing::info!(machine, "a machine's connection has ended");
        ended.map_err(failed)
    }

    /// A client inside of the shoot: its own TLS connection goes to kube-apiserver as it came.
    async fn client(&self, mut stream: TlsStream<TcpStream>, machine: &str) -> Result<(), ListenError> {
        let connecting = timeout(API_SERVER_DEADLINE, TcpStream::connect(self.api_server)).await;
        let connecting = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut server = connecting.map_err(ListenError::ApiServer)?;
        configure_socket(&server).map_err(ListenError::ApiServer)?;
        let copied = copy_bidirectional_with_sizes(&mut stream, &mut server, BUFFER, BUFFER).await;
        copied.map_err(|source| ListenError::Copy {
            machine: machine.to_owned(),
            source,
        })?;
        Ok(())
    }
}
