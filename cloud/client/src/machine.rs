//! Machines: an image, an address, user data.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::{Phase, Resource};

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Unique among machines, and its host name; at most 63 characters of `a-z0-9-`. The cloud's DNS answers `<name>.<domain>`.
    pub name: String,
    /// What was wished.
    pub spec: MachineSpec,
    /// What is.
    pub status: MachineStatus,
}

/// What a machine should be. It cannot be changed: delete the machine and make another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MachineSpec {
    /// The network it stands in.
    pub network: String,
    /// What kind of machine.
    #[serde(default)]
    pub kind: MachineKind,
    /// Its address; the cloud chooses one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// How much of the host it may use; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flavor: Option<Flavor>,
    /// A script with its `#!` line, run once at the first boot, again at the next boot until it succeeds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_data: String,
}

impl MachineSpec {
    /// A container machine in this network, with an address of the cloud's choice and no limits.
    pub fn new(network: impl Into<String>) -> Self {
        Self {
            network: network.into(),
            kind: MachineKind::Container,
            address: None,
            flavor: None,
            user_data: String::new(),
        }
    }

    /// The same with a fixed address.
    pub fn address(self, address: Ipv4Addr) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// The same with limits.
    pub fn flavor(self, flavor: Flavor) -> Self {
        Self {
            flavor: Some(flavor),
            ..self
        }
    }

    /// The same with a script for the first boot.
    pub fn user_data(self, script: impl Into<String>) -> Self {
        Self {
            user_data: script.into(),
            ..self
        }
    }
}

/// The kinds of machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineKind {
    /// A system container whose first process is systemd.
    #[default]
    Container,
}

/// Limits of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flavor {
    /// Processor time in thousandths of a core; 0 is no limit.
    #[serde(default)]
    pub cpu_millis: u32,
    /// Memory in MiB; 0 is no limit.
    #[serde(default)]
    pub memory_mib: u64,
}

/// What a machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineStatus {
    /// How far it is. `Ready`: its first process runs.
    pub phase: Phase,
    /// Why it failed; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Its address in its network.
    pub address: Ipv4Addr,
    /// Its name for Kubernetes, `local:///<landscape>/<machine>`.
    pub provider_id: String,
    /// When it was created, RFC 3339.
    pub created: String,
}

impl Resource for Machine {
    type Spec = MachineSpec;
    const PATH: &'static str = "machines";
    const KIND: &'static str = "machine";
}
