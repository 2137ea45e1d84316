//! All Machines of a seed, kept up to date by a watch.
//!
//! A Machine is what the seed itself knows of a node: unlike the Node object in the shoot, nobody on the node can change
//! it. Decisions about trust go by it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use api::{constants, machine::v1alpha1::Machine};
use futures::StreamExt;
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A decision waits no longer for the first list of Machines.
const FIRST_LIST_DEADLINE: Duration = Duration::from_secs(5);

/// The Machines of a seed; clones share them.
#[derive(Clone)]
pub struct Machines {
    store: Store<Machine>,
    changes: watch::Receiver<()>,
}

/// Keeps [`Machines`] up to date while it runs.
pub struct Watcher {
    writer: Writer<Machine>,
    changed: watch::Sender<()>,
}

impl Machines {
    /// No Machines yet, and who fetches them.
    pub fn new() -> (Self, Watcher) {
        let (store, writer) = reflector::store();
        let (changed, changes) = watch::channel(());
        (Self { store, changes }, Watcher { writer, changed })
    }

    /// Whether the Machines are known; waits a moment for it.
    pub async fn are_known(&self) -> bool {
        let ready = tokio::time::timeout(FIRST_LIST_DEADLINE, self.store.wait_until_ready()).await;
        matches!(ready, Ok(Ok(())))
    }

    /// The Machine of a name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Machine>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// The Machines of a shoot.
    pub fn of_namespace(&self, namespace: &str) -> Vec<Arc<Machine>> {
        let mut machines = self.store.state();
        machines.retain(|machine| machine.metadata.namespace.as_deref() == Some(namespace));
        machines
    }

    /// The namespaces that have Machines.
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.store
            .state()
            .iter()
            .filter_map(|machine| machine.namespace())
            .collect()
    }

    /// Waits until Machines came, changed or went.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // Nobody fetches Machines any more: the process ends.
            std::future::pending::<()>().await;
        }
    }
}

impl Watcher {
    /// Watches until `shutdown`.
    pub async fn run(self, client: Client, shutdown: CancellationToken) {
        let Self { writer, changed } = self;
        let events = watcher(Api::<Machine>::all(client), watcher::Config::default());
        let events = events
            .default_backoff()
            .reflect(writer)
            .take_until(shutdown.cancelled_owned());
        events
            .for_each(|event| {
                match event {
                    Ok(_) => {
                        changed.send_replace(());
                    }
                    Err(error) => {
                        tracing::warn!(error = %ErrorChain(&error), "the watch of Machines failed, it is begun anew");
                    }
                }
                std::future::ready(())
            })
            .await;
    }
}

/// Name of a Machine's Node.
pub fn node_name(machine: &Machine) -> &str {
    let label = machine.metadata.labels.as_ref();
    let label = label.and_then(|labels| labels.get(constants::MACHINE_NODE_LABEL));
    // A machine's Node bears its name; the label only says so once the machine is made.
    let name = label.or(machine.metadata.name.as_ref());
    name.map(String::as_str).unwrap_or_default()
}
