//! Keeps the nodes up to date, by kube-apiserver next door.

use std::{collections::BTreeMap, sync::Arc};

use controller::watch::WatchBackoff;
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event},
    },
};
use lib_error_chain::ErrorChain;
use tokio::sync::watch;

use crate::{NodeTable, NodeView};

/// Watches for ever. What was seen last stays until there is something newer: while kube-apiserver is away, nodes are not.
pub(crate) async fn run(client: Client, table: watch::Sender<Arc<NodeTable>>) {
    let nodes = watcher::watcher(Api::<Node>::all(client), watcher::Config::default()).backoff(WatchBackoff::default());
    pin_mut!(nodes);
    let mut known = BTreeMap::new();
    let mut listed = BTreeMap::new();
    while let Some(event) = nodes.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(node)) => {
                listed.insert(node.name_any(), NodeView::read(&node));
            }
            Ok(Event::InitDone) => {
                known = std::mem::take(&mut listed);
                publish(&table, &known);
            }
            Ok(Event::Apply(node)) => {
                known.insert(node.name_any(), NodeView::read(&node));
                publish(&table, &known);
            }
            Ok(Event::Delete(node)) => {
                known.remove(&node.name_any());
                publish(&table, &known);
            }
            // Before kube-apiserver is up this happens every time.
            Err(error) => {
                tracing::debug!(error = %ErrorChain(&error), "the watch of nodes broke, and will be opened again")
            }
        }
    }
}

/// Kubelets write their nodes often, and mostly nothing that matters here.
fn publish(table: &watch::Sender<Arc<NodeTable>>, nodes: &BTreeMap<String, NodeView>) {
    let next = NodeTable::new(nodes.clone());
    table.send_if_modified(|present| {
        if **present == next {
            return false;
        }
        for contested in next.contested() {
            tracing::warn!(%contested, "two nodes claim the same");
        }
        *present = Arc::new(next);
        true
    });
}
