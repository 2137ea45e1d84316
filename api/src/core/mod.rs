//! Group `core.gardener.cloud`.

pub mod v1;
pub mod v1beta1;
