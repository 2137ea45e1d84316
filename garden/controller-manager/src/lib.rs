//! Controllers of the garden cluster.
//!
//! Each keeps one relation between objects of the garden, and each root kind has one module: a project and its namespace,
//! a seed and the lease of its gardenlet, a cloud profile or a binding and the shoots that use it, an extension and the seeds
//! that need it, a shoot and the label that sums up its health. Absent: anything that reaches into a seed or a shoot.

#![forbid(unsafe_code)]

mod config; // the configuration file
mod context; // what all controllers share
mod process; // from start to end
mod project; // namespace and roles of a project
mod references; // nothing that is used may go
mod registration; // which extensions are installed on which seed
mod seed; // seeds whose gardenlet has gone silent
mod shoot; // the label that sums up a shoot's health

pub use self::process::{Arguments, Error, run};
