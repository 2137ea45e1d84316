//! The nodes of one shoot: what they say of their machines, routes to their pods, and those whose machines are gone.
//!
//! One pass over all nodes asks the cloud twice, for machines and routes, and writes only what differs. A pass follows every change
//! of the nodes and, since nobody tells of changes in the cloud, every minute.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cloud_client::{Machine, Phase, RouteSpec};
use controller::{
    delete::{DeleteError, delete_uid},
    error::is_not_found,
    retry::Failures,
};
use extensions_sdk::machine::cluster_tags;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    node::{is_abandoned, plan_node},
    node_view::{NodeView, condition},
    route::plan_routes,
};
use crate::cloud::{Cloud, CloudError};

/// How soon a change in the cloud is noticed.
const RESYNC: Duration = Duration::from_secs(60);
/// How many nodes are written side by side.
const CONCURRENCY: usize = 10;
const NETWORK_UNAVAILABLE: &str = "NetworkUnavailable";

/// Why a node or a route is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// The cloud refused, or did not answer.
    #[error("failed to {step}")]
    Cloud {
        /// What was tried.
        step: String,
        /// What went wrong.
        source: Box<CloudError>,
    },
    /// The router does not follow the route.
    #[error("the route to the pods of {node} is not ready: {message}")]
    NotReady {
        /// The node.
        node: String,
        /// What the cloud says.
        message: String,
    },
    /// A Node could not be written.
    #[error("failed to {step} of the node {node}")]
    Cluster {
        /// What was tried.
        step: &'static str,
        /// The node.
        node: String,
        /// What went wrong.
        source: Box<kube::Error>,
    },
    /// A Node could not be removed.
    #[error("failed to remove a node whose machine is gone")]
    Delete(#[from] DeleteError),
}

/// Reconciles the nodes of one shoot.
pub struct NodeReconciler {
    /// The shoot.
    pub client: Client,
    /// The cloud.
    pub cloud: Arc<dyn Cloud>,
    /// The time, for conditions.
    pub clock: Arc<dyn Clock>,
    /// The shoot's namespace in the seed, by which its machines are tagged.
    pub namespace: String,
    /// The network of the cloud that its machines stand in.
    pub network: String,
    /// The region, for the nodes' labels.
    pub region: String,
}

impl NodeReconciler {
    /// Goes over all nodes once. What fails for one does not keep the others waiting; the first error is returned.
    pub async fn pass(&self, nodes: &[Node]) -> Result<(), NodesError> {
        let machines = self.machines().await?;
        let work: Vec<_> = nodes.iter().map(|node| self.node(node, &machines)).collect();
        let written: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENCY).collect().await;
        let ways = self.routes(nodes, &machines).await?;
        let work: Vec<_> = nodes
            .iter()
            .filter_map(|node| Some((node, ways.news_for(node)?)))
            .map(|(node, news)| self.tell(node, news))
            .collect();
        let told: Vec<_> = stream::iter(work).buffer_unordered(CONCURRENCY).collect().await;
        let refused = ways.refused.into_values().map(Err);
        written
            .into_iter()
            .chain(ways.removed)
            .chain(refused)
            .chain(told)
            .collect()
    }

    /// The shoot's machines. One that stands elsewhere is somebody else's, whatever its tags say.
    async fn machines(&self) -> Result<Vec<Machine>, NodesError> {
        let machines = self.cloud.machines(&cluster_tags(&self.namespace)).await;
        let mut machines = machines.map_err(cloud_failed("list machines"))?;
        machines.retain(|machine| machine.spec.network == self.network);
        Ok(machines)
    }

    async fn node(&self, node: &Node, machines: &[Machine]) -> Result<(), NodesError> {
        let name = node.name_any();
        let Some(machine) = machines.iter().find(|machine| machine.name == name) else {
            return self.without_machine(node).await;
        };
        let api: Api<Node> = Api::all(self.client.clone());
        let mut plan = plan_node(node, machine, &self.region);
        if let Some(patch) = &plan.status {
            let written = api
                .patch_status(&name, &PatchParams::default(), &Patch::Merge(patch))
                .await;
            match written {
                // The rest goes by what is there now: the write has moved the resource version.
                Ok(current) => plan.rest = plan_node(&current, machine, &self.region).rest,
                Err(error) if is_not_found(&error) => return Ok(()),
                Err(error) => return Err(failed("write the addresses", &name)(error)),
            }
        }
        let Some(patch) = plan.rest else { return Ok(()) };
        let written = api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
        ignore_gone(written, "write labels, taints and provider id", &name)?;
        tracing::info!(node = %name, "told a node of its machine");
        Ok(())
    }

    async fn without_machine(&self, node: &Node) -> Result<(), NodesError> {
        if !is_abandoned(node) {
            return Ok(());
        }
        let name = node.name_any();
        // Asked by name: a machine may have lost its tags.
        let machine = self.cloud.machine(&name).await;
        let machine = machine.map_err(cloud_failed(&format!("look for the machine {name}")))?;
        if machine.is_some_and(|machine| machine.spec.network == self.network) {
            return Ok(());
        }
        let api: Api<Node> = Api::all(self.client.clone());
        if delete_uid(&api, &name, &node.uid().unwrap_or_default()).await? {
            tracing::info!(node = %name, "removed a node whose machine is gone");
        }
        Ok(())
    }

    /// Makes the routes that are missing and removes those that nobody needs.
    async fn routes(&self, nodes: &[Node], machines: &[Machine]) -> Result<Ways, NodesError> {
        let present = self.cloud.routes().await.map_err(cloud_failed("list routes"))?;
        let plan = plan_routes(nodes, machines, &present, &self.network);
        let mut ways = Ways {
            reached: plan.reached,
            ..Ways::default()
        };
        for name in &plan.remove {
            let removed = self.cloud.delete_route(name).await;
            let removed = removed.map_err(cloud_failed(&format!("remove the route {name}")));
            ways.removed.push(removed);
        }
        for (name, spec) in plan.put {
            if let Err(error) = self.route(&name, &spec).await {
                ways.reached.remove(&name);
                ways.refused.insert(name, error);
            }
        }
        Ok(ways)
    }

    async fn route(&self, node: &str, spec: &RouteSpec) -> Result<(), NodesError> {
        let route = self.cloud.put_route(node, spec).await;
        let route = route.map_err(cloud_failed(&format!("make the route {node}")))?;
        if route.status.phase != Phase::Ready {
            return Err(NodesError::NotReady {
                node: node.to_owned(),
                message: format!("{:?} {}", route.status.phase, route.status.message),
            });
        }
        tracing::info!(%node, range = %spec.destination, "made a route to the pods of a node");
        Ok(())
    }

    /// The condition by which others know whether a node's pods can be reached: Kubernetes keeps new ones away until it is so.
    async fn tell(&self, node: &Node, news: News) -> Result<(), NodesError> {
        let now = self.clock.now().to_string();
        let condition = json!({
            "type": NETWORK_UNAVAILABLE,
            "status": news.status,
            "reason": news.reason,
            "message": news.message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        });
        // Strategic: conditions of others stay.
        let patch = json!({ "status": { "conditions": [condition] } });
        let name = node.name_any();
        let api: Api<Node> = Api::all(self.client.clone());
        let written = api
            .patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch))
            .await;
        ignore_gone(written, "write the condition NetworkUnavailable", &name)
    }
}

