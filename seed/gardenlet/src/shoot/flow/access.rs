//! What follows when the API server answers: tokens of components, the shoot's own objects, kube-controller-manager.

use std::time::Duration;

use deploy::AccessSecret;

use super::{Context, ShootContext, ShootGraph, control_plane};
use crate::shoot::{error::TaskError, managed, system_resources, wish};

pub(crate) const ACCESS: &str = "Asking for tokens of the control plane's components";
pub(crate) const ACCESS_READY: &str = "Waiting for the tokens";
pub(crate) const SYSTEM: &str = "Deploying the shoot's system resources";
pub(crate) const SYSTEM_READY: &str = "Waiting for the shoot's system resources";
pub(crate) const CONTROLLER_MANAGER: &str = "Deploying kube-controller-manager";
pub(crate) const CONTROLLER_MANAGER_READY: &str = "Waiting for kube-controller-manager";

const DEADLINE: Duration = Duration::from_secs(180);

pub(super) fn add(graph: &mut ShootGraph) {
    // Not before the API server answers: resource-manager would try in vain, and then wait.
    graph.task(ACCESS).needs([control_plane::API_SERVER_ANSWERS]).run(ask);
    graph.task(ACCESS_READY).needs([ACCESS]).run(wait_for_tokens);
    graph.task(SYSTEM).needs([ACCESS]).run(deploy_system);
    graph.task(SYSTEM_READY).needs([SYSTEM]).run(wait_for_system);
    // Its token and its role must be there: it would start, be refused, and wait.
    graph
        .task(CONTROLLER_MANAGER)
        .needs([ACCESS_READY, SYSTEM_READY])
        .run(deploy_controller_manager);
    graph
        .task(CONTROLLER_MANAGER_READY)
        .needs([CONTROLLER_MANAGER])
        .run(wait_for_controller_manager);
}

/// Who of ours accesses the shoot from the seed; the provider's controllers ask for themselves.
fn components(context: &ShootContext) -> Vec<AccessSecret> {
    let scheduler = wish::has_workers(&context.shoot).then_some("kube-scheduler");
    ["kube-controller-manager"]
        .into_iter()
        .chain(scheduler)
        .map(AccessSecret::new)
        .collect()
}

async fn ask(context: Context) -> Result<(), TaskError> {
    let deployer = context.deployer()?;
    // First the way in, then what is wished there.
    deployer
        .internal_access(&context.secrets()?.internal_kubeconfig)
        .await?;
    Ok(deployer.access(&components(&context)).await?)
}

async fn wait_for_tokens(context: Context) -> Result<(), TaskError> {
    let components = components(&context);
    Ok(context.deployer()?.wait_for_access(&components, DEADLINE).await?)
}

async fn deploy_system(context: Context) -> Result<(), TaskError> {
    let bundle = system_resources::plan(
        &context.shoot,
        &context.project,
        &context.technical_id,
        &context.endpoints,
    )?;
    managed::deploy(&context, system_resources::NAME, bundle).await
}

async fn wait_for_system(context: Context) -> Result<(), TaskError> {
    let client = context.seed_client();
    Ok(deploy::managed_resource_healthy(client, &context.technical_id, system_resources::NAME, DEADLINE).await?)
}

async fn deploy_controller_manager(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.kube_controller_manager().await?)
}

async fn wait_for_controller_manager(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.wait_for_kube_controller_manager(DEADLINE).await?)
}
