//! The nodes of one cluster, as all of its cloud controllers see them: one watch, one store, and a sign when something changed that
//! any of them needs (not with each heartbeat).

use controller::watch::WatchBackoff;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use tokio::sync::watch;

/// The nodes; clones see the same.
#[derive(Clone)]
pub(crate) struct NodeView {
    /// All nodes.
    pub(crate) store: Store<Node>,
    /// Changes with the nodes.
    pub(crate) changes: watch::Receiver<u64>,
}

impl NodeView {
    /// Watches the nodes as long as the returned future is polled.
    pub(crate) fn watch(client: &Client) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let writer = Writer::default();
        let store = writer.as_reader();
        let (sender, changes) = watch::channel(0);
        let events = watcher(Api::<Node>::all(client.clone()), watcher::Config::default())
            .backoff(WatchBackoff::default())
            .reflect(writer);
        let view = Self {
            store: store.clone(),
            changes,
        };
        let watching = async move {
            let mut events = std::pin::pin!(events);
            let mut before = None;
            while let Some(event) = events.next().await {
                if let Err(error) = event {
                    tracing::warn!(error = %ErrorChain(&error), "the watch of Nodes broke, and will be opened again");
                    continue;
                }
                let now = Some(fingerprint(&store));
                if now != before {
                    before = now;
                    sender.send_modify(|revision| *revision += 1);
                }
            }
        };
        (view, watching)
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.store.state().iter().map(|node| node.as_ref().clone()).collect()
    }
}

fn fingerprint(nodes: &Store<Node>) -> Vec<String> {
    let mut parts: Vec<String> = nodes
        .state()
        .iter()
        .map(|node| {
            let (spec, status) = (node.spec.as_ref(), node.status.as_ref());
            let addresses = status.and_then(|status| status.addresses.as_ref());
            let labels = node.metadata.labels.as_ref();
            let ranges = spec.and_then(|spec| spec.pod_cidrs.as_ref());
            let provider_id = spec.and_then(|spec| spec.provider_id.as_ref());
            let taints = spec.and_then(|spec| spec.taints.as_ref()).map(Vec::len);
            let ready = condition(node, "Ready");
            let network = condition(node, "NetworkUnavailable");
            format!(
                "{} {:?} {addresses:?} {labels:?} {ranges:?} {provider_id:?} {taints:?} {ready:?} {network:?} {}",
                node.name_any(),
                node.uid(),
                node.metadata.deletion_timestamp.is_some()
            )
        })
        .collect();
    parts.sort();
    parts
}

/// Status of the node's condition.
pub(crate) fn condition<'a>(node: &'a Node, kind: &str) -> Option<&'a str> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_ == kind)?;
    Some(found.status.as_str())
}