/// What became of the routes.
#[derive(Default)]
struct Ways {
    /// The nodes whose pods they lead to.
    reached: BTreeSet<String>,
    /// The nodes whose routes the cloud does not make, and why.
    refused: BTreeMap<String, NodesError>,
    removed: Vec<Result<(), NodesError>>,
}

/// What a node's condition `NetworkUnavailable` is to say.
struct News {
    status: &'static str,
    reason: &'static str,
    message: String,
}

impl Ways {
    /// What the node does not say yet. Of a node without a machine there is nothing to say.
    fn news_for(&self, node: &Node) -> Option<News> {
        let name = node.name_any();
        let news = if let Some(error) = self.refused.get(&name) {
            News {
                status: "True",
                reason: "NoRouteCreated",
                message: ErrorChain(error).to_string(),
            }
        } else if self.reached.contains(&name) {
            News {
                status: "False",
                reason: "RouteCreated",
                message: "The cloud's router knows the way to the pods of this node.".to_owned(),
            }
        } else {
            return None;
        };
        (condition(node, NETWORK_UNAVAILABLE) != Some(news.status)).then_some(news)
    }
}

fn cloud_failed(step: &str) -> impl FnOnce(CloudError) -> NodesError {
    let step = step.to_owned();
    move |source| NodesError::Cloud {
        step,
        source: Box::new(source),
    }
}

fn failed(step: &'static str, node: &str) -> impl FnOnce(kube::Error) -> NodesError {
    let node = node.to_owned();
    move |source| NodesError::Cluster {
        step,
        node,
        source: Box::new(source),
    }
}

fn ignore_gone(written: Result<Node, kube::Error>, step: &'static str, node: &str) -> Result<(), NodesError> {
    match written {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(failed(step, node)(error)),
    }
}

/// Goes over the nodes whenever they change, and every minute, until `shutdown`. The nodes must be known already.
pub(crate) async fn work(reconciler: NodeReconciler, view: NodeView, shutdown: CancellationToken) {
    let mut changes = view.changes.clone();
    let failures = Failures::default();
    while !shutdown.is_cancelled() {
        changes.mark_unchanged();
        let wait = match reconciler.pass(&view.nodes()).await {
            Ok(()) => {
                failures.succeeded("nodes");
                RESYNC
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "nodes and routes are not as they should be, will retry");
                failures.next("nodes")
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            changed = changes.changed() => if changed.is_err() {
                return; // the watch has ended, and with it the shoot's controllers
            },
        }
    }
}
