//! What the operator keeps in the runtime cluster's namespace `garden`, beside the virtual garden's control plane.
//!
//! In: the [`crate::settings::Settings`] and names of Secrets. Out: Deployments, Services, configuration.
//! Absent: etcd and the control plane of the virtual garden, which `plan-control-plane` plans.

mod config_maps;
mod dns;
mod druid;
mod gardener;
mod gateway;
mod protection;
mod resource_manager;
mod roles;

pub(crate) use self::config_maps::{ConfigFile, controller_manager_config, image_vector_overwrite, scheduler_config};
pub(crate) use self::dns::records;
pub(crate) use self::druid::etcd_druid;
pub(crate) use self::gardener::{
    ApiServerSecrets, ComponentFiles, api_server, api_server_service, controller_manager, scheduler,
};
pub(crate) use self::gateway::{GatewayObjects, NAME as GATEWAY, gateway};
pub(crate) use self::protection::deletion_confirmation;
pub(crate) use self::resource_manager::{resource_manager, resource_manager_service};
pub(crate) use self::roles::Identity;

/// Deployments without which nothing works in the runtime cluster.
pub(crate) const RUNTIME_COMPONENTS: [&str; 3] = [
    api::constants::DEPLOYMENT_ETCD_DRUID,
    api::constants::DEPLOYMENT_GARDENER_RESOURCE_MANAGER,
    GATEWAY,
];

/// Gardener's own processes for the virtual garden.
pub(crate) const GARDENER_COMPONENTS: [&str; 3] = [
    api::constants::DEPLOYMENT_GARDENER_API_SERVER,
    api::constants::DEPLOYMENT_GARDENER_CONTROLLER_MANAGER,
    api::constants::DEPLOYMENT_GARDENER_SCHEDULER,
];
