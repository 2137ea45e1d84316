//! Judgements of what node-agents say: that they live, and which configuration their machines have. Pure.

use std::collections::BTreeMap;

use api::constants::{
    CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG, CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG,
    LABEL_WORKER_NODE_AGENT_SECRET, NODE_AGENT_LEASE_PREFIX,
};
use apimachinery::meta::ObjectMeta;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    coordination::v1::{Lease, LeaseSpec},
    core::v1::Node,
};

/// So long a node that just joined is given for its agent's first words.
const FIRST_WORDS: SignedDuration = SignedDuration::from_secs(60);
/// How long a Lease lasts that does not say so (Gardener's).
const LEASE_SECONDS: i32 = 40;

/// Checksums of the configurations that node-agents fetch, by the names of their Secrets.
pub(crate) type Checksums = BTreeMap<String, String>;

/// What is known of a shoot's node-agents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agents {
    /// Their Leases, among others of the same namespace.
    pub(crate) leases: Vec<Lease>,
    /// What they shall apply.
    pub(crate) wished: Checksums,
}

impl Agents {
    /// Complaints of agents that are not heard any more.
    pub(super) fn silent(&self, nodes: &[Node], now: Timestamp) -> Vec<String> {
        let of_lease = |lease: &Lease| Some((lease.metadata.name.clone()?, lease.spec.clone()?));
        let leases: BTreeMap<String, LeaseSpec> = self.leases.iter().filter_map(of_lease).collect();
        settled(nodes, now)
            .filter_map(|node| silence(node, &leases, now))
            .collect()
    }

    /// Complaints of machines with another configuration than wished.
    pub(super) fn outdated(&self, nodes: &[Node], now: Timestamp) -> Vec<String> {
        settled(nodes, now)
            .filter_map(|node| outdated(node, &self.wished))
            .collect()
    }
}

/// Nodes that have an agent, did not just join, and do not go.
fn settled(nodes: &[Node], now: Timestamp) -> impl Iterator<Item = &ObjectMeta> {
    let is_settled = move |node: &&ObjectMeta| {
        let created = node.creation_timestamp.as_ref();
        let has_agent = node
            .labels
            .as_ref()
            .is_some_and(|labels| labels.contains_key(LABEL_WORKER_NODE_AGENT_SECRET));
        has_agent
            && node.deletion_timestamp.is_none()
            && created.is_none_or(|created| now.duration_since(created.0) > FIRST_WORDS)
    };
    nodes.iter().map(|node| &node.metadata).filter(is_settled)
}

/// What the node's agent owes: its Lease.
fn silence(node: &ObjectMeta, leases: &BTreeMap<String, LeaseSpec>, now: Timestamp) -> Option<String> {
    let name = node.name.as_deref().unwrap_or_default();
    let lease = leases.get(&format!("{NODE_AGENT_LEASE_PREFIX}{name}"));
    let Some(renewed) = lease.and_then(|lease| lease.renew_time.as_ref()) else {
        return Some(format!("node-agent of node {name} was never heard"));
    };
    let lasts = lease
        .and_then(|lease| lease.lease_duration_seconds)
        .unwrap_or(LEASE_SECONDS);
    let is_over = now.duration_since(renewed.0) > SignedDuration::from_secs(lasts.into());
    is_over.then(|| format!("node-agent of node {name} was not heard since {}", renewed.0))
}

/// The checksums that Secrets are annotated with.
pub(crate) fn checksums<'a>(secrets: impl IntoIterator<Item = &'a ObjectMeta>) -> Checksums {
    let checksum = |secret: &ObjectMeta| {
        let annotations = secret.annotations.as_ref()?;
        let checksum = annotations.get(CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG)?;
        Some((secret.name.clone()?, checksum.clone()))
    };
    secrets.into_iter().filter_map(checksum).collect()
}

