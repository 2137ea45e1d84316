//! Which machines are connected. Of two connections of one machine the newer one is used.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use lib_error_chain::ErrorChain;
use lib_tunnel::Connection;
use parking_lot::RwLock;
use tokio::sync::watch;

/// There is little time left.
const LEAVE_DEADLINE: Duration = Duration::from_secs(1);

/// The connections by machine; clones share them.
#[derive(Clone, Debug)]
pub struct Machines {
    connections: Arc<RwLock<BTreeMap<String, Entry>>>,
    next: Arc<AtomicU64>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: u64,
    connection: Connection,
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            connections: Arc::default(),
            next: Arc::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Machines {
    /// Notes a machine's connection until the returned guard is dropped. An older one of the machine goes on with the streams
    /// that it has, and gets no more.
    pub(crate) fn insert(&self, machine: &str, connection: Connection) -> Connected {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let entry = Entry { id, connection };
        let older = self.connections.write().insert(machine.to_owned(), entry);
        if older.is_some() {
            tracing::info!(machine, "a newer connection replaces the older one");
        }
        self.changed.send_replace(());
        Connected {
            machines: self.clone(),
            machine: machine.to_owned(),
            id,
        }
    }

    /// A machine's connection.
    pub(crate) fn get(&self, machine: &str) -> Option<Connection> {
        let connections = self.connections.read();
        connections.get(machine).map(|entry| entry.connection.clone())
    }

    /// The connected machines and their connections.
    pub(crate) fn all(&self) -> Vec<(String, Connection)> {
        let connections = self.connections.read();
        let all = connections
            .iter()
            .map(|(name, entry)| (name.clone(), entry.connection.clone()));
        all.collect()
    }

    /// The names of the connected machines.
    pub fn names(&self) -> Vec<String> {
        self.connections.read().keys().cloned().collect()
    }

    /// Asks all machines to connect to our successor.
    pub(crate) async fn leave(&self) {
        let all = self.all();
        let asked = all.iter().map(|(machine, connection)| async move {
            if let Err(error) = connection.leave(LEAVE_DEADLINE).await {
                tracing::debug!(machine, error = %ErrorChain(&error), "a machine can't be asked to leave");
            }
        });
        join_all(asked).await;
    }

    /// Hears of every machine that connects or is lost.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

/// A noted connection.
#[derive(Debug)]
pub(crate) struct Connected {
    machines: Machines,
    machine: String,
    id: u64,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut connections = self.machines.connections.write();
        if connections.get(&self.machine).is_some_and(|entry| entry.id == self.id) {
            connections.remove(&self.machine);
        }
        drop(connections);
        self.machines.changed.send_replace(());
    }
}
