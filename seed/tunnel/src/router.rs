//! Where a destination leads, and what leads nowhere. Pure.

use std::net::IpAddr;

use ipnet::IpNet;
use lib_tunnel::forbidden;

use crate::NodeTable;

/// The ranges of the shoot and of the seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The shoot's nodes; may be unknown, and then is empty.
    pub nodes: Vec<IpNet>,
    /// The shoot's pods.
    pub pods: Vec<IpNet>,
    /// The shoot's Services.
    pub services: Vec<IpNet>,
    /// The seed's nodes, pods and Services, and what it blocks: the cloud's own services, the networks of other machines.
    pub seed: Vec<IpNet>,
}

/// Where an address leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this node alone: it is its own address, or its pod's.
    Node(String),
    /// To any node: each knows the shoot's Services.
    AnyNode,
    /// Out of here: it is of the world outside.
    Direct,
}

/// Why an address leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It may not be reached.
    #[error("{address} may not be dialled: {reason}")]
    Forbidden {
        /// The address.
        address: IpAddr,
        /// Why not.
        reason: &'static str,
    },
    /// It is of the shoot, and no node has it.
    #[error("no node has the address {0}")]
    NoOwner(IpAddr),
}

/// Decides by ranges and nodes.
#[derive(Clone, Debug)]
pub struct Router {
    ranges: Ranges,
}

impl Router {
    /// A router for these ranges.
    pub fn new(ranges: Ranges) -> Self {
        Self { ranges }
    }

    /// Where `address` leads.
    ///
    /// The shoot's own ranges come first, Services before pods before nodes: what a node claims as its own address never
    /// takes a pod's or a Service's away.
    pub fn route(&self, address: IpAddr, nodes: &NodeTable) -> Result<Route, Refusal> {
        let address = address.to_canonical();
        if let Some(reason) = forbidden(address) {
            return Err(Refusal::Forbidden { address, reason });
        }
        let within = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&address));
        if within(&self.ranges.services) {
            return Ok(Route::AnyNode);
        }
        let owned = |owner: Option<&str>| match owner {
            Some(name) => Ok(Route::Node(name.to_owned())),
            None => Err(Refusal::NoOwner(address)),
        };
        if within(&self.ranges.pods) {
            return owned(nodes.owner_of_pod(address));
        }
        if within(&self.ranges.nodes) {
            return owned(nodes.owner_of_address(address));
        }
        if within(&self.ranges.seed) {
            let reason = "it lies in the networks of the seed";
            return Err(Refusal::Forbidden { address, reason });
        }
        // With the range unknown a node may have any address that is not the seed's; with a range, none outside of it.
        match nodes.owner_of_address(address) {
            Some(name) if self.ranges.nodes.is_empty() => Ok(Route::Node(name.to_owned())),
            _ => Ok(Route::Direct),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::NodeView;

    fn ranges(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|range| range.parse().unwrap()).collect()
    }

    fn router(nodes: &[&str]) -> Router {
        Router::new(Ranges {
            nodes: ranges(nodes),
            pods: ranges(&["100.96.0.0/11"]),
            services: ranges(&["100.64.0.0/13"]),
            seed: ranges(&["10.1.0.0/24", "10.2.0.0/16", "10.3.0.0/16"]),
        })
    }

    fn nodes() -> NodeTable {
        let node = |created, addresses: &[&str], pods: &str| NodeView {
            created: Timestamp::from_second(created).unwrap(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            pod_ranges: ranges(&[pods]),
            kubelet_port: 10250,
        };
        NodeTable::new(BTreeMap::from([
            ("one".to_owned(), node(1, &["10.10.0.2"], "100.96.0.0/24")),
            // It claims a Service, another's pod, a machine of the seed and a host of the internet.
            (
                "two".to_owned(),
                node(
                    2,
                    &["10.10.0.3", "100.64.0.1", "100.96.0.9", "10.1.0.10", "192.0.2.1"],
                    "100.96.1.0/24",
                ),
            ),
        ]))
    }

    #[track_caller]
    fn leads(router: &Router, address: &str, expected: &str) {
        let route = match router.route(address.parse().unwrap(), &nodes()) {
            Ok(Route::Node(name)) => name,
            Ok(Route::AnyNode) => "any".to_owned(),
            Ok(Route::Direct) => "direct".to_owned(),
            Err(Refusal::Forbidden { reason, .. }) => reason.to_owned(),
            Err(Refusal::NoOwner(_)) => "nobody".to_owned(),
        };
        assert_eq!(route, expected, "{address}");
    }

    #[test]
    fn addresses_lead_to_their_owner() {
        let router = router(&["10.10.0.0/16"]);
        for (address, expected) in [
            ("10.10.0.2", "one"),
            ("10.10.0.3", "two"),
            ("::ffff:10.10.0.3", "two"),
            ("10.10.0.4", "nobody"),
            ("100.96.0.9", "one"),
            ("100.96.1.9", "two"),
            ("100.96.2.9", "nobody"),
            ("100.64.0.1", "any"),
            ("192.0.2.1", "direct"),
            ("93.184.216.34", "direct"),
            ("10.1.0.10", "it lies in the networks of the seed"),
            ("10.2.3.4", "it lies in the networks of the seed"),
            ("::ffff:10.3.0.1", "it lies in the networks of the seed"),
            ("127.0.0.1", "it is a loopback address"),
            ("169.254.169.254", "it is a link-local address"),
            ("240.0.0.1", "it is a multicast or reserved address"),
        ] {
            leads(&router, address, expected);
        }
    }

    #[test]
    fn without_a_range_of_nodes_their_objects_say_who_they_are() {
        let router = router(&[]);
        leads(&router, "10.10.0.2", "one");
        leads(&router, "10.10.0.4", "direct");
        leads(&router, "100.96.0.9", "one");
        leads(&router, "10.1.0.10", "it lies in the networks of the seed");
    }

    #[test]
    fn what_the_seed_blocks_is_closed_but_for_the_shoots_own() {
        let mut blocking = router(&["10.10.0.0/16"]);
        // All networks of machines, those of other shoots among them, and the cloud's own services.
        blocking.ranges.seed.extend(ranges(&["10.0.0.0/8", "172.30.0.0/23"]));
        let closed = "it lies in the networks of the seed";
        for (address, expected) in [
            ("10.10.0.2", "one"),
            ("10.10.0.4", "nobody"),
            ("100.64.0.1", "any"),
            ("10.11.0.2", closed),
            ("::ffff:10.11.0.2", closed),
            ("172.30.0.1", closed),
            ("172.30.1.7", closed),
            ("172.30.2.1", "direct"),
            ("93.184.216.34", "direct"),
        ] {
            leads(&blocking, address, expected);
        }
    }

    proptest! {
        /// Nothing that nodes claim opens a way into the seed, to loopback or to link-local addresses.
        #[test]
        fn no_claim_opens_the_seed(address in any::<[u8; 4]>().prop_map(IpAddr::from), known in any::<bool>()) {
            let claimed = NodeView {
                created: Timestamp::UNIX_EPOCH,
                addresses: vec![address],
                pod_ranges: vec![IpNet::from(address)],
                kubelet_port: 10250,
            };
            let table = NodeTable::new(BTreeMap::from([("thief".to_owned(), claimed)]));
            let router = router(if known { &["10.10.0.0/16"] } else { &[] });
            let seed = router.ranges.seed.iter().any(|range| range.contains(&address));
            if seed || forbidden(address).is_some() {
                prop_assert!(router.route(address, &table).is_err());
            }
        }
    }
}
