//! Security groups: who may talk with a network's machines, and with whom they may.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{Phase, Resource};

/// A set of rules for the machines that name it. A machine in no group may do anything; one in groups may do what any of them allows, and
/// nothing else. Answers always pass, and so do a machine's questions for its user data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Unique among security groups; at most 63 characters of `a-z0-9-`.
    pub name: String,
    /// What was wished.
    pub spec: SecurityGroupSpec,
    /// What is.
    pub status: SecurityGroupStatus,
}

/// What a security group should be. All but the network can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroupSpec {
    /// The network of its machines.
    pub network: String,
    /// What is allowed; with no rules, nothing is.
    #[serde(default)]
    pub rules: Vec<SecurityGroupRule>,
}

/// Something that a security group allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityGroupRule {
    /// Whether the machine is asked, or asks.
    pub direction: Direction,
    /// Of which protocol.
    #[serde(default)]
    pub protocol: RuleProtocol,
    /// The first destination port; all ports if absent. Only for TCP and UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_from: Option<u16>,
    /// The last destination port; [`Self::port_from`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_to: Option<u16>,
    /// Who is at the other end. Behind a load balancer, that is whoever connected to it.
    pub remote: Remote,
}

impl SecurityGroupRule {
    /// A rule for every protocol and port.
    pub fn new(direction: Direction, remote: Remote) -> Self {
        Self {
            direction,
            protocol: RuleProtocol::Any,
            port_from: None,
            port_to: None,
            remote,
        }
    }

    /// The same for one protocol and a range of its destination ports.
    pub fn ports(self, protocol: RuleProtocol, from: u16, to: u16) -> Self {
        Self {
            protocol,
            port_from: Some(from),
            port_to: Some(to),
            ..self
        }
    }
}

/// Which end opens a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// The other end.
    Ingress,
    /// The machine.
    Egress,
}

/// Protocols of rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RuleProtocol {
    /// Every protocol over IPv4.
    #[default]
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, every type.
    Icmp,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Remote {
    /// A range of addresses.
    Cidr(Ipv4Net),
    /// The machines of a security group of the same network, with all addresses that routes lead to through them.
    Group(String),
}

/// What a security group is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupStatus {
    /// How far it is. `Ready`: its rules hold.
    pub phase: Phase,
    /// Why it failed; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Names of its machines, in their order.
    #[serde(default)]
    pub machines: Vec<String>,
}

impl Resource for SecurityGroup {
    type Spec = SecurityGroupSpec;
    const PATH: &'static str = "securitygroups";
    const KIND: &'static str = "security group";
}
