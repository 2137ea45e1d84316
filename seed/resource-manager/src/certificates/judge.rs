//! Whether a claim is true.
//!
//! In: a [`Claim`] and the [`Facts`] about it. Out: the [`Verdict`]. What the seed knows (Machines, bootstrap tokens made for
//! them) decides; what a node says of itself (its Node) can only narrow it.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use api::{constants, machine::v1alpha1::Machine};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeAddress, Secret};

use super::claim::{Claim, Requestor};
use crate::machines::node_name;

const TOKEN_TYPE: &str = "bootstrap.kubernetes.io/token";

/// What is known.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The shoot's Machines.
    pub machines: Vec<Arc<Machine>>,
    /// The Node that the claim is about; a Node is named as its machine.
    pub node: Option<Node>,
    /// The Secret of the bootstrap token that asks.
    pub token: Option<Secret>,
    /// What time it is.
    pub now: Timestamp,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is approved.
    Approve(&'static str),
    /// It is denied.
    Deny(String),
    /// It cannot be decided yet.
    Later(String),
}

/// Decides.
pub fn judge(claim: &Claim, facts: &Facts) -> Verdict {
    let outcome = match claim {
        Claim::KubeletServing {
            node,
            dns_names,
            ip_addresses,
        } => facts.serving(node, dns_names, ip_addresses),
        Claim::KubeletClient { node, token } => facts
            .machine_of_token(token)
            .and_then(|machine| facts.spent(&machine, node).map(|()| machine))
            .and_then(|machine| same(node, node_name(&machine)))
            .map(|()| "client certificate of a kubelet whose machine holds the bootstrap token"),
        Claim::NodeAgent { machine, requestor } => match requestor {
            Requestor::Token(token) => facts
                .machine_of_token(token)
                .and_then(|owner| facts.spent(&owner, node_name(&owner)).map(|()| owner))
                .and_then(|owner| same(machine, owner.metadata.name.as_deref().unwrap_or_default()))
                .map(|()| "certificate of a node-agent whose machine holds the bootstrap token"),
            Requestor::NodeAgent => facts
                .machine(machine)
                .map(|_| "certificate renewed by the node-agent itself"),
        },
        Claim::Tunnel { machine } => facts
            .machine(machine)
            .map(|_| "certificate of the tunnel client, asked for by the node-agent of its machine"),
    };
    match outcome {
        Ok(reason) => Verdict::Approve(reason),
        Err(no) => no,
    }
}

fn deny<T>(reason: String) -> Result<T, Verdict> {
    Err(Verdict::Deny(reason))
}

fn same(asked: &str, own: &str) -> Result<(), Verdict> {
    if asked == own {
        return Ok(());
    }
    deny(format!("the bootstrap token was made for {own:?}, not for {asked:?}"))
}

impl Facts {
    fn machine(&self, name: &str) -> Result<Arc<Machine>, Verdict> {
        let found = self
            .machines
            .iter()
            .find(|machine| machine.metadata.name.as_deref() == Some(name));
        match found {
            Some(machine) => Ok(Arc::clone(machine)),
            None => deny(format!("there is no Machine {name:?}")),
        }
    }

    /// The machine that a bootstrap token was made for.
    fn machine_of_token(&self, id: &str) -> Result<Arc<Machine>, Verdict> {
        let Some(secret) = &self.token else {
            return deny(format!("bootstrap token {id:?} is not there any more"));
        };
        let data = |key: &str| {
            let value = secret.data.as_ref().and_then(|data| data.get(key));
            value
                .and_then(|value| std::str::from_utf8(&value.0).ok())
                .unwrap_or_default()
        };
        if secret.type_.as_deref() != Some(TOKEN_TYPE) || data("token-id") != id {
            return deny(format!(
                "the Secret of bootstrap token {id:?} is of another type or another token"
            ));
        }
        let expiration = data("expiration");
        if !expiration.is_empty() && expiration.parse().is_ok_and(|end: Timestamp| end <= self.now) {
            return deny(format!("bootstrap token {id:?} has expired"));
        }
        let machine = data("description")
            .strip_prefix(constants::BOOTSTRAP_TOKEN_DESCRIPTION_PREFIX)
            .and_then(|rest| rest.strip_suffix(constants::BOOTSTRAP_TOKEN_DESCRIPTION_SUFFIX));
        match machine {
            Some(name) => self.machine(name),
            None => deny(format!("bootstrap token {id:?} was not made for a machine")),
        }
    }

