//! Judgements of a shoot's nodes: as many as its pools ask for, each of them ready. Pure.

use api::{
    constants::LABEL_WORKER_POOL,
    core::v1beta1::{ConditionStatus, Worker},
    machine::v1alpha1::Machine,
};
use k8s_openapi::api::core::v1::Node;

use super::checks::Finding;
use crate::shoot::nodes::{condition, is_ready};

/// Conditions that are bad when true.
const TROUBLES: [&str; 4] = ["DiskPressure", "MemoryPressure", "NetworkUnavailable", "PIDPressure"];
/// So many complaints fit into a condition that people read.
const MOST: usize = 5;

/// What is known of a shoot's machines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The nodes, as the shoot has them.
    pub(crate) nodes: Vec<Node>,
    /// The machines, as the seed has them.
    pub(crate) machines: Vec<Machine>,
}

/// Whether every node of every pool is there and ready.
pub(crate) fn every_node(pools: &[Worker], seen: &Seen) -> Finding {
    let ill = seen.nodes.iter().filter_map(trouble);
    if let Some(message) = listed(ill) {
        return Finding::unhealthy("NodeUnhealthy", message);
    }
    let missing = pools.iter().filter_map(|pool| lack(pool, seen));
    if let Some(message) = listed(missing) {
        return Finding::unhealthy("MissingNodes", message);
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
    let trouble = TROUBLES
        .iter()
        .filter_map(|type_| condition(node, type_))
        .find(|condition| condition.status == "True")?;
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
        let pool = Worker {
            name: "small".to_owned(),
            minimum: 2,
            maximum: 3,
            ..Worker::default()
        };
        let finding = every_node(&[pool], &Seen { nodes, machines });
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
    fn a_long_list_is_cut() {
        let text = listed((0..7).map(|number| number.to_string())).unwrap();
        assert_eq!(text, "0; 1; 2; 3; 4; and 2 more");
    }
}
