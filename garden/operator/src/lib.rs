//! Reconciles a `Garden` into the virtual garden cluster, in its runtime cluster.
//!
//! In: the one Garden object. Out: etcd, a kube-apiserver and controllers without nodes, and Gardener's own processes for
//! it, as ordinary workload; what all control planes of the runtime cluster share; the Garden's status.
//!
//! [`settings`] understands the Garden, [`runtime`] and [`virtual_garden`] plan objects (both are pure), [`flow`] applies
//! them with as much at once as their dependencies allow, [`status`] tells how it went.

#![forbid(unsafe_code)]

mod care; // conditions: how the garden is
mod control_plane; // the virtual garden's control plane, as a wish
mod deletion; // the way back
mod files; // volumes of our processes
mod flow; // what is done, and what waits for what
mod garden; // the controller
mod process; // Deployments of our processes
mod runtime; // objects in the runtime cluster
mod secrets; // Secrets of Gardener's processes
mod settings; // what a Garden asks for
mod start; // flags, start and end
mod status; // lastOperation
mod steps; // the flow's tasks, one function each
mod virtual_garden; // objects in the virtual garden

#[cfg(test)]
mod golden; // every planned object, as a file

pub use self::start::{Arguments, Error, run};
