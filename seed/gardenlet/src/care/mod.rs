//! Conditions of shoots: whether the API server answers, whether the control plane and what is inside are healthy.
//!
//! In: the objects in the shoot's namespace, and a real request to its API server. Out: conditions in the Shoot's status,
//! which the garden's controllers sum up in a label. A look is taken when something in the namespace changes, and every so often.

mod agents; // judgements of node-agents. Pure
mod checks; // judgements. Pure
mod clients; // one client per shoot
mod conditions; // what is written. Pure
mod controller; // the queue
mod nodes; // judgements of nodes. Pure

pub(crate) use self::{
    agents::{checksums, outdated},
    checks::Finding as CareFinding,
    conditions::set as set_condition,
    controller::run,
};

#[cfg(test)]
mod tests;
