//! What may be dialled for the other end of the tunnel, and dialling it.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use ipnet::IpNet;
use lib_tunnel::{DialError, configure_socket, forbidden};
use tokio::{net::TcpStream, time::timeout};

/// Machines and pods of one shoot are near each other.
const DEADLINE: Duration = Duration::from_secs(5);

/// Dials this machine's own addresses and the allowed ranges.
#[derive(Clone, Debug)]
pub struct Dialer {
    allowed: Vec<IpNet>,
}

impl Dialer {
    /// A dialer for the shoot's ranges of pods and Services.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Why `address` may not be dialled.
    pub fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        let address = address.to_canonical();
        forbidden(address).or_else(|| {
            let may = self.allowed.iter().any(|range| range.contains(&address)) || is_own(address);
            (!may).then_some("it is neither this machine's nor of the shoot's pods or Services")
        })
    }
}

/// Whether an interface of this machine has the address: only then a socket can be bound to it.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

impl Dialer {
    /// Dials `address`, if it may be.
    pub(crate) async fn dial(&self, address: SocketAddr) -> Result<TcpStream, DialError> {
        if let Some(reason) = self.refusal(address.ip()) {
            return Err(DialError::Forbidden { address, reason });
        }
        let failed = |source| DialError::Failed { address, source };
        let stream = timeout(DEADLINE, TcpStream::connect(address))
            .await
            .map_err(|_| DialError::TimedOut(address))?
            .map_err(failed)?;
        configure_socket(&stream).map_err(failed)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shoots_ranges_are_dialled() {
        let dialer = Dialer::new(vec!["100.64.0.0/13".parse().unwrap(), "100.96.0.0/11".parse().unwrap()]);
        for address in ["100.64.0.10", "100.96.1.7", "::ffff:100.96.1.7"] {
            assert_eq!(dialer.refusal(address.parse().unwrap()), None, "{address}");
        }
        // Loopback is this machine's own, and still not dialled; 203.0.113.0/24 is nobody's.
        for address in [
            "127.0.0.1",
            "::1",
            "169.254.169.254",
            "240.0.0.1",
            "203.0.113.1",
            "100.100.100.200",
        ] {
            assert!(dialer.refusal(address.parse().unwrap()).is_some(), "{address}");
        }
    }
}
