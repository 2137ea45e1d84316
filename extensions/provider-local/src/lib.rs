//! The provider of the local cloud, written as any provider: on Gardener's extension contract only.
//!
//! Two processes in a seed: [`extension`] (`gardener-extension-provider-local`) acts on extension objects of type `local` (and
//! Networks of type `bridge`) and runs the machine and cloud controllers of all shoots of the seed; [`cloud_controller`]
//! (`cloud-controller-manager-local`) gives the Services of one cluster, the seed itself, addresses of the cloud. One process on every
//! node of a shoot: [`bridge_network`].

#![forbid(unsafe_code)]

pub mod bridge_network; // the pod network of one node
pub mod cloud; // how the cloud's API is reached
pub mod cloud_controller; // what Nodes and Services need of the cloud
pub mod extension; // extension objects
pub mod provider; // names and types that the parts below share

mod control_plane; // ControlPlanes: the cloud controllers of shoots
mod dns_record; // DNSRecords as records of the cloud
mod infrastructure; // Infrastructures as networks and security groups
mod leftovers; // what cloud controllers leave behind
mod network; // Networks: the pod network of shoots
mod operating_system_config; // OperatingSystemConfigs as scripts
mod pod_range; // the range of a node's pods; pure
mod worker; // Workers as machines

pub use self::{
    cloud::{Clouds, RemoteClouds},
    control_plane::ControlPlaneActuator,
    dns_record::DnsRecordActuator,
    infrastructure::InfrastructureActuator,
    network::NetworkActuator,
    operating_system_config::OperatingSystemConfigActuator,
    worker::{LocalMachineDriver, LocalMachinePlanner},
};

/// Who writes objects into seeds.
const FIELD_MANAGER: &str = "gardener-extension-provider-local";
