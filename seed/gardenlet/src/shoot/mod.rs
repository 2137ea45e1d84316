//! The Shoots of this seed: what is to be done ([`decision`]), and the flows that do it ([`flow`]).

mod authorizer; // the webhook that says what node-agents may do
mod configurations; // what node-agents fetch. Pure
mod controller; // the queue
mod credentials; // the cloud's, copied into the seed
mod decision; // what to do now. Pure
mod dns; // records for API servers
mod error; // what can go wrong, and what users are told
mod extension; // extension objects: asked for, waited for, removed
mod flow; // the order of things
mod identity; // names. Pure
mod machine_secrets; // secrets of clusters with machines
mod managed; // objects for the inside of the shoot
pub(crate) mod nodes; // judgements of nodes. Pure
mod operation; // one run of a flow, with its status
mod pools; // from worker pools to machines. Pure
mod status; // what users see
mod system_resources; // what every shoot gets inside. Pure
pub(crate) mod tunnel; // asked through its data path
mod wish; // from a Shoot to the wish for a control plane. Pure

pub(crate) use self::{controller::run, status::StatusWriter};

#[cfg(test)]
mod tests;
