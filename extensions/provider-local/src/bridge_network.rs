//! The process `bridge-network`: the pod network of one node of a shoot.
//!
//! In: the Node's own object, for the range that kube-controller-manager gave it. Out: a configuration for the runtime's network
//! plugins (a bridge, addresses of that range), and rules that hide the addresses of pods from everything outside of the pods'
//! ranges. Absent: ways to the pods of other nodes, which are routes of the cloud.
//!
//! It talks to the API server at an address that every node has, so that it works before any Service does.

mod configuration; // what is written; pure
mod node; // writing it
mod process; // flags, and when it is written

pub use self::process::{Arguments, Error, run};
