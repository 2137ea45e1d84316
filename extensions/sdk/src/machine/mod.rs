//! Machines: MachineDeployments, MachineSets and Machines of the seed made real in a cloud, and joined to their shoots.
//!
//! In: the machine kinds of all namespaces, a [`MachineDriver`] of the cloud, clients of the shoots. Out: machines in the
//! cloud, also before their shoot answers, with a bootstrap token each; Machines whose status says where they stand; dead
//! ones replaced, old ones rolled, those too many drained and removed; nothing left in the cloud that belongs to nobody.
//!
//! It runs once per seed ([`run`]), with one task per shoot. What to do is decided by pure functions (`set`, `rollout`,
//! `lifecycle`, `status`, `node`, `survey`); the rest carries it out, a step at a time, each repeatable after a crash.
//!
//! Machines that are given up to another seed are left alone: a class with the annotation for it stops all work of its
//! namespace, and is answered when what was begun is over.
//!
//! Absent: updates in place, preservation of failed machines, rollback to a revision, volume detachment.

mod driver; // what a cloud brings
mod names; // labels, annotations, finalizers
mod options; // how it runs

mod facts; // what a Machine looks like; pure
mod lifecycle; // what a Machine needs next; pure
mod node; // a Node beside its Machine; pure
mod rollout; // what a MachineDeployment needs; pure
mod set; // what a MachineSet needs; pure
mod status; // status of sets and deployments; pure

mod console; // what machines say
mod context; // what all work of a namespace shares
mod create; // a machine comes
mod drain; // a node is emptied
mod owners; // sets and deployments
mod remove; // a machine goes
mod shoot; // nodes as watched
mod step; // one step of a machine
mod survey; // a look into the cloud
mod token; // bootstrap tokens
mod world; // what there is

mod cell; // the work on a namespace
mod process; // all namespaces
mod wake; // news

#[cfg(test)]
mod testing;

pub(crate) use self::{
    console::silent_machines,
    create::USER_DATA_KEY,
    facts::is_given_up,
    names::{GIVEN_UP_ANNOTATION, GIVEN_UP_ASKED, GIVEN_UP_DONE, MACHINE_CLASS_KIND, MACHINE_GROUP, short_hash},
    set::newest_set_name,
    status::describe,
};
pub use self::{
    driver::{
        CLUSTER_TAG_PREFIX, CloudMachine, CloudMachineState, DriverError, DriverErrorCode, ListRequest, MachineDriver,
        MachineRequest, NODE_TAG, cluster_tags,
    },
    names::{FORCE_DELETION_LABEL, FORCE_DELETION_VALUE},
    options::{ACCESS_NAME, Options, ShootClients},
    process::run,
};
