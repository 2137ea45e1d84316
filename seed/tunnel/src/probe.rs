//! Whether streams reach the nodes: the way that kube-apiserver's requests go, up to the kubelet's port.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::join_all;
use lib_error_chain::ErrorChain;
use lib_tunnel::Connection;
use parking_lot::RwLock;
use tokio::time::{Instant, sleep, timeout};

use crate::Opener;

/// Each node is asked this often.
const INTERVAL: Duration = Duration::from_secs(30);
/// A stream that takes longer is of no use.
const DEADLINE: Duration = Duration::from_secs(5);
/// Machines connect and go in bursts.
const SETTLE: Duration = Duration::from_millis(500);

/// How the last probe of each connected node went; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    results: Arc<RwLock<BTreeMap<String, Result<Duration, String>>>>,
}

impl Probes {
    /// The results: how long it took, or why it failed.
    pub fn results(&self) -> BTreeMap<String, Result<Duration, String>> {
        self.results.read().clone()
    }

    /// Whether the shoot is reached: by at least one node, if there are any.
    pub fn is_healthy(&self, nodes: usize) -> bool {
        let results = self.results.read();
        nodes == 0 || results.values().any(Result::is_ok)
    }

    /// Probes for ever: at every interval, and when machines come or go.
    pub(crate) async fn run(&self, opener: &Opener) {
        let mut changes = opener.machines().changes();
        loop {
            let nodes = opener.nodes();
            let probes = opener.connected_nodes().into_iter().filter_map(|(name, connection)| {
                let port = nodes.get(&name)?.kubelet_port;
                let address = SocketAddr::new(nodes.address_of(&name)?, port);
                Some(async move { (name, probe(&connection, address).await) })
            });
            let results: BTreeMap<_, _> = join_all(probes).await.into_iter().collect();
            for (node, result) in &results {
                if let Err(reason) = result {
                    tracing::warn!(node, reason, "a node is not reached through its tunnel");
                }
            }
            *self.results.write() = results;
            let _ = timeout(INTERVAL, changes.changed()).await;
            sleep(SETTLE).await;
        }
    }
}

async fn probe(connection: &Connection, kubelet: SocketAddr) -> Result<Duration, String> {
    let started = Instant::now();
    match connection.open(kubelet, DEADLINE).await {
        Ok(_) => Ok(started.elapsed()),
        Err(error) => Err(ErrorChain(&error).to_string()),
    }
}
