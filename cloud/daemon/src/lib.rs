//! The local cloud: networks, machines, load-balancer addresses, DNS and a registry on one machine.
//!
//! In: the name of a landscape and requests of `cloud_client`. Out: network namespaces, system containers, nftables rules, a DNS
//! server, an image registry and a proxy on the host's loopback. All of it is found again by a restarted daemon and removed by
//! [`teardown`], which needs no daemon.
//!
//! **Invariant:** nothing is made in the host's own network namespace, and every name, path, mount and control group carries the
//! landscape's name.

mod arguments;
mod cgroup;
mod command;
mod error;
mod file_lock;
pub mod image;
mod layout;
mod mounts;
mod netns;
mod plan;
mod process;
mod runtime;
mod store;
mod teardown;
mod wait;

pub use self::{
    arguments::{Arguments, run},
    error::Error,
    layout::{InvalidLandscape, Landscape},
    teardown::{Removed, leftovers, teardown},
};
