//! gardener-node-agent: keeps a machine as its cluster wants it.
//!
//! In: the configuration and the bootstrap token that user data left, and the machine's OperatingSystemConfig, a Secret of the shoot.
//! Out: files, programs out of images and systemd units as wished; certificates of its own and of the tunnel's client; the kubelet's
//! credentials for its first contact; an annotated Node and a Lease. Absent: operating system updates in place.
//!
//! **Invariant:** `kill -9` is harmless at any moment. What is owned, and what must still be restarted, is on disk before anything is
//! touched; files are replaced, never written over; and the machine is kept by the last known wish while no API server answers.

#![forbid(unsafe_code)]

mod configuration; // what user data left
mod layout; // where things lie
mod machine; // what only the machine knows

mod certificate; // asking for certificates
mod identity; // our own, and its renewal
mod kubelet; // the kubelet's first contact
mod tunnel; // the certificate of the tunnel's client

mod download; // the OperatingSystemConfig, from the cluster and from disk
mod keeper; // make the machine so, and keep it so
mod wished; // what it means: files and units

mod address; // the API server's address on this machine
mod files; // replaces files
mod images; // programs out of images
mod systemd; // units, over D-Bus
mod units; // what we ask of whoever runs units

mod condition; // tells the cluster whether units run
mod health; // restarts what hangs
mod lease; // tells that we live
mod node; // tells the cluster what was applied

mod process; // runs all of it
mod retry; // waits between attempts

#[cfg(test)]
mod cluster_tests; // all of it, against a real API server

pub use self::process::{Arguments, Error, run};

/// The field manager, and the name in logs.
const NAME: &str = "gardener-node-agent";
