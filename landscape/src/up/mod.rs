//! Bring-up: from a bare host to a landscape with a garden, a seed and a shoot.
//!
//! In: [`Settings`] and a [`Progress`] to tell how it goes. Out: a running landscape and a [`Summary`] of what was made and how long
//! each phase took. Every phase looks first and changes only what is missing: a run after an interruption goes on, and a run on a
//! finished landscape changes nothing. One at a time: a lock says so to the second. Absent: tear-down.

mod checks; // what a host must have
mod cloud; // daemon, machine image, images, machine
mod cluster; // applies objects
mod context; // what the phases share
mod error;
mod flow; // the phases and their order
mod garden; // operator, Garden, and what lies in the garden
mod gardenlet; // its identity, its deployment, its Seed
mod progress; // what the user sees
mod seed; // API, system components, kinds
mod shoot; // the sample

pub use self::checks::{HostFacts, Problem, problems};
pub use self::context::{Extent, Settings};
pub use self::error::UpError;
pub use self::flow::{PhaseTime, Summary, up};
pub use self::progress::{Console, PhaseEnd, Progress};
pub use crate::samples::SHOOT_HAS_MACHINES;
