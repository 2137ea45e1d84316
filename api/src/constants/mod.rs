//! Names that are part of the contract with users and extensions: annotations, labels, secrets, roles, conditions.
//!
//! All are reached directly: `constants::CONFIRMATION_DELETION`.

mod annotations; // annotations of Gardener's objects: wishes for operations, confirmations, switches
mod conditions; // types of conditions, and reasons that others rely on
mod deployments; // names of Deployments and StatefulSets that others rely on
mod labels; // labels, and values of labels, that find objects
mod names; // names of objects, users and groups that others rely on
mod nodes; // names around machines and nodes
mod operations; // values of the operation annotations
mod resources; // what gardener-resource-manager reads and writes on objects
mod secrets; // names of Secrets, and of the keys in them

pub use self::{
    annotations::*, conditions::*, deployments::*, labels::*, names::*, nodes::*, operations::*, resources::*,
    secrets::*,
};
