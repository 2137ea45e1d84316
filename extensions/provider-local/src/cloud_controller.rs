//! The process `cloud-controller-manager-local`: gives Services of type LoadBalancer an address of the local cloud.
//!
//! In: Services and Nodes of one cluster, and the cloud's network that its nodes lie in. Out: a load balancer of the cloud
//! per Service, from its ports to the node ports of all nodes, and its address in the Service's status. Absent: routes and
//! node addresses, which machines of the local cloud bring themselves.

mod balancer; // from a Service and the nodes to a load balancer; pure
mod process; // flags and the queue
mod reconcile; // one Service

pub use self::{
    process::{Arguments, Error, run},
    reconcile::{FINALIZER, ReconcileError, Reconciler},
};
