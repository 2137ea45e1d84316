//! Group `operator.gardener.cloud`, version `v1alpha1`: the garden as the operator makes it.

mod garden; // the garden and the cluster it runs on
mod gardener; // Gardener's own processes
mod virtual_cluster; // the nodeless cluster of its objects

pub use self::{garden::*, gardener::*, virtual_cluster::*};
