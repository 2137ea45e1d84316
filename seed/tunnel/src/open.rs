//! From a destination to a connected stream: through the tunnel, or dialled here.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use lib_error_chain::ErrorChain;
use lib_resolve::{ResolveError, Resolver};
use lib_tunnel::{Connection, OpenError, OpenStream, configure_socket};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::{Destination, Host, Machines, NodeTable, Refusal, Route, Router};

/// kube-apiserver waits 30 s for a connection; two nodes that don't answer leave room for a third.
const OPEN_DEADLINE: Duration = Duration::from_secs(8);
/// Of a host of the world outside.
const DIAL_DEADLINE: Duration = Duration::from_secs(8);
/// A machine that lost its connection is back within this, if it is there at all.
const RECONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Nodes that are asked for a Service, one after the other.
const MOST_NODES: usize = 3;
/// Addresses of a name that are dialled.
const MOST_ADDRESSES: usize = 3;

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    /// The destination may not be reached, or is nobody's.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A name has no address.
    #[error(transparent)]
    Resolve(Box<ResolveError>),
    /// The node is not connected.
    #[error("no tunnel to the node {0}")]
    NotConnected(String),
    /// No node is connected.
    #[error("no tunnel to any node")]
    NobodyConnected,
    /// A node could not dial it.
    #[error("through the node {node}")]
    Open {
        /// The node.
        node: String,
        /// What it says.
        source: OpenError,
    },
    /// It could not be dialled here.
    #[error("failed to connect to {address}")]
    Dial {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
}

impl RouteError {
    /// As a status of HTTP.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Refused(Refusal::Forbidden { .. }) => 403,
            Self::Open {
                source: OpenError::Refused { status, .. },
                ..
            } => status.as_u16(),
            Self::Open {
                source: OpenError::TimedOut(_),
                ..
            } => 504,
            Self::NotConnected(_) | Self::NobodyConnected => 503,
            Self::Refused(Refusal::NoOwner(_)) | Self::Resolve(_) | Self::Open { .. } | Self::Dial { .. } => 502,
        }
    }
}

/// A connected stream.
#[derive(Debug)]
pub(crate) enum Opened {
    /// Through a node.
    Tunnel(OpenStream),
    /// Dialled here.
    Direct(TcpStream),
}

/// Opens streams; clones share everything.
#[derive(Clone, Debug)]
pub struct Opener {
    router: Arc<Router>,
    nodes: watch::Receiver<Arc<NodeTable>>,
    machines: Machines,
    resolver: Resolver,
}

impl Opener {
    /// An opener for these nodes and machines.
    pub fn new(router: Router, nodes: watch::Receiver<Arc<NodeTable>>, machines: Machines, resolver: Resolver) -> Self {
        Self {
            router: Arc::new(router),
            nodes,
            machines,
            resolver,
        }
    }

    /// The nodes as they are now.
    pub(crate) fn nodes(&self) -> Arc<NodeTable> {
        Arc::clone(&self.nodes.borrow())
    }

    /// The connected machines.
    pub(crate) fn machines(&self) -> &Machines {
        &self.machines
    }

    /// A stream to `destination`.
    pub(crate) async fn open(&self, destination: &Destination) -> Result<Opened, RouteError> {
        let addresses = match &destination.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let resolved = self.resolver.resolve(name).await;
                resolved.map_err(|error| RouteError::Resolve(Box::new(error)))?
            }
        };
        let mut failed = None;
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            match self.open_address(address, destination.port).await {
                Ok(opened) => return Ok(opened),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or(RouteError::NobodyConnected))
    }

    async fn open_address(&self, address: IpAddr, port: u16) -> Result<Opened, RouteError> {
        // What was judged is what is dialled: an IPv4 address in IPv6's clothes becomes what it is.
        let address = address.to_canonical();
        let route = self.router.route(address, &self.nodes())?;
        let destination = SocketAddr::new(address, port);
        match route {
            Route::Node(node) => self.through(&node, destination).await,
            Route::AnyNode => self.through_any(destination).await,
            Route::Direct => dial(destination).await.map(Opened::Direct),
        }
    }

    async fn through(&self, node: &str, destination: SocketAddr) -> Result<Opened, RouteError> {
        let found = || self.machines.get(node);
        let connection = self.wait_for(found).await;
        let connection = connection.ok_or_else(|| RouteError::NotConnected(node.to_owned()))?;
        ask(node, &connection, destination).await
    }

    /// The least busy nodes are asked first, another one when one can't.
    async fn through_any(&self, destination: SocketAddr) -> Result<Opened, RouteError> {
        let found = || {
            let mut candidates = self.connected_nodes();
            candidates.sort_by_key(|(_, connection)| connection.streams());
            (!candidates.is_empty()).then_some(candidates)
        };
        let candidates = self.wait_for(found).await.ok_or(RouteError::NobodyConnected)?;
        let mut failed = None;
        for (node, connection) in candidates.iter().take(MOST_NODES) {
            match ask(node, connection, destination).await {
                Ok(opened) => return Ok(opened),
                Err(error) => {
                    tracing::debug!(node, %destination, error = %ErrorChain(&error), "a node can't reach a Service, another may");
                    failed = Some(error);
                }
            }
        }
        Err(failed.unwrap_or(RouteError::NobodyConnected))
    }

    /// Machines that are connected and have a Node: a machine that is gone from the cluster carries nothing.
    pub(crate) fn connected_nodes(&self) -> Vec<(String, Connection)> {
        let nodes = self.nodes();
        let mut all = self.machines.all();
        all.retain(|(machine, _)| nodes.get(machine).is_some());
        all
    }

    /// A machine that just lost its connection is about to be back.
    async fn wait_for<T>(&self, found: impl Fn() -> Option<T>) -> Option<T> {
        let mut changes = self.machines.changes();
        let deadline = Instant::now() + RECONNECT_DEADLINE;
        loop {
            if let Some(found) = found() {
                return Some(found);
            }
            timeout_at(deadline, changes.changed()).await.ok()?.ok()?;
        }
    }
}

async fn ask(node: &str, connection: &Connection, destination: SocketAddr) -> Result<Opened, RouteError> {
    let opened = connection.open(destination, OPEN_DEADLINE).await;
    opened.map(Opened::Tunnel).map_err(|source| RouteError::Open {
        node: node.to_owned(),
        source,
    })
}

async fn dial(address: SocketAddr) -> Result<TcpStream, RouteError> {
    let failed = |source| RouteError::Dial { address, source };
    let stream = timeout(DIAL_DEADLINE, TcpStream::connect(address))
        .await
        .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
        .map_err(failed)?;
    configure_socket(&stream).map_err(failed)?;
    Ok(stream)
}
