//! Workers: from the pools of a shoot to machines, for any provider.
//!
//! In: a `Worker`, and a [`MachinePlanner`] that says what machines of a pool are to the cloud. Out: [`WorkerActuator`], which
//! makes a MachineClass and a MachineDeployment per pool and zone, gives the machine controller access to the shoot, and
//! waits until the machines serve. Making them is the machine controller's work ([`crate::machine`]).
//!
//! Absent: a cluster autoscaler; a pool has its minimum of machines. Updates in place.

mod planner; // what a provider brings

mod distribution; // numbers over zones; pure
mod plan; // classes and deployments; pure
mod progress; // whether machines are there; pure
mod state; // what another seed has to know of machines; pure

mod access; // the machine controller's rights in the shoot
mod actuator; // making it so

pub use self::{
    actuator::WorkerActuator,
    planner::{MachineClassPlan, MachinePlanner, PoolInZone},
};
