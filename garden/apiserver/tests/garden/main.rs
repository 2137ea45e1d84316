//! A garden of real processes: etcd, kube-apiserver, and our API server behind its aggregator, asked by the real kubectl.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its helpers with it"
)]

mod controllers; // projects, shoots and seeds are looked after
mod fixtures; // objects that are valid
mod pools;
mod registrations; // extensions are installed where they are needed
mod shoots; // one Shoot, from its creation to its end
mod support; // the garden
