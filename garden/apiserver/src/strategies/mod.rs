//! What makes each of Gardener's kinds special: a module per kind, a [`apiserver::registry::Strategy`] in each.
//!
//! In: objects as users send them. Out: objects as they are stored. Absent: checks against other objects, which admission
//! has, and what a kind's fields mean by themselves, which `api` has.

mod cloud_profile;
mod controller_deployment;
mod controller_installation;
mod controller_registration;
mod credentials_binding;
mod internal_secret;
mod project;
mod seed;
mod shoot;
mod shoot_binding;

pub(crate) use self::cloud_profile::{CloudProfileStatusStrategy, CloudProfileStrategy};
pub(crate) use self::controller_deployment::ControllerDeploymentStrategy;
pub(crate) use self::controller_installation::{ControllerInstallationStatusStrategy, ControllerInstallationStrategy};
pub(crate) use self::controller_registration::ControllerRegistrationStrategy;
pub(crate) use self::credentials_binding::CredentialsBindingStrategy;
pub(crate) use self::internal_secret::InternalSecretStrategy;
pub(crate) use self::project::{ProjectStatusStrategy, ProjectStrategy};
pub(crate) use self::seed::{SeedStatusStrategy, SeedStrategy};
pub(crate) use self::shoot::{ShootStatusStrategy, ShootStrategy};
pub(crate) use self::shoot_binding::ShootBindingStrategy;

use apimachinery::ApiObject;
use apimachinery::meta::ObjectMeta;
use apiserver::registry::age;
use jiff::Timestamp;
use serde_json::Value;

/// A row: name, what the kind shows, age.
fn row(object: &impl ApiObject, middle: Vec<Value>, now: Timestamp) -> Vec<Value> {
    let name = Value::from(object.metadata().name.clone().unwrap_or_default());
    std::iter::once(name)
        .chain(middle)
        .chain([Value::from(age(object, now))])
        .collect()
}

/// A new object is of the first generation.
fn first_generation(metadata: &mut ObjectMeta) {
    metadata.generation = Some(1);
}

/// The old generation, or the next one.
fn set_generation(new: &mut ObjectMeta, old: &ObjectMeta, changed: bool) {
    let old = old.generation.unwrap_or(0);
    new.generation = Some(if changed { old + 1 } else { old });
}
