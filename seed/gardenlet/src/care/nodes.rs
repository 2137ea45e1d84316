//! Judgements of a shoot's nodes: as many as its pools ask for, each of them ready, with an agent that keeps it as wished. Pure.

use api::{
    constants::LABEL_WORKER_POOL,
    core::v1beta1::{ConditionStatus, Worker},
    machine::v1alpha1::Machine,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use super::{agents::Agents, checks::Finding};
use crate::shoot::nodes::{condition, is_ready};

/// Conditions that are bad when true.
const TROUBLES: [&str; 4] = ["DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure"];
/// Condition of node-agent, bad when false.
const UNITS_READY: &str = "SystemdUnitsReady";
/// So many complaints fit into a condition that people read.
const MOST: usize = 5;

/// What is known of a shoot's machines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The nodes, as the shoot has them.
    pub(crate) nodes: Vec<Node>,
    /// The machines, as the seed has them.
    pub(crate) machines: Vec<Machine>,
    /// What node-agents say.
    pub(crate) agents: Agents,
}

/// Whether every node of every pool is there, ready and kept as wished.
pub(crate) fn every_node(pools: &[Worker], seen: &Seen, now: Timestamp) -> Finding {
    let ill = seen.nodes.iter().filter_map(trouble);
    if let Some(message) = listed(ill) {
        return Finding::unhealthy("NodeUnhealthy", message);
    }
    let missing = pools.iter().filter_map(|pool| lack(pool, seen));
    if let Some(message) = listed(missing) {
        return Finding::unhealthy("MissingNodes", message);
    }
    let silent = seen.agents.silent(&seen.nodes, now);
    if let Some(message) = listed(silent.into_iter()) {
        return Finding::unhealthy("NodeAgentUnhealthy", message);
    }
    // A machine is behind for the moments between the wish and its agent's work: of these the flow takes care.
    let outdated = seen.agents.outdated(&seen.nodes, now);
    if let Some(message) = listed(outdated.into_iter()) {
        return Finding::unhealthy("OperatingSystemConfigOutdated", message);
    }
    Finding::healthy("EveryNodeReady", "All nodes are ready.")
}

/// Nobody knows, because nobody could be asked.
pub(crate) fn unknown(why: String) -> Finding {
    Finding {
        status: ConditionStatus::Unknown,
        reason: "ConditionCheckError",
        message: why,
    }
}

fn listed(complaints: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<String> = complaints.collect();
    let more = all.len().saturating_sub(MOST);
    let mut text = all.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    (!text.is_empty()).then_some(text)
}

fn pool_of(node: &Node) -> Option<&str> {
    node.metadata
        .labels
        .as_ref()?
        .get(LABEL_WORKER_POOL)
        .map(String::as_str)
}

fn trouble(node: &Node) -> Option<String> {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let describe = |what: String| format!("node {name} of pool {} {what}", pool_of(node).unwrap_or("(none)"));
    if !is_ready(node) {
        let message = condition(node, "Ready").and_then(|condition| condition.message.as_deref());
        return Some(describe(format!(
            "is not ready: {}",
            message.unwrap_or("its kubelet has said nothing")
        )));
    }
    let is = |type_: &str, status: &str| condition(node, type_).filter(|condition| condition.status == status);
    if let Some(units) = is(UNITS_READY, "False") {
        let message = units.message.as_deref().unwrap_or_default();
        return Some(describe(format!("has units in trouble: {message}")));
    }
    let trouble = TROUBLES.iter().find_map(|type_| is(type_, "True"))?;
    let message = trouble.message.as_deref().unwrap_or_default();
    Some(describe(format!("has {}: {message}", trouble.type_)))
}

/// What a pool lacks, and why, as far as its machines tell.
fn lack(pool: &Worker, seen: &Seen) -> Option<String> {
    let present = seen
        .nodes
        .iter()
        .filter(|node| pool_of(node) == Some(&pool.name))
        .count();
    let wished = usize::try_from(pool.minimum).unwrap_or_default();
    if present >= wished {
        return None;
    }
    let machines: Vec<String> = seen
        .machines
        .iter()
        .filter(|machine| is_of(machine, pool) && !has_node(machine, &seen.nodes))
        .map(describe)
        .collect();
    let machines = if machines.is_empty() {
        "no machine is on its way".to_owned()
    } else {
        machines.join(", ")
    };
    Some(format!(
        "pool {} has {present} of {wished} nodes: {machines}",
        pool.name
    ))
}

fn is_of(machine: &Machine, pool: &Worker) -> bool {
    let labels = machine.spec.node_template.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(LABEL_WORKER_POOL)) == Some(&pool.name)
}

/// A machine's node has its name.
fn has_node(machine: &Machine, nodes: &[Node]) -> bool {
    nodes.iter().any(|node| node.metadata.name == machine.metadata.name)
}

fn describe(machine: &Machine) -> String {
    let name = machine.metadata.name.as_deref().unwrap_or_default();
    let phase = machine.status.current_status.phase.as_str();
    let phase = if phase.is_empty() { "not begun" } else { phase };
    let description = &machine.status.last_operation.description;
    if description.is_empty() {
        format!("machine {name} is {phase}")
    } else {
        format!("machine {name} is {phase}: {description}")
    }
}

