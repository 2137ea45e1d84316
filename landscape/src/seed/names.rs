//! Where the seed is: names, addresses and ranges of a landscape. All landscapes have the same addresses, each in its own namespaces.

use std::fmt;
use std::net::Ipv4Addr;

/// The name of the seed's machine, and of its node.
pub const MACHINE: &str = "seed";

/// The name of the seed's network.
pub const NETWORK: &str = "seed";

/// The range of the seed's network.
pub const NETWORK_RANGE: &str = "10.1.0.0/24";

/// The seed machine's address.
pub const MACHINE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);

/// The range of the seed's pods.
pub const POD_RANGE: &str = "10.2.0.0/16";

/// The range of the seed's Services.
pub const SERVICE_RANGE: &str = "10.3.0.0/16";

/// The Service `kubernetes` of the seed: the first address of the range.
pub(crate) const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 3, 0, 1);

/// The seed's DNS.
pub const CLUSTER_DNS: Ipv4Addr = Ipv4Addr::new(10, 3, 0, 10);

/// The domain of the seed's own names.
pub(crate) const CLUSTER_DOMAIN: &str = "cluster.local";

/// The cloud's API inside of the cloud.
pub const CLOUD_API: &str = "http://172.30.0.1:8080";

/// The seed's API server for programs of the machine that come before Services do.
pub(crate) const API_SERVER: &str = "https://10.1.0.10:6443";

/// The port of the seed's API server.
pub(crate) const API_PORT: u16 = 6443;

/// The zone of a landscape's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(String);

impl Domain {
    /// The zone of the landscape of this name.
    pub fn of(landscape: &str) -> Self {
        Self(format!("{landscape}.kubeception.internal"))
    }

    /// The registry's name and port.
    pub fn registry(&self) -> String {
        format!("registry.{self}:5000")
    }

    /// The seed's API server.
    pub fn seed_api(&self) -> String {
        format!("https://{MACHINE}.{self}:{API_PORT}")
    }

    /// The host name of the garden's API server.
    pub fn garden_host(&self) -> String {
        format!("api.garden.{self}")
    }

    /// The domain of shoots' external names.
    pub fn shoots(&self) -> String {
        format!("shoots.{self}")
    }

    /// The domain of shoots' internal names.
    pub fn internal(&self) -> String {
        format!("internal.{self}")
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_listens_on_the_machine() {
        assert_eq!(API_SERVER, format!("https://{MACHINE_ADDRESS}:{API_PORT}"));
    }
}
