//! What tests share: waiting for a state with a deadline, golden files, real servers in a temporary directory.
//!
//! Only tests import this crate. Its helpers fail by panicking with a message that says what was waited for, and what
//! was seen last.

#![expect(clippy::panic, reason = "a test fails by panicking, and its helpers with it")]

mod eventually;
pub mod golden;
mod process;
mod servers;
pub mod upstream;

pub use self::{
    eventually::{eventually, ready_when},
    process::TestProcess,
    servers::{Etcd, KubeApiServer},
};
