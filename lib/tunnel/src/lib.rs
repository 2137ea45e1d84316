//! The tunnel's protocol: streams to addresses, many of them over one TLS connection.
//!
//! The connection is opened by the side that nobody can dial (a machine behind NAT), and used by the other: that side opens
//! streams with [`Connection`], the machine's side answers them with [`accept_streams`] and dials what they ask for. On the
//! wire it is HTTP/2 with one `CONNECT <address>:<port>` per stream, the roles of client and server turned around.
//!
//! In: a connected byte stream of either side. Out: byte streams with half-close and flow control of their own.
//!
//! Absent: who may connect and where a stream may go beyond the rules of [`forbidden`]; those are decided by both ends.
//!
//! **Invariant:** a stream that nobody reads holds at most [`limits::STREAM_WINDOW`] bytes, and stops no other stream.

#![forbid(unsafe_code)]

mod accept; // the machine's side: answers streams
mod backoff; // how soon a lost connection is tried again
mod connection; // the side that opens streams
mod forbidden; // addresses that nobody dials through a tunnel
mod identity; // who a client certificate names
mod keepalive; // notices that the other side is gone
pub mod limits; // windows, frames, counts
mod queue; // what came in and is not written yet
mod relay; // copies between a stream and a socket
mod socket; // settings of TCP connections
mod tls; // certificates to TLS settings

pub use self::{
    accept::{AcceptError, Dial, DialError, accept_streams},
    backoff::Backoff,
    connection::{Connection, ConnectionError, Driver, OpenError, OpenStream},
    forbidden::forbidden,
    identity::{IdentityError, MachineIdentity, TUNNEL_GROUP, TUNNEL_USER_PREFIX},
    relay::{RelayError, Stream, Traffic, relay},
    socket::configure as configure_socket,
    tls::{TlsError, client_config, server_config},
};

/// ALPN of a connection that carries streams into the shoot.
pub const ALPN_TUNNEL: &[u8] = b"kubeception-tunnel/1";
/// ALPN of a connection to the API server: inside are the bytes of one client's own TLS connection, and nothing else.
pub const ALPN_API_SERVER: &[u8] = b"kubeception-apiserver/1";
