//! The Seed of this gardenlet: it is registered, its sign of life renewed, its health told.
//!
//! What the operator owns (CRDs, gateway, etcd controller, resource-manager) is found and left; what is missing is told in
//! the Seed's status, with its name.

mod checks; // judgements. Pure
mod lease; // the sign of life
mod reconcile; // finalizer, health, status
mod register; // the object as configured

pub(crate) use self::{lease::renew, reconcile::run};

#[cfg(test)]
mod tests;
