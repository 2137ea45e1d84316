//! Extensions of this seed: of a ControllerInstallation, a namespace and what its chart says.
//!
//! In: ControllerInstallations of this seed, with their ControllerRegistration and ControllerDeployment. Out: the namespace
//! `extension-<installation>`, a ManagedResource in `garden` with the rendered chart, and the installation's conditions. Charts are
//! rendered by `helm`. Absent: charts in OCI registries, and kubeconfigs of the garden for extensions.

mod chart; // rendered by helm
mod conditions; // what is told. Pure
mod controller; // the queue
mod plan; // namespace and ManagedResource. Pure
mod required; // whether objects of its kinds are in the seed
mod values; // what every chart is told of garden and seed. Pure

pub(crate) use self::controller::run;

#[cfg(test)]
mod tests;
