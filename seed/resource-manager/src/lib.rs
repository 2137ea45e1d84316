//! Applies ManagedResources and keeps their health; requests tokens for access secrets.
//!
//! One process serves all control planes of a seed: each namespace with a control plane has a target cluster of its own,
//! with a client of its own, and passes run side by side, so that a dead cluster delays no other.

pub mod bundle; // from Secrets to objects
pub mod health; // is an object as it should be?
pub mod managed_resource; // one pass
pub mod object; // an object and its name
mod process; // watches and passes
pub mod target; // the clusters worked on
pub mod token; // access tokens

pub use self::process::{Arguments, Error, run};