    /// A token is good for one join: whoever finds it later on a node, or in a copy of the user data, gets nothing.
    fn spent(&self, machine: &Machine, node: &str) -> Result<(), Verdict> {
        let joined = self
            .node
            .as_ref()
            .is_some_and(|found| found.metadata.name.as_deref() == Some(node));
        if joined && node_name(machine) == node {
            return deny(format!(
                "node {node:?} has joined already: the bootstrap token of its machine is spent"
            ));
        }
        Ok(())
    }

    fn serving(
        &self,
        name: &str,
        dns_names: &BTreeSet<String>,
        ip_addresses: &BTreeSet<IpAddr>,
    ) -> Result<&'static str, Verdict> {
        let mut owners = self.machines.iter().filter(|machine| node_name(machine) == name);
        let (Some(machine), None) = (owners.next(), owners.next()) else {
            let count = self
                .machines
                .iter()
                .filter(|machine| node_name(machine) == name)
                .count();
            return deny(format!("{count} Machines belong to node {name:?}, not exactly one"));
        };
        let node = self
            .node
            .as_ref()
            .filter(|node| node.metadata.name.as_deref() == Some(name));
        let Some(node) = node else {
            return Err(Verdict::Later(format!("node {name:?} is not there yet")));
        };
        let said = node.status.as_ref().and_then(|status| status.addresses.as_deref());
        let said = Addresses::of(said.unwrap_or_default());
        if (dns_names, ip_addresses) != (&said.dns_names, &said.ip_addresses) {
            return deny(format!(
                "it names {}, but the addresses of node {name:?} are {said}",
                Addresses {
                    dns_names: dns_names.clone(),
                    ip_addresses: ip_addresses.clone()
                }
            ));
        }
        // The node's own word is not enough: its kubelet may write what it likes into its Node.
        if machine.status.addresses.is_empty() {
            return Err(Verdict::Later(format!(
                "the addresses of the Machine of node {name:?} are not known yet"
            )));
        }
        let mut known = Addresses::of(&machine.status.addresses);
        known.dns_names.insert(name.to_owned());
        if !dns_names.is_subset(&known.dns_names) || !ip_addresses.is_subset(&known.ip_addresses) {
            return deny(format!("node {name:?} claims {said}, but its Machine has {known}"));
        }
        Ok("server certificate of a kubelet for the addresses of its Machine")
    }
}

/// Names and addresses, as a kubelet takes them from its Node.
#[derive(Debug, Default, PartialEq, Eq)]
struct Addresses {
    dns_names: BTreeSet<String>,
    ip_addresses: BTreeSet<IpAddr>,
}

impl Addresses {
    fn of(list: &[NodeAddress]) -> Self {
        let mut addresses = Self::default();
        for entry in list {
            match (entry.type_.as_str(), entry.address.parse()) {
                ("Hostname" | "InternalIP" | "ExternalIP", Ok(address)) => {
                    addresses.ip_addresses.insert(address);
                }
                ("Hostname" | "InternalDNS" | "ExternalDNS", _) => {
                    addresses.dns_names.insert(entry.address.clone());
                }
                _ => {}
            }
        }
        addresses
    }
}

impl std::fmt::Display for Addresses {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.dns_names.iter().cloned();
        let all: Vec<String> = names.chain(self.ip_addresses.iter().map(IpAddr::to_string)).collect();
        if all.is_empty() {
            return formatter.write_str("none");
        }
        formatter.write_str(&all.join(", "))
    }
}
