//! Group `authentication.gardener.cloud`.

pub mod v1alpha1;
