//! Defaults and validation, as tables: a valid object, one change, the errors it leads to.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

mod cross;
mod defaults;
mod fixtures;
mod garden; // projects, seeds, cloud profiles
mod pools;
mod registrations; // extensions and credentials
mod shoot;
mod shoot_update;
