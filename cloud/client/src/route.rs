//! Routes: lines of a network's route table that are objects of their own, so that several can write without reading.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{Phase, Resource};

/// A line of a network's route table, beside those of the network's own specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Unique among routes; at most 63 characters of `a-z0-9-`.
    pub name: String,
    /// What was wished.
    pub spec: RouteSpec,
    /// What is.
    pub status: RouteStatus,
}

/// What a route should be. All but the network can be changed; no two routes of a network have one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSpec {
    /// The network whose route table it is in.
    pub network: String,
    /// The range, for example a node's pods.
    pub destination: Ipv4Net,
    /// Address of the machine that knows the way.
    pub via: Ipv4Addr,
}

/// What a route is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteStatus {
    /// How far it is. `Ready`: the router follows it.
    pub phase: Phase,
    /// Why it failed; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Resource for Route {
    type Spec = RouteSpec;
    const PATH: &'static str = "routes";
    const KIND: &'static str = "route";
}
