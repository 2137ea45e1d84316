//! Group `extensions.gardener.cloud`.

pub mod v1alpha1;
