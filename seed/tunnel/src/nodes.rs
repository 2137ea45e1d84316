//! Which node owns an address. Pure.
//!
//! A node's kubelet may write its own status, its addresses too: whoever was first keeps an address that two claim, and an
//! address counts only in the range that its kind belongs to.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

/// The port of a kubelet that does not say which.
const KUBELET_PORT: u16 = 10250;

/// What matters of a Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// When it was created.
    pub created: Timestamp,
    /// Its internal addresses.
    pub addresses: Vec<IpAddr>,
    /// Its parts of the pod range.
    pub pod_ranges: Vec<IpNet>,
    /// Its kubelet's port.
    pub kubelet_port: u16,
}

impl NodeView {
    /// Reads a Node; what can't be parsed is left out.
    pub fn read(node: &Node) -> Self {
        let spec = node.spec.as_ref();
        let status = node.status.as_ref();
        let addresses = status.and_then(|status| status.addresses.as_ref());
        let internal = addresses
            .into_iter()
            .flatten()
            .filter(|address| address.type_ == "InternalIP");
        let one_range = spec.and_then(|spec| spec.pod_cidr.as_ref());
        let ranges = spec.and_then(|spec| spec.pod_cidrs.as_ref());
        let ranges: BTreeSet<&String> = ranges.into_iter().flatten().chain(one_range).collect();
        let endpoints = status.and_then(|status| status.daemon_endpoints.as_ref());
        let port = endpoints.and_then(|endpoints| endpoints.kubelet_endpoint.as_ref());
        let port = port.and_then(|endpoint| u16::try_from(endpoint.port).ok());
        Self {
            created: node
                .metadata
                .creation_timestamp
                .as_ref()
                .map_or(Timestamp::MAX, |time| time.0),
            addresses: internal.filter_map(|address| address.address.parse().ok()).collect(),
            pod_ranges: ranges.into_iter().filter_map(|range| range.parse().ok()).collect(),
            kubelet_port: port.filter(|port| *port != 0).unwrap_or(KUBELET_PORT),
        }
    }
}

/// All nodes, and what they own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTable {
    nodes: BTreeMap<String, NodeView>,
    addresses: BTreeMap<IpAddr, String>,
    /// In the order of the nodes' creation: the first that contains an address owns it.
    pod_ranges: Vec<(IpNet, String)>,
    contested: Vec<String>,
}

impl NodeTable {
    /// The table of `nodes` by name.
    pub fn new(nodes: BTreeMap<String, NodeView>) -> Self {
        let mut ordered: Vec<(&String, &NodeView)> = nodes.iter().collect();
        ordered.sort_by_key(|(name, node)| (node.created, (*name).clone()));
        let mut table = Self::default();
        for (name, node) in ordered {
            for address in &node.addresses {
                let owner = table
                    .addresses
                    .entry(address.to_canonical())
                    .or_insert_with(|| name.clone());
                if owner != name {
                    table
                        .contested
                        .push(format!("{address} of {owner} is claimed by {name}"));
                }
            }
            for range in &node.pod_ranges {
                let overlaps = |(known, _): &&(IpNet, String)| known.contains(range) || range.contains(known);
                if let Some((known, owner)) = table.pod_ranges.iter().find(overlaps) {
                    table
                        .contested
                        .push(format!("{known} of {owner} is claimed by {name} as {range}"));
                }
                table.pod_ranges.push((*range, name.clone()));
            }
        }
        table.nodes = nodes;
        table
    }

    /// The node with the address.
    pub fn owner_of_address(&self, address: IpAddr) -> Option<&str> {
        self.addresses.get(&address).map(String::as_str)
    }

    /// The node with the pod's address.
    pub fn owner_of_pod(&self, address: IpAddr) -> Option<&str> {
        let found = self.pod_ranges.iter().find(|(range, _)| range.contains(&address));
        found.map(|(_, name)| name.as_str())
    }

    /// A node by name.
    pub fn get(&self, name: &str) -> Option<&NodeView> {
        self.nodes.get(name)
    }

    /// The names of all nodes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// What several nodes claim, in words.
    pub fn contested(&self) -> &[String] {
        &self.contested
    }

    /// An address of the node that it does own.
    pub fn address_of(&self, name: &str) -> Option<IpAddr> {
        let node = self.nodes.get(name)?;
        let mut addresses = node.addresses.iter().map(IpAddr::to_canonical);
        addresses.find(|address| self.owner_of_address(*address) == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(created: i64, addresses: &[&str], pods: &str) -> NodeView {
        NodeView {
            created: Timestamp::from_second(created).unwrap(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            pod_ranges: vec![pods.parse().unwrap()],
            kubelet_port: 10250,
        }
    }

    fn table(nodes: &[(&str, NodeView)]) -> NodeTable {
        NodeTable::new(
            nodes
                .iter()
                .map(|(name, node)| ((*name).to_owned(), node.clone()))
                .collect(),
        )
    }

    #[test]
    fn a_node_is_read_as_kubernetes_writes_it() {
        let node: Node = serde_json::from_str(
            r#"{"metadata": {"name": "one", "creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"podCIDR": "100.96.0.0/24", "podCIDRs": ["100.96.0.0/24"]},
                "status": {"addresses": [{"type": "InternalIP", "address": "10.10.0.2"}, {"type": "Hostname", "address": "one"},
                                         {"type": "ExternalIP", "address": "192.0.2.1"}],
                           "daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}}}}"#,
        )
        .unwrap();
        let view = NodeView::read(&node);
        assert_eq!(view.addresses, ["10.10.0.2".parse::<IpAddr>().unwrap()]);
        assert_eq!(view.pod_ranges.len(), 1);
        assert_eq!(view.kubelet_port, 10251);
        assert_eq!(NodeView::read(&Node::default()).kubelet_port, 10250);
    }

    #[test]
    fn whoever_was_first_keeps_an_address() {
        let table = table(&[
            ("a-thief", node(200, &["10.10.0.3", "10.10.0.2"], "100.96.1.0/24")),
            ("victim", node(100, &["10.10.0.2"], "100.96.0.0/24")),
        ]);
        let owner = |address: &str| table.owner_of_address(address.parse().unwrap());
        assert_eq!(owner("10.10.0.2"), Some("victim"));
        assert_eq!(owner("10.10.0.3"), Some("a-thief"));
        assert_eq!(table.address_of("a-thief"), "10.10.0.3".parse().ok());
        assert_eq!(table.contested(), ["10.10.0.2 of victim is claimed by a-thief"]);
    }

    #[test]
    fn whoever_was_first_keeps_a_pod_range() {
        let table = table(&[
            ("a-thief", node(200, &["10.10.0.3"], "100.96.0.0/16")),
            ("victim", node(100, &["10.10.0.2"], "100.96.0.0/24")),
        ]);
        assert_eq!(table.owner_of_pod("100.96.0.7".parse().unwrap()), Some("victim"));
        assert_eq!(table.contested().len(), 1);
        assert_eq!(table.owner_of_pod("10.10.0.2".parse().unwrap()), None);
    }
}
