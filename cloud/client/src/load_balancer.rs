//! Load balancers: an address in the backbone whose ports lead to machines.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Phase, Resource};

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Unique among load balancers; at most 63 characters of `a-z0-9-`.
    pub name: String,
    /// What was wished.
    pub spec: LoadBalancerSpec,
    /// What is.
    pub status: LoadBalancerStatus,
}

/// What a load balancer should be. All but the network can be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerSpec {
    /// The network of its backends.
    pub network: String,
    /// Its ports.
    pub ports: Vec<LoadBalancerPort>,
    /// Addresses of the machines behind it. With none, connections are refused.
    #[serde(default)]
    pub backends: Vec<Ipv4Addr>,
}

/// One port of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerPort {
    /// TCP or UDP.
    #[serde(default)]
    pub protocol: Protocol,
    /// The port on the load balancer's address.
    pub port: u16,
    /// The port on the machines, for a Service its node port.
    pub backend_port: u16,
}

/// Transport protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// What a load balancer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancerStatus {
    /// How far it is.
    pub phase: Phase,
    /// Why it failed; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its address, reachable from every network and through the proxy; stays the same for its lifetime.
    pub address: Ipv4Addr,
}

impl Resource for LoadBalancer {
    type Spec = LoadBalancerSpec;
    const PATH: &'static str = "loadbalancers";
    const KIND: &'static str = "load balancer";
}
