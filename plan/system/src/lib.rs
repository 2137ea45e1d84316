//! Plans what runs inside a cluster for the cluster: DNS, service proxy, storage, load balancers, metrics, roles.
//!
//! In: a few values per component (images, addresses). Out: complete objects in the order in which they are to be applied.
//! Absent: applying them, and what a shoot's machines run outside of pods.
//!
//! **Invariant:** pure. Every object round-trips through the Kubernetes type that it claims to be: a test checks that no field is
//! misspelled.

mod cloud_controller; // load balancers of the local cloud for Services
mod dns; // CoreDNS
mod metrics; // metrics-server
mod nodes; // roles of nodes, and of components that need them
mod object; // pieces that several components share
mod priority; // which pods give way to which
mod proxy; // kube-proxy
mod reach; // the API server, before Services work
mod roles; // roles that the control plane itself needs
mod storage; // the default storage class and its provisioner

pub use self::cloud_controller::{CloudController, plan_cloud_controller};
pub use self::dns::{Dns, plan_dns};
pub use self::metrics::{Metrics, metrics_hostnames, plan_metrics};
pub use self::nodes::{plan_component_roles, plan_node_roles};
pub use self::priority::plan_priority_classes;
pub use self::proxy::{Proxy, plan_proxy};
pub use self::reach::with_api_server;
pub use self::roles::plan_roles;
pub use self::storage::{LocalStorage, VolumeBinding, plan_local_storage};

/// An object to apply: its JSON, with `apiVersion` and `kind`.
pub type Object = serde_json::Value;
