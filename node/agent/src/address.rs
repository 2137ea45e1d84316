//! The API server's address on this machine: `lo` carries it, so that the tunnel's client can listen there.

use std::{io, net::IpAddr, process::Stdio, time::Duration};

use async_trait::async_trait;
use tokio::process::Command;

/// `ip` answers at once.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why the address is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    /// The command cannot be run.
    #[error("failed to run ip")]
    Run(#[source] io::Error),
    /// The command failed.
    #[error("failed to add {address} to lo: {output}")]
    Failed {
        /// The address.
        address: IpAddr,
        /// What it said.
        output: String,
    },
}

/// Gives addresses to the machine.
#[async_trait]
pub(crate) trait Addresses: Send + Sync {
    /// Lets the machine answer at the address.
    async fn ensure(&self, address: IpAddr) -> Result<(), AddressError>;
}

/// The interface `lo`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loopback;

impl Loopback {
    /// All addresses of all interfaces: an address that lies elsewhere need not be added.
    fn has(address: IpAddr) -> bool {
        let Ok(mut addresses) = nix::ifaddrs::getifaddrs() else {
            return false;
        };
        addresses.any(|found| {
            let storage = found.address.as_ref();
            let four = storage
                .and_then(|storage| storage.as_sockaddr_in())
                .map(|found| IpAddr::from(found.ip()));
            let six = storage
                .and_then(|storage| storage.as_sockaddr_in6())
                .map(|found| IpAddr::from(found.ip()));
            four == Some(address) || six == Some(address)
        })
    }
}

#[async_trait]
impl Addresses for Loopback {
    async fn ensure(&self, address: IpAddr) -> Result<(), AddressError> {
        if Self::has(address) {
            return Ok(());
        }
        let mut command = Command::new("ip");
        let prefix = if address.is_ipv4() { 32 } else { 128 };
        command.args(["address", "replace", &format!("{address}/{prefix}"), "dev", "lo"]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output())
            .await
            .map_err(|_| AddressError::Run(io::ErrorKind::TimedOut.into()))?
            .map_err(AddressError::Run)?;
        if output.status.success() {
            tracing::info!(%address, "added to lo");
            return Ok(());
        }
        Err(AddressError::Failed {
            address,
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_there_needs_nothing() {
        assert!(Loopback::has("127.0.0.1".parse().unwrap()));
        assert!(!Loopback::has("240.1.2.3".parse().unwrap()));
        Loopback.ensure("127.0.0.1".parse().unwrap()).await.unwrap();
    }
}
