//! The Shoots of this seed: what is to be done ([`decision`]), and the flows that do it ([`flow`]).

mod controller; // the queue
mod decision; // what to do now. Pure
mod dns; // records for API servers
mod error; // what can go wrong, and what users are told
mod flow; // the order of things
mod identity; // names. Pure
mod operation; // one run of a flow, with its status
mod status; // what users see
mod system_resources; // what every shoot gets inside. Pure
mod wish; // from a Shoot to the wish for a control plane. Pure

pub(crate) use self::{controller::run, status::StatusWriter};

#[cfg(test)]
mod tests;
