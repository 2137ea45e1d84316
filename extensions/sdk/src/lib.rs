//! The core of every extension: an actuator trait per kind and the reconciler that drives it.
//!
//! gardenlet (or the operator) writes an extension object, for example a `DNSRecord`, and waits for its status. An
//! extension brings an [`Actuator`] for the kind: what to make in the cloud. Everything else is here: which objects are
//! meant, finalizer, operation annotation, `lastOperation`, `lastError`, `observedGeneration`, retries ([`run`]).
//! [`conformance`] holds what every actuator must pass.
//!
//! A provider of machines brings two small things: a [`worker::MachinePlanner`] (what machines of a pool are to the cloud)
//! and a [`machine::MachineDriver`] (machines made, found and removed by name). The worker's actuator and the machine
//! controller are here.

#![forbid(unsafe_code)]

mod actuator; // what an extension brings
pub mod conformance; // what it must pass
mod driver; // one reconcile
mod kind; // what kinds of extension objects share
pub mod machine; // machines in a cloud
mod managed; // objects wanted in the shoot
mod operation; // which operation an object asks for; pure
mod process; // watching and queueing
mod shoot_access; // clients of shoots
pub mod worker; // from worker pools to machines

pub use self::{
    actuator::{Actuator, ActuatorError, Request},
    driver::Driver,
    kind::ExtensionKind,
    managed::{ManagedObjects, ManagedObjectsError},
    process::{RunOptions, run},
    shoot_access::{ShootAccessError, request_shoot_access, shoot_client},
};
