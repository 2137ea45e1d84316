//! Group `extensions.gardener.cloud`, version `v1alpha1`: what gardenlet asks extensions for.

mod cluster; // what extensions must know of a shoot
mod defaults; // what all extension resources share

mod backup; // buckets and entries of etcd backups
mod bastion; // a way in for operators
mod container_runtime; // a further runtime on a worker pool
mod control_plane; // the provider's part of a control plane
mod dns_record; // a record in a DNS zone
mod exposure; // how a self-hosted shoot's API server is reached
mod extension; // anything else
mod infrastructure; // networks in the cloud
mod network; // the pod network
mod operating_system_config; // what lies and runs on a machine
mod worker; // worker pools

pub use self::{
    backup::*, bastion::*, cluster::*, container_runtime::*, control_plane::*, defaults::*, dns_record::*, exposure::*,
    extension::*, infrastructure::*, network::*, operating_system_config::*, worker::*,
};
