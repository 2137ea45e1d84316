//! Networks: machines behind a router with NAT.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{Phase, Resource};

/// A network for machines, behind a router of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Unique among networks; at most 40 characters of `a-z0-9-`.
    pub name: String,
    /// What was wished.
    pub spec: NetworkSpec,
    /// What is.
    pub status: NetworkStatus,
}

/// What a network should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkSpec {
    /// The machines' addresses. The first is the gateway's. Cannot be changed; networks may overlap unless both are routed.
    pub cidr: Ipv4Net,
    /// Whether the cloud itself (its proxy on the host, its API) reaches the machines by their own addresses. Other networks never do:
    /// they use load balancers.
    #[serde(default)]
    pub routed: bool,
    /// The route table: further ranges that live behind machines of this network, such as pod ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<NetworkRoute>,
}

impl NetworkSpec {
    /// A network closed to the outside but for its load balancers.
    pub fn new(cidr: Ipv4Net) -> Self {
        Self {
            cidr,
            routed: false,
            routes: Vec::new(),
        }
    }

    /// A network whose machines the proxy on the host reaches by their own addresses.
    pub fn routed(cidr: Ipv4Net) -> Self {
        Self {
            cidr,
            routed: true,
            routes: Vec::new(),
        }
    }
}

/// One line of a route table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRoute {
    /// The range, for example a node's pods.
    pub destination: Ipv4Net,
    /// Address of the machine that knows the way.
    pub via: Ipv4Addr,
}

/// What a network is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkStatus {
    /// How far it is.
    pub phase: Phase,
    /// Why it failed; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The router's address in the network.
    pub gateway: Ipv4Addr,
    /// The router's address in the backbone: where the machines' connections seem to come from.
    pub uplink: Ipv4Addr,
}

impl Resource for Network {
    type Spec = NetworkSpec;
    const PATH: &'static str = "networks";
    const KIND: &'static str = "network";
}
