//! The local cloud: networks, machines, load-balancer addresses, DNS and a registry on one machine.
//!
//! In: the name of a landscape and requests of `cloud_client`. Out: network namespaces, system containers, nftables rules, a DNS
//! server, an image registry and a proxy on the host's loopback. All of it is found again by a restarted daemon and removed by
//! [`teardown`], which needs no daemon.
//!
//! **Invariant:** nothing is made in the host's own network namespace, and every name, path, mount and control group carries the
//! landscape's name.

mod arguments; // start and end of the daemon
mod catalog; // what it offers
mod cloud; // what it does
mod store; // what it remembers

mod api; // its doors
mod dns;
mod http_server;
mod metadata;
mod proxy;

mod plan; // what should exist
mod registry; // what it makes
mod runtime;

mod cgroup; // the host's kernel
mod command;
mod daemon_lock;
mod file_lock;
mod host;
mod mounts;
mod netns;
mod process;
mod wait;

mod error;
pub mod image;
mod layout;
mod teardown;

pub use self::{
    arguments::{Arguments, run},
    catalog::{Catalog, InvalidOffer, NamedFlavor, Quota},
    daemon_lock::has_daemon,
    error::Error,
    layout::{InvalidLandscape, Landscape},
    teardown::{Removed, leftovers, teardown},
};
