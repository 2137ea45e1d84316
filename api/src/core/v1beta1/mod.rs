//! Group `core.gardener.cloud`, version `v1beta1`: what users, operators and gardenlets write into the garden.

mod common; // conditions, operations, errors, references
mod shoot; // the cluster a user asks for
mod shoot_autoscaling; // its autoscalers
mod shoot_kubelet; // its kubelets
mod shoot_kubernetes; // its version and control plane components
mod shoot_maintenance; // when it is maintained
mod shoot_state; // what it needs to be rebuilt elsewhere
mod shoot_status; // what it is now
mod shoot_worker; // the cloud it runs on, and its machines

mod backup; // where etcd backups lie
mod cloud_profile; // what a cloud offers
mod controller_registration; // extensions and where they are installed
mod exposure_class; // ways to expose API servers
mod internal_secret; // secrets that members cannot read
mod project; // people and their namespace
mod secret_binding; // credentials and quotas
mod seed; // clusters that run control planes
mod seed_settings; // their settings

pub use self::{
    backup::*, cloud_profile::*, common::*, controller_registration::*, exposure_class::*, internal_secret::*,
    project::*, secret_binding::*, seed::*, seed_settings::*, shoot::*, shoot_autoscaling::*, shoot_kubelet::*,
    shoot_kubernetes::*, shoot_maintenance::*, shoot_state::*, shoot_status::*, shoot_worker::*,
};
