//! Machines: an image, an address, user data.

use std::{collections::BTreeMap, net::Ipv4Addr};

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

/// What a machine should be. Tags and security groups can be changed; for anything else, delete the machine and make another.
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
    /// One of [`crate::Info::zones`]; the first of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// One of [`crate::Info::images`]; the first of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whatever its owner wants to find it by. Nothing here means anything to the cloud.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Security groups of its network; with none, it may do anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// A script with its `#!` line, run once at the first boot, again at the next boot until it succeeds. It may hold secrets: the cloud
    /// shows it to the machine and on the Unix socket, and to nobody else. Left out for a machine that is there already, it stays.
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
            zone: None,
            image: None,
            tags: BTreeMap::new(),
            security_groups: Vec::new(),
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
    pub fn flavor(self, flavor: impl Into<Flavor>) -> Self {
        Self {
            flavor: Some(flavor.into()),
            ..self
        }
    }

    /// The same in a zone.
    pub fn zone(self, zone: impl Into<String>) -> Self {
        Self {
            zone: Some(zone.into()),
            ..self
        }
    }

    /// The same from an image.
    pub fn image(self, image: impl Into<String>) -> Self {
        Self {
            image: Some(image.into()),
            ..self
        }
    }

    /// The same with one more tag.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// The same with one more security group.
    pub fn security_group(mut self, name: impl Into<String>) -> Self {
        self.security_groups.push(name.into());
        self
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

/// How much of the host a machine may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Flavor {
    /// One of [`crate::Info::flavors`].
    Named(String),
    /// These limits.
    Limits(Limits),
}

impl From<Limits> for Flavor {
    fn from(limits: Limits) -> Self {
        Self::Limits(limits)
    }
}

impl From<&str> for Flavor {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<String> for Flavor {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

/// Limits of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
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
    /// The zone it stands in.
    #[serde(default)]
    pub zone: String,
    /// Version of the image that it was made with.
    #[serde(default)]
    pub image: String,
    /// When it was created, RFC 3339.
    pub created: String,
}

impl Resource for Machine {
    type Spec = MachineSpec;
    const PATH: &'static str = "machines";
    const KIND: &'static str = "machine";
}
