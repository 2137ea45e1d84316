//! Group `resources.gardener.cloud`.

pub mod v1alpha1;
