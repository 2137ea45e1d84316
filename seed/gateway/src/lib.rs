//! Routes TLS connections by server name to the API servers behind it, without terminating them.
//!
//! In: Gateways of one GatewayClass, the TLSRoutes attached to them, and the Services that these name. Out: connections
//! copied to the Services' cluster IPs, and the objects' status. A connection's first message, the ClientHello, is read
//! for its server name and passed on as it came; the gateway holds no key and sees no plaintext.
//!
//! Absent: name resolution (a Service's address is in the object), TLS termination, HTTP, the PROXY protocol.

#![forbid(unsafe_code)]

mod client_hello; // the server name of a connection
mod objects; // what is read of Gateways, TLSRoutes and Services
mod plan; // from objects to routes and status; pure
mod process; // flags, start and end
mod routes; // from a server name to a backend
mod serve; // connections
mod status; // what is told about Gateways and TLSRoutes
mod watch; // keeps routes and status up to date

pub use self::{
    process::{Arguments, Error, run},
    routes::{Backend, RouteTable, Routes},
    serve::{ServeOptions, serve},
};
