//! Who a client certificate names: a machine, by Kubernetes' rules for certificates.
//!
//! The authority of client certificates signs those of users, too: the name and the group decide.

use jiff::Timestamp;
use lib_pki::CertificateInfo;

/// What the common name begins with; the machine's name follows.
pub const TUNNEL_USER_PREFIX: &str = "gardener.cloud:tunnel:machine:";
/// The organization of machines' certificates for the tunnel.
pub const TUNNEL_GROUP: &str = "gardener.cloud:tunnels";

/// Why a certificate names no machine.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It can't be read.
    #[error("failed to read the client certificate")]
    Unreadable(#[from] lib_pki::Error),
    /// It is another user's.
    #[error("the client certificate is of {0:?}, which is no machine's tunnel")]
    NoMachine(String),
    /// Its user is not in the group.
    #[error("the client certificate of {0:?} is not of the group {TUNNEL_GROUP}")]
    NoMember(String),
    /// Its time is over.
    #[error("the client certificate of {0:?} has expired")]
    Expired(String),
}

/// A machine, as its certificate names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineIdentity {
    /// The machine's name, which is its node's.
    pub machine: String,
    /// When the certificate ends: nobody may use it longer.
    pub not_after: Timestamp,
}

impl MachineIdentity {
    /// Reads a verified certificate (DER).
    pub fn from_certificate(der: &[u8], now: Timestamp) -> Result<Self, IdentityError> {
        let info = CertificateInfo::from_der(der)?;
        let name = info.common_name.clone();
        let machine = match name.strip_prefix(TUNNEL_USER_PREFIX) {
            Some(machine) if !machine.is_empty() => machine.to_owned(),
            _ => return Err(IdentityError::NoMachine(name)),
        };
        if !info.organizations.iter().any(|group| group == TUNNEL_GROUP) {
            return Err(IdentityError::NoMember(name));
        }
        // A resumed session brings the certificate of the first handshake: it may have ended since.
        if info.is_expired(now) {
            return Err(IdentityError::Expired(name));
        }
        Ok(Self {
            machine,
            not_after: info.not_after,
        })
    }
}
