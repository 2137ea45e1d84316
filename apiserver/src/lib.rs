//! A generic extension API server: storage, watch cache, registry, admission, endpoints. Knows no Gardener kind.

#![forbid(unsafe_code)]
#![expect(
    clippy::result_large_err,
    reason = "a Status is made once per refused request, and boxes would be all over"
)]

pub mod admission; // plugins that change or refuse writes
pub mod authentication; // who asks
pub mod authorization; // may they
pub mod cache; // what readers see, decoded once
pub mod context; // what is known of a request
mod dial; // outgoing connections
mod endpoints; // HTTP
pub mod ids; // uids and generated names
pub mod kube_api; // the kube-apiserver this server extends
mod patch; // JSON patch and merge patch
pub mod registry; // kinds and their strategies
pub mod server; // all of it together, with flags
pub mod storage; // bytes under keys: etcd or memory, sealed
pub mod tls; // certificates from files

pub use self::endpoints::{DirectoryError, HealthCheck};
