//! Emptying a node: cordon it, evict its pods, see whether they are gone. One look at a time.
//!
//! Budgets are the API server's affair: an eviction that one forbids is tried again at the next look. Clients repeat what the
//! API server answers with "too many requests", and so it answers an eviction that a budget forbids: hence the short patience.

use std::time::Duration;

use apimachinery::selector::LabelSelection;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::{
    core::v1::{Node, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{EvictParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

/// How many evictions are asked for side by side.
const SIDE_BY_SIDE: usize = 20;
/// How long an eviction may go unanswered.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many pods a text names.
const NAMED: usize = 3;
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// How far the emptying is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Emptying {
    /// Nothing is left that could move.
    Done,
    /// What is left, for people.
    Waiting(String),
}

/// Whether a pod keeps the node from being empty.
fn is_in_the_way(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let of_daemon_set = pod
        .metadata
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.controller == Some(true) && owner.kind == "DaemonSet");
    let mirror = pod.annotations().contains_key(MIRROR_ANNOTATION);
    !of_daemon_set && !mirror && !matches!(phase, Some("Succeeded" | "Failed"))
}

/// Looks once: asks every pod that is there to go, and says which are left.
pub(crate) async fn empty_node(shoot: &Client, node: &Node) -> Result<Emptying, kube::Error> {
    cordon(shoot, node).await?;
    let pods: Api<Pod> = Api::all(shoot.clone());
    let of_node = ListParams::default().fields(&format!("spec.nodeName={}", node.name_any()));
    let mut pods = pods.list(&of_node).await?.items;
    pods.retain(is_in_the_way);
    if pods.is_empty() {
        return Ok(Emptying::Done);
    }
    let evictions: Vec<_> = pods.iter().map(|pod| evict(shoot, pod)).collect();
    let blocked: Vec<Option<String>> = stream::iter(evictions).buffered(SIDE_BY_SIDE).collect().await;
    Ok(Emptying::Waiting(left(&pods, &blocked)))
}

async fn cordon(shoot: &Client, node: &Node) -> Result<(), kube::Error> {
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        return Ok(());
    }
    let nodes: Api<Node> = Api::all(shoot.clone());
    let patch = Patch::Merge(json!({ "spec": { "unschedulable": true } }));
    nodes
        .patch(&node.name_any(), &PatchParams::default(), &patch)
        .await
        .map(drop)
}

/// Asks a pod to go; what keeps it, if something does.
async fn evict(shoot: &Client, pod: &Pod) -> Option<String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let api: Api<Pod> = Api::namespaced(shoot.clone(), &pod.namespace().unwrap_or_default());
    let (name, parameters) = (pod.name_any(), EvictParams::default());
    match tokio::time::timeout(PATIENCE, api.evict(&name, &parameters)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) if controller::error::is_not_found(&error) => None,
        Ok(Err(error)) if controller::error::is_too_many_requests(&error) => Some(forbidding(shoot, pod).await),
        Ok(Err(kube::Error::Api(status))) => Some(status.message.clone()),
        Ok(Err(error)) => Some(lib_error_chain::ErrorChain(&error).to_string()),
        Err(_) => Some(forbidding(shoot, pod).await),
    }
}

/// The budget that keeps a pod.
async fn forbidding(shoot: &Client, pod: &Pod) -> String {
    let namespace = pod.namespace().unwrap_or_default();
    let api: Api<PodDisruptionBudget> = Api::namespaced(shoot.clone(), &namespace);
    match api.list(&ListParams::default()).await {
        Ok(budgets) => budget_of(pod, &budgets.items),
        Err(error) => lib_error_chain::ErrorChain(&error).to_string(),
    }
}

fn budget_of(pod: &Pod, budgets: &[PodDisruptionBudget]) -> String {
    let selects = |budget: &&PodDisruptionBudget| {
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        LabelSelection::from_selector(selector).is_ok_and(|selection| selection.matches(pod.labels()))
    };
    match budgets.iter().find(selects) {
        Some(budget) => format!("the disruption budget {} keeps it", budget.name_any()),
        None => "its eviction is not answered".to_owned(),
    }
}

/// `3 pods are left on the node: default/a (…), default/b, …`.
fn left(pods: &[Pod], blocked: &[Option<String>]) -> String {
    let describe = |(pod, reason): (&Pod, &Option<String>)| {
        let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
        match reason {
            Some(reason) => format!("{name} ({reason})"),
            None => name,
        }
    };
    // Those that something keeps are what people want to know of.
    let mut described: Vec<_> = pods.iter().zip(blocked).collect();
    described.sort_by_key(|(_, reason)| reason.is_none());
    let named: Vec<String> = described.into_iter().take(NAMED).map(describe).collect();
    let more = if pods.len() > NAMED { ", …" } else { "" };
    format!("{} pods are left on the node: {}{more}", pods.len(), named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: serde_json::Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_pods_that_can_move_are_in_the_way() {
        let owned = |kind: &str| json!([{ "apiVersion": "apps/v1", "kind": kind, "name": "o", "uid": "1", "controller": true }]);
        for (value, expected) in [
            (json!({ "metadata": { "name": "a" } }), true),
            (
                json!({ "metadata": { "name": "a", "ownerReferences": owned("ReplicaSet") } }),
                true,
            ),
            (
                json!({ "metadata": { "name": "a", "ownerReferences": owned("DaemonSet") } }),
                false,
            ),
            (
                json!({ "metadata": { "name": "a", "annotations": { MIRROR_ANNOTATION: "x" } } }),
                false,
            ),
            (
                json!({ "metadata": { "name": "a" }, "status": { "phase": "Succeeded" } }),
                false,
            ),
            (
                json!({ "metadata": { "name": "a" }, "status": { "phase": "Running" } }),
                true,
            ),
        ] {
            assert_eq!(is_in_the_way(&pod(value.clone())), expected, "{value}");
        }
    }

    #[test]
    fn the_budget_of_a_pod_is_found_by_its_labels() {
        let budget = |name: &str, app: &str| -> PodDisruptionBudget {
            let value =
                json!({ "metadata": { "name": name }, "spec": { "selector": { "matchLabels": { "app": app } } } });
            serde_json::from_value(value).unwrap()
        };
        let budgets = [budget("first", "a"), budget("second", "b")];
        let of = |app: &str| budget_of(&pod(json!({ "metadata": { "labels": { "app": app } } })), &budgets);
        assert_eq!(of("b"), "the disruption budget second keeps it");
        assert_eq!(of("c"), "its eviction is not answered");
    }

    #[test]
    fn what_keeps_a_pod_is_named_first() {
        let named = |name: &str| pod(json!({ "metadata": { "namespace": "n", "name": name } }));
        let pods: Vec<Pod> = ["a", "b", "c", "d"].map(named).into();
        let blocked = [None, None, None, Some("a budget".to_owned())];
        assert_eq!(
            left(&pods, &blocked),
            "4 pods are left on the node: n/d (a budget), n/a, n/b, …"
        );
    }
}
