//! The provider of the local cloud: DNS records, and load balancers for Services.
//!
//! Two processes: [`extension`] (`gardener-extension-provider-local`) acts on extension objects of type `local`, and
//! [`cloud_controller`] (`cloud-controller-manager-local`) gives the Services of a cluster addresses of the cloud.

#![forbid(unsafe_code)]

pub mod cloud; // how the cloud's API is reached
pub mod cloud_controller; // load balancers for Services
pub mod extension; // extension objects

mod dns_record; // DNSRecords as records of the cloud

pub use self::dns_record::{Clouds, DnsRecordActuator, RemoteClouds};
