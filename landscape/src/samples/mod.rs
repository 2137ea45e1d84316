//! What bring-up puts into a landscape's clusters for its user: the garden itself, and in it a cloud profile, a project, a shoot.
//!
//! Pure: from the landscape's zone to objects. Tests check that the API's own types and validation take every one of them.

mod chart; // charts of our own extensions
mod extension; // the local provider, registered in the garden
mod garden; // in the garden
mod processes; // our processes that bring-up deploys into the seed
mod runtime; // in the seed

pub(crate) use self::extension::provider;
pub use self::garden::SHOOT_HAS_MACHINES;
pub(crate) use self::garden::{
    GARDENLET_GROUP, GARDENLET_USER, PROJECT, PROJECT_NAMESPACE, SEED, SHOOT, cloud_binding, cloud_profile,
    cloud_secret, dns_secret, project, shoot,
};
pub(crate) use self::processes::{GARDENLET_KUBECONFIG, garden_extension, gardenlet, image_overwrite, operator};
pub(crate) use self::runtime::{GARDEN, garden, namespace, priority_classes};
