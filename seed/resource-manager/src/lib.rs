//! Applies ManagedResources and keeps their health; requests tokens for access secrets; lets machines into their shoots.
//!
//! One process serves all control planes of a seed: each namespace with a control plane has a target cluster of its own,
//! with a client of its own, and passes run side by side, so that a dead cluster delays no other.
//!
//! It also decides who is whose machine: which certificates machines get, and what their node-agents may do. Both go by the
//! Machines of the seed, which nobody on a machine can change.

pub mod authorizer; // what node-agents may do
pub mod bundle; // from Secrets to objects
pub mod certificates; // certificates of machines
pub mod health; // is an object as it should be?
pub mod machines; // the seed's Machines
pub mod managed_resource; // one pass
pub mod object; // an object and its name
mod process; // watches and passes
pub mod target; // the clusters worked on
pub mod token; // access tokens

pub use self::process::{Arguments, Error, run};
