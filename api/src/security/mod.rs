//! Group `security.gardener.cloud`.

pub mod v1alpha1;
