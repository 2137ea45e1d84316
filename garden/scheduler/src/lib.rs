//! Binds shoots to seeds.
//!
//! In: shoots without a seed, and all seeds, cloud profiles and shoots of the garden. Out: a binding, or, on the shoot, why
//! no seed fits. Absent: the decision itself, which `plan-placement` makes.

#![forbid(unsafe_code)]

mod assumed; // bindings that the cache does not show yet
mod config; // the configuration file
mod process; // from start to end
mod reconcile; // one shoot
mod report; // what users see

pub use self::process::{Arguments, Error, run};
