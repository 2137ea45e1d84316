//! The shoot beside a namespace: its client, and its nodes as watched.

use std::{collections::BTreeMap, pin::pin, sync::Arc};

use controller::watch::WatchBackoff;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::watcher::{Config, Event, watcher},
};
use lib_error_chain::ErrorChain;
use tokio::sync::watch;

use super::{lifecycle::NodeView, options::ShootClients, wake::Wake};

/// What is known of a shoot now.
#[derive(Clone, Default)]
pub(crate) struct Shoot {
    /// Its client, when one could be made.
    pub(crate) client: Option<Client>,
    /// Its nodes; `None` while they cannot be watched.
    nodes: Option<Arc<BTreeMap<String, Arc<Node>>>>,
}

impl Shoot {
    pub(crate) fn node(&self, name: &str) -> NodeView<'_> {
        match &self.nodes {
            None => NodeView::Unknown,
            Some(nodes) => nodes.get(name).map_or(NodeView::Absent, |node| NodeView::Present(node)),
        }
    }

    /// The client, if the shoot answers.
    pub(crate) fn answering(&self) -> Option<&Client> {
        self.client.as_ref().filter(|_| self.nodes.is_some())
    }
}

/// Watches the nodes until the receiver is gone. What is broken is tried again, later and later up to 2 s.
pub(crate) async fn follow(
    shoots: Arc<dyn ShootClients>,
    namespace: String,
    shoot: watch::Sender<Shoot>,
    wake: Arc<Wake>,
) {
    let mut backoff = WatchBackoff::default();
    while !shoot.is_closed() {
        match shoots.client(&namespace).await {
            Ok(client) => {
                let answered = follow_nodes(&client, &shoot, &wake).await;
                // Nobody may go by nodes that are not watched.
                shoot.send_modify(|shoot| shoot.nodes = None);
                wake.nudge();
                if answered {
                    backoff = WatchBackoff::default();
                }
            }
            Err(error) => {
                tracing::debug!(namespace, error = %ErrorChain(&error), "no client of the shoot yet");
                shoots.available(&namespace).await;
                backoff = WatchBackoff::default();
            }
        }
        tokio::time::sleep(backoff.next().unwrap_or_default()).await;
    }
}

/// Watches until it breaks; whether it ever was complete.
async fn follow_nodes(client: &Client, shoot: &watch::Sender<Shoot>, wake: &Wake) -> bool {
    let mut answered = false;
    let mut known: BTreeMap<String, Arc<Node>> = BTreeMap::new();
    let mut events = pin!(watcher(Api::<Node>::all(client.clone()), Config::default()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => known.clear(),
            Ok(Event::InitApply(node) | Event::Apply(node)) => {
                known.insert(node.name_any(), Arc::new(slim(node)));
            }
            Ok(Event::Delete(node)) => {
                known.remove(&node.name_any());
            }
            Ok(Event::InitDone) => answered = true,
            Err(error) => {
                tracing::debug!(error = %ErrorChain(&error), "the watch of the shoot's nodes broke");
                return answered;
            }
        }
        if shoot.is_closed() {
            return answered;
        }
        if answered {
            let now = Shoot {
                client: Some(client.clone()),
                nodes: Some(Arc::new(known.clone())),
            };
            shoot.send_replace(now);
            wake.nudge();
        }
    }
    answered
}

/// Without what is long and of no use here.
fn slim(mut node: Node) -> Node {
    node.metadata.managed_fields = None;
    if let Some(status) = node.status.as_mut() {
        status.images = None;
    }
    node
}
