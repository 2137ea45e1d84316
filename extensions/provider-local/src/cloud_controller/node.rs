//! What a Node must say of its machine: provider id, addresses, zone, region, instance type. Pure.

use std::collections::BTreeMap;

use api::constants::TAINT_CLOUD_PROVIDER_UNINITIALIZED;
use cloud_client::Machine;
use k8s_openapi::api::core::v1::{Node, NodeAddress, Taint};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::node_view::condition;

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
const REGION_LABEL: &str = "topology.kubernetes.io/region";
/// Label of a node, and tag of a machine in the cloud: the machine type.
pub(crate) const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";

/// What is to be done about a Node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NodePlan {
    /// Merge patch of the status. It comes first: nobody shall use the node before its addresses are known.
    pub(crate) status: Option<Value>,
    /// Merge patch of the rest.
    pub(crate) rest: Option<Value>,
}

/// What the Node lacks of what its machine tells.
pub(crate) fn plan_node(node: &Node, machine: &Machine, region: &str) -> NodePlan {
    let addresses = vec![
        address("InternalIP", &machine.status.address.to_string()),
        address("Hostname", &machine.name),
    ];
    let present = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    let status = (present != Some(&addresses)).then(|| json!({ "status": { "addresses": addresses } }));
    NodePlan {
        status,
        rest: rest(node, machine, region),
    }
}

fn rest(node: &Node, machine: &Machine, region: &str) -> Option<Value> {
    let labels = missing_labels(node, machine, region);
    let spec = node.spec.as_ref();
    let has_id = spec
        .and_then(|spec| spec.provider_id.as_ref())
        .is_some_and(|id| !id.is_empty());
    let taints: &[Taint] = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let left: Vec<&Taint> = taints
        .iter()
        .filter(|taint| taint.key != TAINT_CLOUD_PROVIDER_UNINITIALIZED)
        .collect();
    let initialized = left.len() == taints.len();
    if labels.is_empty() && has_id && initialized {
        return None;
    }
    // Taints are replaced as a whole: the resource version guards those that others set meanwhile.
    let mut patch = json!({ "metadata": { "resourceVersion": node.resource_version(), "labels": labels }, "spec": {} });
    if !has_id {
        patch["spec"]["providerID"] = json!(machine.status.provider_id);
    }
    if !initialized {
        patch["spec"]["taints"] = json!(left);
    }
    Some(patch)
}

fn missing_labels(node: &Node, machine: &Machine, region: &str) -> BTreeMap<&'static str, String> {
    let instance_type = machine.spec.tags.get(INSTANCE_TYPE).cloned().unwrap_or_default();
    let wanted = [
        (ZONE_LABEL, machine.status.zone.clone()),
        (REGION_LABEL, region.to_owned()),
        (INSTANCE_TYPE, instance_type),
    ];
    let missing = |(key, value): &(&str, String)| !value.is_empty() && node.labels().get(*key) != Some(value);
    wanted.into_iter().filter(missing).collect()
}

fn address(kind: &str, address: &str) -> NodeAddress {
    NodeAddress {
        type_: kind.to_owned(),
        address: address.to_owned(),
    }
}

/// Whether a Node without a machine may go: a kubelet that still reports runs somewhere, whatever the cloud says.
pub(crate) fn is_abandoned(node: &Node) -> bool {
    node.metadata.deletion_timestamp.is_none() && condition(node, "Ready") != Some("True")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn machine(name: &str, address: &str) -> Machine {
        serde_json::from_value(json!({
            "name": name,
            "spec": { "network": "shoot--dev--first", "tags": { INSTANCE_TYPE: "local" } },
            "status": {
                "phase": "Ready", "address": address, "providerId": format!("local:///test/{name}"), "zone": "0",
                "image": "1", "created": "2026-01-01T00:00:00Z",
            },
        }))
        .unwrap()
    }

    fn node(value: Value) -> Node {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_new_node_learns_of_its_machine_and_may_be_used() {
        let new = node(json!({
            "metadata": { "name": "a", "resourceVersion": "7", "labels": { "x": "y" } },
            "spec": { "taints": [
                { "key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule", "value": "true" },
                { "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" },
            ] },
        }));
        let plan = plan_node(&new, &machine("a", "10.10.0.2"), "local");
        let addresses =
            json!([{ "type": "InternalIP", "address": "10.10.0.2" }, { "type": "Hostname", "address": "a" }]);
        assert_eq!(plan.status, Some(json!({ "status": { "addresses": addresses } })));
        let rest = json!({
            "metadata": { "resourceVersion": "7", "labels": {
                "topology.kubernetes.io/zone": "0", "topology.kubernetes.io/region": "local",
                "node.kubernetes.io/instance-type": "local",
            } },
            "spec": {
                "providerID": "local:///test/a",
                "taints": [{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }],
            },
        });
        assert_eq!(plan.rest, Some(rest));
    }

    #[test]
    fn a_known_node_is_left_alone_until_it_says_something_else() {
        let known = json!({
            "metadata": { "name": "a", "labels": {
                "topology.kubernetes.io/zone": "0", "topology.kubernetes.io/region": "local",
                "node.kubernetes.io/instance-type": "local",
            } },
            "spec": { "providerID": "local:///test/a" },
            "status": { "addresses": [{ "type": "InternalIP", "address": "10.10.0.2" }, { "type": "Hostname", "address": "a" }] },
        });
        let machine = machine("a", "10.10.0.2");
        assert_eq!(plan_node(&node(known.clone()), &machine, "local"), NodePlan::default());
        let mut liar = known;
        liar["status"]["addresses"][0]["address"] = json!("10.10.0.3");
        let plan = plan_node(&node(liar), &machine, "local");
        assert_eq!(plan.status.unwrap()["status"]["addresses"][0]["address"], "10.10.0.2");
        assert_eq!(plan.rest, None);
    }

    #[test]
    fn only_a_node_that_does_not_report_is_abandoned() {
        let with = |status: &str| node(json!({ "status": { "conditions": [{ "type": "Ready", "status": status }] } }));
        assert!(!is_abandoned(&with("True")));
        assert!(is_abandoned(&with("False")));
        assert!(is_abandoned(&with("Unknown")));
        assert!(is_abandoned(&node(json!({}))));
    }
}
