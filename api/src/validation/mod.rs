//! Why objects are refused.
//!
//! In: an object with its defaults (see [`crate::defaulting`]), and for updates the old one. Out: every mistake, worded as
//! Kubernetes words it, with the field and the remedy. `…_update` includes all that the function without it says.
//! [`cross`] holds the rules that need a second object; admission calls them.
//!
//! **Invariant:** pure. Times that matter come in as arguments.

pub mod cross; // rules that need a second object
pub mod networks; // ranges of addresses
pub mod version; // versions of Kubernetes and images

mod checks; // what several kinds need
mod cloud_profile;
mod controllers; // ControllerRegistration, ControllerDeployment, ControllerInstallation
mod credentials; // CredentialsBinding, InternalSecret
mod project;
mod schedule; // cron expressions, maintenance windows
mod seed;
mod shoot;

pub use self::{
    cloud_profile::{validate_cloud_profile, validate_cloud_profile_update},
    controllers::{
        validate_controller_deployment, validate_controller_deployment_update, validate_controller_installation,
        validate_controller_installation_update, validate_controller_registration,
        validate_controller_registration_update,
    },
    credentials::{
        validate_credentials_binding, validate_credentials_binding_update, validate_internal_secret,
        validate_internal_secret_update,
    },
    project::{validate_project, validate_project_update},
    seed::{validate_seed, validate_seed_update},
    shoot::{
        validate_shoot, validate_shoot_binding_update, validate_shoot_creation, validate_shoot_status_update,
        validate_shoot_update,
    },
};
