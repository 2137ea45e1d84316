//! What users write: Gardener's groups as Rust types, with defaults and validation.
//!
//! In: manifests and objects of the garden, of seeds and of the processes' configuration files. Out: typed objects, what
//! they mean where they say nothing ([`defaulting`]), and why they are refused ([`validation`]).
//!
//! **Invariant:** pure. Nothing here does IO, reads a clock or draws a random number; chance comes in as an argument.

pub mod authentication; // bodies of the kubeconfig subresources
pub mod core; // shoots, seeds, projects, cloud profiles
pub mod security; // credentials

pub mod druid; // etcd clusters
pub mod extensions; // what gardenlet asks extensions for
pub mod gateway; // routes of the Gateway API
pub mod machine; // machines of shoots
pub mod operator; // the garden
pub mod resources; // objects kept in a cluster

pub mod config; // configuration files
pub mod constants; // names that others rely on
pub mod crds; // definitions of the kinds the garden's API server does not serve

pub mod defaulting; // what objects mean where they say nothing
pub mod validation; // why objects are refused
