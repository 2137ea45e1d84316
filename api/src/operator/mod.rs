//! Group `operator.gardener.cloud`.

pub mod v1alpha1;
