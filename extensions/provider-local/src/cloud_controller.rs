//! Cloud controllers: what a cluster's Nodes and Services need of the local cloud.
//!
//! In: Services and Nodes of a cluster, and the cloud's network that its nodes lie in. Out: a load balancer of the cloud per Service
//! of type LoadBalancer, from its ports to the node ports of all nodes, and its address in the Service's status; for shoots also what
//! Nodes must say of their machines, and a route of the cloud per Node to its pods.
//!
//! The process `cloud-controller-manager-local` does this for one cluster, the seed, whose one machine needs neither routes nor
//! labels; for the shoots of a seed, [`ShootControllers`] does it inside of `gardener-extension-provider-local`.

mod balancer; // from a Service and the nodes to a load balancer; pure
mod node; // from a machine to what its Node must say; pure
mod node_view; // the nodes, and when they changed
mod nodes; // nodes and routes of one shoot
mod process; // flags of the process for one cluster
mod reconcile; // one Service
mod route; // from nodes and machines to routes; pure
mod services; // the queue of Services
mod shoots; // one set of controllers per shoot

pub(crate) use self::node::INSTANCE_TYPE;
pub use self::{
    nodes::{NodeReconciler, NodesError},
    process::{Arguments, Error, run},
    reconcile::{FINALIZER, ReconcileError, Reconciler},
    shoots::{SERVICE_ACCOUNT, ShootControllers},
};
