//! What the operator keeps in the runtime cluster's namespace `garden`, beside the virtual garden's control plane.
//!
//! In: the [`crate::settings::Settings`] and names of Secrets. Out: Deployments, Services, configuration.
//! Absent: etcd and the control plane of the virtual garden, which `plan-control-plane` plans.

mod access;
mod config_maps;
mod druid;
mod gardener;
mod gateway;
mod resource_manager;
mod roles;

pub(crate) use self::access::{access_secrets, access_secret_name};
pub(crate) use self::config_maps::{ConfigFile, controller_manager_config, scheduler_config};
pub(crate) use self::druid::etcd_druid;
pub(crate) use self::gardener::{
    ApiServerSecrets, ComponentFiles, api_server, api_server_service, controller_manager, scheduler,
};
pub(crate) use self::gateway::gateway;
pub(crate) use self::resource_manager::resource_manager;
