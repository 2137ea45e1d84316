//! Makes the StatefulSet of every `Etcd` object and keeps its status (druid API `druid.gardener.cloud/v1alpha1`).
//!
//! In: `Etcd` objects. Out: a StatefulSet and two Services for each, and its status. The backup sidecar is absent: it
//! comes with backup and restore.

pub mod names;
pub mod plan;
mod process;
pub mod status;

pub use self::process::{Arguments, Error, run};
