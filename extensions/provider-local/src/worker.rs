//! Workers of the local cloud: what a machine of a pool is to the cloud, and machines made, found and removed.
//!
//! Everything else about workers and machines is the SDK's.

mod driver; // machines in the cloud
mod plan; // from a pool to a machine's specification; pure

pub use self::{driver::LocalMachineDriver, plan::LocalMachinePlanner};