#[cfg(test)]
mod tests {
    use api::constants::LABEL_WORKER_NODE_AGENT_SECRET;
    use k8s_openapi::api::core::v1::{NodeCondition, NodeStatus};
    use serde_json::json;

    use super::*;

    fn node(name: &str, conditions: &[(&str, &str)]) -> Node {
        let condition = |(type_, status): &(&str, &str)| NodeCondition {
            type_: (*type_).to_owned(),
            status: (*status).to_owned(),
            message: Some(format!("{type_} is {status}")),
            ..NodeCondition::default()
        };
        let mut node = Node {
            status: Some(NodeStatus {
                conditions: Some(conditions.iter().map(condition).collect()),
                ..NodeStatus::default()
            }),
            ..Node::default()
        };
        node.metadata.name = Some(name.to_owned());
        node.metadata.labels = Some([("worker.gardener.cloud/pool".to_owned(), "small".to_owned())].into());
        node
    }

    fn machine(name: &str, phase: &str, description: &str) -> Machine {
        serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": { "nodeTemplate": { "metadata": { "labels": { "worker.gardener.cloud/pool": "small" } } } },
            "status": { "currentStatus": { "phase": phase }, "lastOperation": { "description": description } },
        }))
        .unwrap()
    }

    #[track_caller]
    fn check(nodes: Vec<Node>, machines: Vec<Machine>, reason: &str, message: &str) {
        let seen = Seen {
            nodes,
            machines,
            agents: Agents::default(),
        };
        check_seen(&seen, reason, message);
    }

    #[track_caller]
    fn check_seen(seen: &Seen, reason: &str, message: &str) {
        let pool = Worker {
            name: "small".to_owned(),
            minimum: 2,
            maximum: 3,
            ..Worker::default()
        };
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        let finding = every_node(&[pool], seen, now);
        assert_eq!((finding.reason, finding.message.as_str()), (reason, message));
    }

    const READY: &[(&str, &str)] = &[("DiskPressure", "False"), ("Ready", "True")];

    #[test]
    fn as_many_as_asked_for_and_all_ready() {
        check(
            vec![node("a", READY), node("b", READY)],
            vec![],
            "EveryNodeReady",
            "All nodes are ready.",
        );
    }

    #[test]
    fn who_is_missing_is_named_with_the_reason() {
        check(
            vec![node("a", READY)],
            vec![
                machine("a", "Running", "joined"),
                machine("b", "CrashLoopBackOff", "quota exceeded"),
            ],
            "MissingNodes",
            "pool small has 1 of 2 nodes: machine b is CrashLoopBackOff: quota exceeded",
        );
        let nobody = "pool small has 0 of 2 nodes: no machine is on its way";
        check(vec![], vec![], "MissingNodes", nobody);
    }

    #[test]
    fn who_is_ill_is_named() {
        let silent = node("b", &[]);
        let full = node("c", &[("DiskPressure", "True"), ("Ready", "True")]);
        check(
            vec![node("a", &[("Ready", "Unknown")]), silent, full],
            vec![],
            "NodeUnhealthy",
            "node a of pool small is not ready: Ready is Unknown; node b of pool small is not ready: its kubelet has said \
             nothing; node c of pool small has DiskPressure: DiskPressure is True",
        );
    }

    #[test]
    fn units_in_trouble_are_named() {
        let broken = node("b", &[("Ready", "True"), ("SystemdUnitsReady", "False")]);
        check(
            vec![node("a", &[("Ready", "True"), ("SystemdUnitsReady", "True")]), broken],
            vec![],
            "NodeUnhealthy",
            "node b of pool small has units in trouble: SystemdUnitsReady is False",
        );
    }

    #[test]
    fn agents_are_to_be_heard_and_to_keep_up() {
        let secret = "gardener-node-agent-small-01234567";
        let kept = |name: &str| {
            let mut node = node(name, READY);
            let labels = node.metadata.labels.get_or_insert_default();
            labels.insert(LABEL_WORKER_NODE_AGENT_SECRET.to_owned(), secret.to_owned());
            node
        };
        let lease = |name: &str| {
            serde_json::from_value(json!({
                "metadata": { "name": format!("gardener-node-agent-{name}") },
                "spec": { "renewTime": "2026-01-01T00:00:55.000000Z" },
            }))
            .unwrap()
        };
        let mut seen = Seen {
            nodes: vec![kept("a"), kept("b")],
            machines: vec![],
            agents: Agents::default(),
        };
        seen.agents.leases = vec![lease("a")];
        seen.agents.wished = [(secret.to_owned(), "0123456789".to_owned())].into();
        check_seen(&seen, "NodeAgentUnhealthy", "node-agent of node b was never heard");
        seen.agents.leases.push(lease("b"));
        let before = "has not applied the configuration 01234567 yet, its last one is none";
        let message = format!("node a {before}; node b {before}");
        check_seen(&seen, "OperatingSystemConfigOutdated", &message);
        seen.agents.wished.clear();
        check_seen(&seen, "EveryNodeReady", "All nodes are ready.");
    }

    #[test]
    fn a_long_list_is_cut() {
        let text = listed((0..7).map(|number| number.to_string())).unwrap();
        assert_eq!(text, "0; 1; 2; 3; 4; and 2 more");
    }
}
