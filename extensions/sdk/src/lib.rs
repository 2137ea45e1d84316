//! The core of every extension: an actuator trait per kind and the reconciler that drives it.
//!
//! gardenlet (or the operator) writes an extension object, for example a `DNSRecord`, and waits for its status. An
//! extension brings an [`Actuator`] for the kind: what to make in the cloud. Everything else is here: which objects are
//! meant, finalizer, operation annotation, `lastOperation`, `lastError`, `observedGeneration`, retries ([`run`]).
//! [`conformance`] holds what every actuator must pass.

#![forbid(unsafe_code)]

mod actuator; // what an extension brings
pub mod conformance; // what it must pass
mod driver; // one reconcile
mod kind; // what kinds of extension objects share
mod operation; // which operation an object asks for; pure
mod process; // watching and queueing

pub use self::{
    actuator::{Actuator, ActuatorError, Request},
    driver::Driver,
    kind::ExtensionKind,
    process::{RunOptions, run},
};
