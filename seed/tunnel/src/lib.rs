//! The seed's end of the tunnel: a container beside every kube-apiserver of a shoot with machines.
//!
//! In: what kube-apiserver sends into the shoot, as HTTP CONNECT on a Unix socket; TLS connections of the shoot's machines,
//! by the gateway; the shoot's Node objects. Out: streams to the machine that owns the address asked for, connections dialled
//! here for addresses outside of the shoot, and clients from inside of the shoot handed to kube-apiserver.
//!
//! Which node owns an address is read from Node objects and from nothing that a machine says: a machine's certificate says
//! which machine it is, and no more. What users make kube-apiserver dial must not lead into the seed: [`Router`] decides.
//!
//! Absent: name resolution of the shoot, other replicas of kube-apiserver (each has a tunnel server of its own).

#![forbid(unsafe_code)]

mod egress; // what kube-apiserver sends into the shoot
mod listener; // TLS connections of machines
mod machines; // which machines are connected
mod nodes; // which node owns an address
mod open; // from a destination to a connected stream
mod probe; // whether streams reach the nodes
mod process; // flags, start and end
mod request; // HTTP CONNECT as kube-apiserver speaks it
mod router; // where a destination leads
mod status; // health and metrics over HTTP
mod watch; // keeps the nodes up to date

pub use self::{
    egress::serve as serve_egress,
    listener::{Listener, serve as serve_machines},
    machines::Machines,
    nodes::{NodeTable, NodeView},
    open::Opener,
    probe::Probes,
    process::{Arguments, Error, run},
    request::{Destination, Host},
    router::{Ranges, Refusal, Route, Router},
};
