//! Admission: what a write means beside other objects. A plugin per Gardener's plugin, by its name.
//!
//! In: a write, and other objects through [`lookups::Lookups`]. Out: the write completed, or refused with the reason.
//! The decisions are pure functions over facts; plugins only gather these.

mod deletion; // words of confirmation
mod facts; // what else must be known about a Shoot
mod lookups; // where facts come from
mod plugins; // the plugins of a server
mod project; // owners
mod references; // what is named must exist
mod shoot_checks; // a Shoot against the objects around it
mod shoot_defaults; // what a Shoot's user did not say
mod shoot_plugins; // gathers facts for the two above

pub(crate) use self::lookups::{Access, Lookups};
pub(crate) use self::plugins::plugins;
pub(crate) use self::project::sync_owner_role;

use apimachinery::Status;
use apimachinery::field::FieldErrors;
use apiserver::admission::Attributes;

/// Refuses a write with the reason.
fn forbidden(attributes: &Attributes<'_>, reason: &str) -> Status {
    Status::forbidden(&attributes.resource, attributes.name, reason)
}

/// Refuses a write when there are errors, with all of them.
fn refuse(attributes: &Attributes<'_>, errors: &FieldErrors) -> Result<(), Status> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(forbidden(attributes, &errors.to_string()))
    }
}
