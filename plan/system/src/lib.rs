//! Plans what runs inside a cluster for the cluster: DNS, service proxy, storage, load balancers, roles.
//!
//! In: a few values per component (images, addresses). Out: complete objects in the order in which they are to be applied.
//! Absent: applying them, and what a shoot's machines run outside of pods.
//!
//! **Invariant:** pure. Every object round-trips through the Kubernetes type that it claims to be: a test checks that no field is
//! misspelled.

mod cloud_controller; // load balancers of the local cloud for Services
mod dns; // CoreDNS
mod object; // pieces that several components share
mod proxy; // kube-proxy
mod roles; // roles that the control plane itself needs
mod storage; // the default storage class and its provisioner

pub use self::cloud_controller::{CloudController, plan_cloud_controller};
pub use self::dns::{Dns, plan_dns};
pub use self::proxy::{Proxy, plan_proxy};
pub use self::roles::plan_roles;
pub use self::storage::{LocalStorage, STORAGE_CLASS, plan_local_storage};

/// An object to apply: its JSON, with `apiVersion` and `kind`.
pub type Object = serde_json::Value;
