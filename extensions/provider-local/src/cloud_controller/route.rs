//! Which routes the cloud needs so that the pods of a shoot's nodes reach each other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cloud_client::{Machine, Route, RouteSpec};
use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;

use crate::pod_range::pod_range;

/// What is to be done about the routes of a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RoutePlan {
    /// Routes that nobody needs, by name. They go first: a range may have a new owner.
    pub(crate) remove: Vec<String>,
    /// Routes that are missing or lead elsewhere.
    pub(crate) put: BTreeMap<String, RouteSpec>,
    /// Nodes whose pods can be reached once this is done.
    pub(crate) reached: BTreeSet<String>,
}

/// Plans the routes of a network: one per node, named as the node.
///
/// Where a route leads is the address of the node's machine in the cloud, never what the node says of itself.
pub(crate) fn plan_routes(nodes: &[Node], machines: &[Machine], present: &[Route], network: &str) -> RoutePlan {
    let mut plan = RoutePlan::default();
    let wanted = wanted(nodes, machines, network);
    for route in present.iter().filter(|route| route.spec.network == network) {
        match wanted.get(&route.name) {
            // Another destination under the same name: a range given anew, which may be another node's now.
            Some(spec) if spec.destination == route.spec.destination => {}
            _ => plan.remove.push(route.name.clone()),
        }
    }
    for (name, spec) in wanted {
        plan.reached.insert(name.clone());
        let is_there = |route: &&Route| route.name == name && route.spec == spec;
        if !present.iter().any(|route| is_there(&route)) {
            plan.put.insert(name, spec);
        }
    }
    plan
}

fn wanted(nodes: &[Node], machines: &[Machine], network: &str) -> BTreeMap<String, RouteSpec> {
    let mut taken: BTreeSet<Ipv4Net> = BTreeSet::new();
    let mut wanted = BTreeMap::new();
    // Older nodes first: of two that claim one range, the first keeps it.
    let mut nodes: Vec<&Node> = nodes.iter().collect();
    nodes.sort_by_key(|node| (node.creation_timestamp(), node.name_any()));
    for node in nodes {
        let name = node.name_any();
        let Some(machine) = machines.iter().find(|machine| machine.name == name) else {
            continue;
        };
        let Some(destination) = pod_range(node).filter(|range| !taken.iter().any(|other| overlaps(range, other)))
        else {
            continue;
        };
        taken.insert(destination);
        let spec = RouteSpec {
            network: network.to_owned(),
            destination,
            via: machine.status.address,
        };
        wanted.insert(name, spec);
    }
    wanted
}

fn overlaps(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}

#[cfg(test)]
mod tests {
    use cloud_client::{Phase, RouteStatus};
    use serde_json::json;

    use super::{super::node::tests::machine, *};

    const NETWORK: &str = "shoot--dev--first";

    fn node(name: &str, range: &str, created: u32) -> Node {
        serde_json::from_value(json!({
            "metadata": { "name": name, "creationTimestamp": format!("2026-01-01T00:00:{created:02}Z") },
            "spec": { "podCIDR": range, "podCIDRs": [range] },
            // What it says of its address does not matter.
            "status": { "addresses": [{ "type": "InternalIP", "address": "10.10.9.9" }] },
        }))
        .unwrap()
    }

    fn spec(network: &str, destination: &str, via: &str) -> RouteSpec {
        RouteSpec {
            network: network.to_owned(),
            destination: destination.parse().unwrap(),
            via: via.parse().unwrap(),
        }
    }

    fn route(name: &str, spec: RouteSpec) -> Route {
        let status = RouteStatus {
            phase: Phase::Ready,
            message: String::new(),
        };
        Route {
            name: name.to_owned(),
            spec,
            status,
        }
    }

    #[test]
    fn every_node_with_a_range_and_a_machine_is_reached() {
        let nodes = [
            node("a", "10.20.0.0/24", 1),
            node("b", "10.20.1.0/24", 2),
            node("no-machine", "10.20.2.0/24", 3),
        ];
        let machines = [machine("a", "10.10.0.2"), machine("b", "10.10.0.3")];
        let plan = plan_routes(&nodes, &machines, &[], NETWORK);
        assert_eq!(plan.remove, Vec::<String>::new());
        assert_eq!(plan.put["a"], spec(NETWORK, "10.20.0.0/24", "10.10.0.2"));
        assert_eq!(plan.put["b"], spec(NETWORK, "10.20.1.0/24", "10.10.0.3"));
        assert_eq!(plan.put.len(), 2);
        // Done once, there is nothing more to do.
        let present: Vec<Route> = plan.put.iter().map(|(name, spec)| route(name, spec.clone())).collect();
        let again = plan_routes(&nodes, &machines, &present, NETWORK);
        assert_eq!((again.remove.len(), again.put.len(), again.reached.len()), (0, 0, 2));
    }

    #[test]
    fn routes_of_nodes_that_are_gone_go_and_those_of_others_stay() {
        let nodes = [node("b", "10.20.0.0/24", 1)];
        let machines = [machine("b", "10.10.0.3")];
        let present = [
            route("a", spec(NETWORK, "10.20.0.0/24", "10.10.0.2")),
            route("b", spec(NETWORK, "10.20.7.0/24", "10.10.0.3")),
            route("x", spec("another", "10.20.0.0/24", "10.10.0.2")),
        ];
        let plan = plan_routes(&nodes, &machines, &present, NETWORK);
        assert_eq!(plan.remove, ["a", "b"]);
        assert_eq!(plan.put["b"], spec(NETWORK, "10.20.0.0/24", "10.10.0.3"));
    }

    #[test]
    fn of_two_nodes_with_one_range_the_older_keeps_it() {
        let nodes = [node("a", "10.20.0.0/23", 2), node("b", "10.20.1.0/24", 1)];
        let machines = [machine("a", "10.10.0.2"), machine("b", "10.10.0.3")];
        let plan = plan_routes(&nodes, &machines, &[], NETWORK);
        assert_eq!(plan.reached.into_iter().collect::<Vec<_>>(), ["b"]);
    }
}
