//! The machine's end of the tunnel, an unprivileged unit on every node of a shoot.
//!
//! It holds a connection to every tunnel server of the shoot's control plane and dials what the API server asks for through
//! it; and it listens on the API server's address inside of the shoot and carries each client's connection there.
//!
//! In: a configuration file, certificates that node-agent renews. Out: connections. Absent: the address on `lo` (node-agent
//! puts it there), names of the shoot, any port that is open to the network.
//!
//! **Invariant:** what comes through the tunnel reaches this machine's own addresses and the shoot's ranges for pods and
//! Services, never loopback or link-local addresses.

#![forbid(unsafe_code)]

mod api_server; // carries clients to the API server
mod credentials; // certificates, read again when they change
mod data; // holds the connection that streams come through
mod dial; // what may be dialled
mod gateway; // connections to the tunnel's servers
mod process; // flags, start and end
mod settings; // the configuration, parsed

pub use self::{
    data::Times,
    dial::Dialer,
    process::{Arguments, Error, run, serve},
    settings::{Settings, SettingsError},
};
