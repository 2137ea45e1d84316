//! Provisions node-local directories as `local` volumes.
//!
//! In: claims of a StorageClass whose provisioner is [`PROVISIONER`]: the scheduler gave them a node, or, where the class binds at
//! once, they are given one by lot. Out: a directory on that node, a PersistentVolume bound to the claim and to the node; and, once the claim is gone, neither. One instance works
//! for one node, on a directory of the host that is mounted into its pod; of volumes whose node is gone, any instance removes the
//! object. Absent: quotas, snapshots, expansion.
//!
//! **Invariant:** data is removed only if the volume was released, its class says `Delete`, and its claim does not exist;
//! and nothing outside the volumes' directory is ever touched.

#![forbid(unsafe_code)]

mod directories; // the volumes' directory
mod plan; // what to do with a claim or a volume; pure
mod process; // flags and queues
mod reconcile; // doing it

pub use self::{
    directories::{Directories, DirectoryError, VolumeName},
    plan::PROVISIONER,
    process::{Arguments, Error, run},
    reconcile::{Provisioned, Provisioner, ProvisionerOptions, ReconcileError},
};
