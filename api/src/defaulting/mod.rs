//! What objects mean where they say nothing.
//!
//! In: an object as it was written. Out: the same object with Gardener's defaults filled in. What is set stays as it is.
//! Absent: defaults that need other objects (they are admission's, see [`crate::validation::cross`]).

mod autoscaling; // cluster autoscaler and vertical pod autoscaler
mod cloud_profile;
mod controller_registration;
mod internal_secret;
mod maintenance; // window, rotation
mod project;
mod seed;
mod shoot;
mod shoot_workers; // what only Shoots with workers have

pub use self::{
    cloud_profile::{set_defaults_cloud_profile, set_defaults_namespaced_cloud_profile},
    controller_registration::set_defaults_controller_registration,
    internal_secret::merge_string_data,
    project::set_defaults_project,
    seed::{set_defaults_seed, set_defaults_seed_spec},
    shoot::{set_defaults_shoot, sync_cloud_profile},
};
use crate::core::v1beta1::Toleration;

/// Sets what is absent.
fn fill<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

/// Adds a toleration of every value of the taint, unless the taint is tolerated already.
fn add_toleration(tolerations: &mut Vec<Toleration>, key: &str) {
    let wanted = Toleration {
        key: key.to_owned(),
        value: None,
    };
    if !tolerations.contains(&wanted) {
        tolerations.push(wanted);
    }
}
