//! Group `druid.gardener.cloud`, version `v1alpha1`: etcd clusters.

mod backup; // their backups
mod etcd; // the clusters
mod status; // their status

pub use self::{backup::*, etcd::*, status::*};