/// What the node's machine lacks: the configuration in its Secret. Where that is not among the wished ones, the machine is about to be
/// replaced and keeps what it has.
pub(crate) fn outdated(node: &ObjectMeta, wished: &Checksums) -> Option<String> {
    let wished = wished.get(node.labels.as_ref()?.get(LABEL_WORKER_NODE_AGENT_SECRET)?)?;
    let annotations = node.annotations.as_ref();
    let applied = annotations.and_then(|annotations| annotations.get(CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG));
    if applied == Some(wished) || node.deletion_timestamp.is_some() {
        return None;
    }
    let name = node.name.as_deref().unwrap_or_default();
    let applied = applied.map_or("none", String::as_str);
    // As much of them as tells one from the other.
    Some(format!(
        "node {name} has not applied the configuration {wished:.8} yet, its last one is {applied:.8}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "gardener-node-agent-small-01234567";

    fn now() -> Timestamp {
        "2026-01-01T01:00:00Z".parse().unwrap()
    }

    fn node(created: &str, applied: Option<&str>) -> Node {
        let annotations = applied.map(|applied| json!({ CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG: applied }));
        serde_json::from_value(json!({ "metadata": {
            "name": "a", "creationTimestamp": created, "annotations": annotations,
            "labels": { LABEL_WORKER_NODE_AGENT_SECRET: SECRET },
        } }))
        .unwrap()
    }

    fn old(applied: Option<&str>) -> Node {
        node("2026-01-01T00:00:00Z", applied)
    }

    fn young(applied: Option<&str>) -> Node {
        node("2026-01-01T00:59:30Z", applied)
    }

    fn lease(name: &str, renewed: &str) -> Lease {
        serde_json::from_value(json!({
            "metadata": { "name": name }, "spec": { "renewTime": renewed, "leaseDurationSeconds": 40 },
        }))
        .unwrap()
    }

    fn silent(node: Node, leases: Vec<Lease>) -> Vec<String> {
        let agents = Agents {
            leases,
            ..Agents::default()
        };
        agents.silent(&[node], now())
    }

    #[test]
    fn an_agent_is_silent_when_its_lease_is_over() {
        let of_agent = |renewed: &str| vec![lease("gardener-node-agent-a", renewed)];
        let none: [&str; 0] = [];
        assert_eq!(silent(old(None), of_agent("2026-01-01T00:59:30.000000Z")), none);
        assert_eq!(
            silent(old(None), of_agent("2026-01-01T00:59:10.000000Z")),
            ["node-agent of node a was not heard since 2026-01-01T00:59:10Z"]
        );
        let of_others = vec![lease("kube-scheduler", "2026-01-01T00:59:59.000000Z")];
        assert_eq!(silent(old(None), of_others), ["node-agent of node a was never heard"]);
        assert_eq!(silent(young(None), vec![]), none);
        assert_eq!(silent(Node::default(), vec![]), none, "nobody's node has no agent");
    }

    #[test]
    fn a_node_shall_have_what_its_secret_says() {
        let secret: ObjectMeta = serde_json::from_value(json!({
            "name": SECRET, "annotations": { CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG: "0123456789" },
        }))
        .unwrap();
        let wished = checksums([&secret, &ObjectMeta::default()]);
        let complaint = |node: &Node| outdated(&node.metadata, &wished);
        assert_eq!(complaint(&old(Some("0123456789"))), None);
        let before = "node a has not applied the configuration 01234567 yet, its last one is ";
        assert_eq!(complaint(&old(Some("9876543210"))), Some(format!("{before}98765432")));
        assert_eq!(complaint(&old(None)), Some(format!("{before}none")));
        assert_eq!(complaint(&Node::default()), None);
        let of_another = outdated(&old(None).metadata, &Checksums::new());
        assert_eq!(of_another, None, "its machine is about to be replaced");
        let agents = Agents {
            wished,
            ..Agents::default()
        };
        assert_eq!(agents.outdated(&[young(None), old(None)], now()).len(), 1);
    }
}
