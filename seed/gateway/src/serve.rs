//! Connections: accept, read the ClientHello, find the backend, connect, copy until both sides are done.
//!
//! **Invariant:** a connection holds its backend from the beginning to its end; new routes concern new connections only.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use lib_error_chain::ErrorChain;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client_hello::{self, Hello, HelloError, MOST_BYTES},
    routes::{RouteTable, Routes},
};

/// A TLS record has at most 16 KiB: one read takes in one.
const BUFFER: usize = 16 * 1024;

/// Times and bounds of serving.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// How long a client may take to send its ClientHello.
    pub hello_deadline: Duration,
    /// How long each address of a backend may take to accept.
    pub connect_deadline: Duration,
    /// After this long without traffic the peer is asked whether it still lives.
    pub keepalive: Duration,
    /// How long connections may go on after the shutdown.
    pub drain_deadline: Duration,
    /// More connections wait to be accepted.
    pub max_connections: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            hello_deadline: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(5),
            keepalive: Duration::from_secs(30),
            drain_deadline: Duration::from_secs(20),
            max_connections: 20_000,
        }
    }
}

/// Alerts of TLS that tell a client why it is refused (RFC 8446, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Alert {
    UnexpectedMessage = 10,
    DecodeError = 50,
    InternalError = 80,
    UnrecognizedName = 112,
}

impl Alert {
    /// A record of type alert, TLS 1.2 on the wire, level fatal.
    fn record(self) -> [u8; 7] {
        [21, 3, 3, 0, 2, 2, self as u8]
    }
}

/// Why a connection was not routed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the client sent no complete ClientHello in time")]
    TooSlow,
    #[error("the connection failed before its ClientHello")]
    Read(#[source] io::Error),
    #[error("the client closed before its ClientHello")]
    Closed,
    #[error("the ClientHello was refused")]
    Hello(#[source] HelloError),
    #[error("the ClientHello has no server name")]
    NoServerName,
    #[error("no route for {0}")]
    NoRoute(String),
    #[error("the route for {0} has no backend")]
    NoBackend(String),
    #[error("failed to connect to the backend of {name}")]
    Connect { name: String, source: io::Error },
}

impl Refusal {
    /// What the client is told, if it can still hear.
    fn alert(&self) -> Option<Alert> {
        match self {
            Self::TooSlow | Self::Read(_) | Self::Closed => None,
            Self::Hello(HelloError::NotTls) => Some(Alert::UnexpectedMessage),
            Self::Hello(_) => Some(Alert::DecodeError),
            Self::NoServerName | Self::NoRoute(_) => Some(Alert::UnrecognizedName),
            Self::NoBackend(_) | Self::Connect { .. } => Some(Alert::InternalError),
        }
    }
}

/// Serves until the shutdown, then lets connections finish for a while.
pub async fn serve(listener: TcpListener, routes: Routes, options: ServeOptions, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(options.max_connections));
    let options = Arc::new(options);
    let accepting = accept(&listener, &routes, &options, &permits, &connections);
    shutdown.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    if timeout(options.drain_deadline, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections were cut at the end of the drain"
        );
    }
}

async fn accept(
    listener: &TcpListener,
    routes: &Routes,
    options: &Arc<ServeOptions>,
    permits: &Arc<Semaphore>,
    connections: &TaskTracker,
) {
    loop {
        // The semaphore is never closed, so an error cannot be.
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else {
            return;
        };
        let (client, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to accept a connection");
                // Out of file descriptors, mostly: some connection must end first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let table = Arc::clone(&routes.borrow());
        let options = Arc::clone(options);
        connections.spawn(async move {
            handle(client, peer, &table, &options).await;
            drop(permit);
        });
    }
}

async fn handle(mut client: TcpStream, peer: SocketAddr, table: &RouteTable, options: &ServeOptions) {
    prepare(&client, options);
    match route(&mut client, table, options).await {
        Ok(mut backend) => {
            // A reset is how many clients end a connection: nothing to report.
            let copied = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut backend, BUFFER, BUFFER).await;
            tracing::trace!(%peer, ?copied, "connection ended");
        }
        Err(refusal) => {
            tracing::debug!(%peer, reason = %ErrorChain(&refusal), "connection refused");
            if let Some(alert) = refusal.alert() {
                // Best effort: the client may be gone.
                let _ = timeout(Duration::from_secs(1), say(&mut client, alert)).await;
            }
        }
    }
}

/// Finds and connects the backend, and hands it what was read of the client.
async fn route(client: &mut TcpStream, table: &RouteTable, options: &ServeOptions) -> Result<TcpStream, Refusal> {
    let (name, hello) = timeout(options.hello_deadline, read_hello(client))
        .await
        .map_err(|_| Refusal::TooSlow)??;
    let name = name.ok_or(Refusal::NoServerName)?;
    let Some(found) = table.find(&name) else {
        return Err(Refusal::NoRoute(name));
    };
    let mut last = None;
    for address in found.next() {
        match connect(address, &hello, options).await {
            Ok(backend) => return Ok(backend),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(source) => Refusal::Connect { name, source },
        None => Refusal::NoBackend(name),
    })
}

async fn connect(address: SocketAddr, hello: &[u8], options: &ServeOptions) -> io::Result<TcpStream> {
    let mut backend = timeout(options.connect_deadline, TcpStream::connect(address)).await??;
    prepare(&backend, options);
    backend.write_all(hello).await?;
    Ok(backend)
}

/// Reads until the ClientHello is complete; returns the server name and all bytes read.
async fn read_hello(client: &mut TcpStream) -> Result<(Option<String>, Vec<u8>), Refusal> {
    let mut bytes = Vec::with_capacity(2 * 1024);
    loop {
        // Reads at most up to the bound, whatever the client sends.
        let room = (MOST_BYTES - bytes.len()) as u64;
        let read = client.take(room).read_buf(&mut bytes).await.map_err(Refusal::Read)?;
        match client_hello::parse(&bytes).map_err(Refusal::Hello)? {
            Hello::Complete(name) => return Ok((name, bytes)),
            Hello::Incomplete if bytes.len() >= MOST_BYTES => return Err(Refusal::Hello(HelloError::TooLarge)),
            Hello::Incomplete if read == 0 => return Err(Refusal::Closed),
            Hello::Incomplete => {}
        }
    }
}

/// Sends the alert and closes, so that it arrives: unread input would turn the close into a reset, which drops it.
async fn say(client: &mut TcpStream, alert: Alert) -> io::Result<()> {
    client.write_all(&alert.record()).await?;
    client.shutdown().await?;
    let mut rest = [0; 1024];
    while client.read(&mut rest).await? > 0 {}
    Ok(())
}

fn prepare(stream: &TcpStream, options: &ServeOptions) {
    let keepalive = TcpKeepalive::new()
        .with_time(options.keepalive)
        .with_interval(options.keepalive / 3);
    let socket = SockRef::from(stream);
    // Neither is needed for a connection to work.
    let _ = socket.set_tcp_keepalive(&keepalive);
    let _ = stream.set_nodelay(true);
}
