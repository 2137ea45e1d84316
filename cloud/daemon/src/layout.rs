//! Names and places of a landscape: everything the cloud makes lies below three folders and one control group, all named after it.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use ipnet::Ipv4Net;

/// Interface and control group names leave room for eight characters.
const LONGEST_NAME: usize = 8;

/// Name of a landscape: one to eight characters of `a-z0-9-`, not beginning or ending with a dash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Landscape(String);

/// A landscape's name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a landscape's name has one to {LONGEST_NAME} characters of a-z, 0-9 and dashes inside, not {0:?}")]
pub struct InvalidLandscape(String);

impl FromStr for Landscape {
    type Err = InvalidLandscape;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.len() <= LONGEST_NAME && is_label(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidLandscape(name.to_owned()))
        }
    }
}

impl fmt::Display for Landscape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether it is a DNS label in lower case.
pub(crate) fn is_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}

/// The backbone: the network between the cloud's services, the routers and the load balancers.
pub(crate) const BACKBONE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 30, 0, 0), 16);
/// The cloud's own address in the backbone.
pub(crate) const CLOUD: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);
/// Names in the landscape's zone that stand for the cloud's own address.
pub(crate) const OWN_NAMES: [&str; 2] = ["cloud", "registry"];
/// The routers' addresses in the backbone.
pub(crate) const UPLINKS: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 30, 1, 0), 24);
/// The load balancers' addresses in the backbone.
pub(crate) const LOAD_BALANCERS: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 30, 2, 0), 23);
/// Where a machine asks for its user data, as in other clouds.
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The API in the backbone.
pub(crate) const API: SocketAddr = SocketAddr::new(IpAddr::V4(CLOUD), 8080);
/// The DNS server in the backbone.
pub(crate) const DNS: SocketAddr = SocketAddr::new(IpAddr::V4(CLOUD), 53);
/// The image registry in the backbone.
pub(crate) const REGISTRY: SocketAddr = SocketAddr::new(IpAddr::V4(CLOUD), 5000);

/// The parent of all control groups' names and the prefix of all namespaces' names.
const RUN: &str = "/run/kubeception";
const STATE: &str = "/var/lib/kubeception";

/// Where a landscape's things lie.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    landscape: Landscape,
}

impl Layout {
    pub(crate) fn new(landscape: Landscape) -> Self {
        Self { landscape }
    }

    pub(crate) fn landscape(&self) -> &Landscape {
        &self.landscape
    }

    /// The zone of the landscape's names.
    pub(crate) fn domain(&self) -> String {
        format!("{}.kubeception.internal", self.landscape)
    }

    /// What only matters while the host is up; shared by all landscapes.
    pub(crate) fn shared_run() -> &'static Path {
        Path::new(RUN)
    }

    /// The parent of all landscapes' durable state.
    pub(crate) fn shared_state() -> &'static Path {
        Path::new(STATE)
    }

    /// What only matters while the host is up.
    pub(crate) fn run(&self) -> PathBuf {
        Path::new(RUN).join(self.landscape.to_string())
    }

    /// What survives a restart of the host.
    pub(crate) fn state(&self) -> PathBuf {
        Path::new(STATE).join(self.landscape.to_string())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.run().join("cloud.sock")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.run().join("lock")
    }

    pub(crate) fn token(&self) -> PathBuf {
        self.state().join("token")
    }

    /// Objects of the API, one folder per kind.
    pub(crate) fn objects(&self) -> PathBuf {
        self.state().join("objects")
    }

    /// Where network namespaces are bound.
    pub(crate) fn namespaces(&self) -> PathBuf {
        self.run().join("netns")
    }

    pub(crate) fn backbone_namespace(&self) -> PathBuf {
        self.namespaces().join("backbone")
    }

    pub(crate) fn network_namespace(&self, network: &str) -> PathBuf {
        self.namespaces().join(format!("network-{network}"))
    }

    pub(crate) fn machine_namespace(&self, machine: &str) -> PathBuf {
        self.namespaces().join(format!("machine-{machine}"))
    }

    /// The name under which `ip netns exec` finds the backbone.
    pub(crate) fn backbone_link(&self) -> PathBuf {
        Path::new("/run/netns").join(format!("kc-{}", self.landscape))
    }

    pub(crate) fn machines(&self) -> PathBuf {
        self.state().join("machines")
    }

    pub(crate) fn machine(&self, machine: &str) -> MachineLayout {
        MachineLayout(self.machines().join(machine))
    }

    /// Deleted machines' folders, until they are removed.
    pub(crate) fn trash(&self) -> PathBuf {
        self.state().join("trash")
    }

    /// The container runtime's own state.
    pub(crate) fn runc(&self) -> PathBuf {
        self.run().join("runc")
    }

    pub(crate) fn registry_data(&self) -> PathBuf {
        self.state().join("registry")
    }

    pub(crate) fn registry_configuration(&self) -> PathBuf {
        self.run().join("registry.yaml")
    }

    pub(crate) fn registry_log(&self) -> PathBuf {
        self.state().join("registry.log")
    }

    /// The control group of all machines, relative to a hierarchy's root.
    pub(crate) fn control_group(&self) -> String {
        format!("kubeception-{}", self.landscape)
    }
}

/// Where a machine's things lie.
#[derive(Clone, Debug)]
pub(crate) struct MachineLayout(PathBuf);

impl MachineLayout {
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// What the machine changed of its image.
    pub(crate) fn upper(&self) -> PathBuf {
        self.0.join("upper")
    }

    /// Scratch space of the overlay.
    pub(crate) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// The machine's root: image and changes together.
    pub(crate) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// The runtime's bundle.
    pub(crate) fn bundle(&self) -> &Path {
        &self.0
    }

    pub(crate) fn specification(&self) -> PathBuf {
        self.0.join("config.json")
    }

    pub(crate) fn console(&self) -> PathBuf {
        self.0.join("console.log")
    }

    pub(crate) fn runtime_log(&self) -> PathBuf {
        self.0.join("runc.log")
    }

    /// A plain directory of the host that the machine sees at `/var/lib/<name>`.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.0.join("data").join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_landscapes_are_short_labels() {
        for name in ["local", "t-cloud", "a", "12345678"] {
            assert!(name.parse::<Landscape>().is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "123456789", "Local", "a.b", "a/b", ".."] {
            assert!(name.parse::<Landscape>().is_err(), "{name}");
        }
    }
}
