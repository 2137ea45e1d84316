//! The kinds that are served: one line each.

use std::sync::Arc;
use std::time::Duration;

use apiserver::registry::{ApiGroup, Resource};

use crate::conversion;
use crate::kubeconfig::{AdminKubeconfig, Issuer, ViewerKubeconfig};
use crate::strategies::{
    CloudProfileStatusStrategy, CloudProfileStrategy, ControllerDeploymentStrategy,
    ControllerInstallationStatusStrategy, ControllerInstallationStrategy, ControllerRegistrationStrategy,
    CredentialsBindingStrategy, InternalSecretStrategy, ProjectStatusStrategy, ProjectStrategy, SeedStatusStrategy,
    SeedStrategy, ShootBindingStrategy, ShootStatusStrategy, ShootStrategy,
};

/// How long kubeconfigs may live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) admin: Duration,
    pub(crate) viewer: Duration,
}

/// All groups.
pub(crate) fn groups(issuer: Issuer, lifetimes: Lifetimes) -> Vec<ApiGroup> {
    vec![core(Arc::new(issuer), lifetimes), security()]
}

/// `core.gardener.cloud`.
fn core(issuer: Arc<Issuer>, lifetimes: Lifetimes) -> ApiGroup {
    let admin = AdminKubeconfig {
        issuer: Arc::clone(&issuer),
        longest: lifetimes.admin,
    };
    let viewer = ViewerKubeconfig {
        issuer,
        longest: lifetimes.viewer,
    };
    let shoots = Resource::new(ShootStrategy)
        .status(ShootStatusStrategy)
        .update_subresource("binding", ShootBindingStrategy)
        .action("adminkubeconfig", admin)
        .action("viewerkubeconfig", viewer);
    let deployments =
        Resource::new(ControllerDeploymentStrategy).also_served(conversion::from_v1beta1, conversion::to_v1beta1);
    ApiGroup::new()
        .preferred_version("v1beta1")
        .resource(Resource::new(CloudProfileStrategy).status(CloudProfileStatusStrategy))
        .resource(deployments)
        .resource(Resource::new(ControllerInstallationStrategy).status(ControllerInstallationStatusStrategy))
        .resource(Resource::new(ControllerRegistrationStrategy))
        .resource(Resource::new(InternalSecretStrategy))
        .resource(Resource::new(ProjectStrategy).status(ProjectStatusStrategy))
        .resource(Resource::new(SeedStrategy).status(SeedStatusStrategy))
        .resource(shoots)
}

/// `security.gardener.cloud`.
fn security() -> ApiGroup {
    ApiGroup::new().resource(Resource::new(CredentialsBindingStrategy))
}
