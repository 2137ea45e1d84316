//! Group `machine.sapcloud.io`.

pub mod v1alpha1;
