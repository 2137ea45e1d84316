//! The agent of a seed: reconciles its Seed and the Shoots bound to it.
//!
//! In: a `GardenletConfiguration`, a kubeconfig of the garden, and the seed it runs in. Out: control planes in the seed,
//! status in the garden. It speaks to providers through extension objects only, to etcd through `Etcd` objects, and to
//! the rest of the seed through what the operator put there.
//!
//! What a wish becomes is decided in `plan-control-plane`; how a part is deployed in `deploy`; here is the order of things
//! ([`shoot`]'s flows), what is told to users, and what is watched afterwards ([`care`]).

#![forbid(unsafe_code)]

mod care; // conditions of shoots
mod context; // what all controllers share
mod controller_installation; // extensions of the seed
mod process; // wires everything together
mod seed; // the Seed: registration, lease, health
mod settings; // the configuration, completed
mod shoot; // the Shoots: what to do, and the flows that do it

pub use self::{
    process::{Arguments, Error, run},
    settings::SettingsError,
};
