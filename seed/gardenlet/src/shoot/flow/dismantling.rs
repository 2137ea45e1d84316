//! The way back from machines: first what users made in the cloud, then the machines, then what these stood on.
//!
//! Every task asks an extension to remove its object, and waits until it is gone: gone already is done. That the API server or the
//! cloud is away makes a task fail, and the operation is tried again from there.

use std::collections::BTreeSet;

use api::extensions::v1alpha1::{ControlPlane, Infrastructure, Network, Worker};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use lib_error_chain::ErrorChain;

use super::{Context, ShootContext, ShootGraph, cleanup, deletion, machines};
use crate::shoot::{
    credentials,
    error::{TaskError, in_seed},
    extension::{self, ExtensionObject, Patience},
};

pub(crate) const CREDENTIALS: &str = "Refreshing the cloud's credentials";
pub(crate) const CLEAN: &str = "Removing what users made in the cloud";
pub(crate) const NETWORK: &str = "Removing the pod network";
pub(crate) const MACHINES: &str = "Removing the machines";
pub(crate) const CONFIGURATIONS: &str = "Removing the machines' configurations";
pub(crate) const CONTROL_PLANE: &str = "Removing the provider's part of the control plane";
pub(crate) const INFRASTRUCTURE: &str = "Removing the infrastructure";
pub(crate) const SCHEDULER: &str = "Removing kube-scheduler";

/// A cloud may take minutes for each; a complaint is told early, and the flow tries again.
const PATIENCE: Patience = Patience::seconds(600, 60);

pub(super) fn add(graph: &mut ShootGraph) {
    graph.task(CREDENTIALS).run(refresh_credentials);
    graph.task(CLEAN).run(cleanup::clean);
    graph.task(SCHEDULER).needs([CLEAN]).run(remove_scheduler);
    graph.task(NETWORK).needs([CLEAN]).run(remove_named::<Network>);
    graph
        .task(MACHINES)
        .needs([CLEAN, CREDENTIALS])
        .run(remove_named::<Worker>);
    graph
        .task(CONFIGURATIONS)
        .needs([MACHINES])
        .run(|context| async move { machines::remove_configurations(&context, &BTreeSet::new()).await });
    graph
        .task(CONTROL_PLANE)
        .needs([MACHINES])
        .run(remove_named::<ControlPlane>);
    graph
        .task(INFRASTRUCTURE)
        .needs([CONTROL_PLANE])
        .run(remove_named::<Infrastructure>);
}

/// All but configurations are named after the shoot.
async fn remove_named<K: ExtensionObject>(context: Context) -> Result<(), TaskError> {
    extension::remove::<K>(&context, context.name(), PATIENCE).await
}

/// With old credentials the cloud might not let go of anything. Those of the project may be gone, or never have been any good: then
/// those of before have to do.
async fn refresh_credentials(context: Context) -> Result<(), TaskError> {
    if !namespace_exists(&context).await? {
        return Ok(());
    }
    if let Err(error) = credentials::deploy(&context).await {
        tracing::warn!(shoot = context.name(), error = %ErrorChain(&error), "the cloud's credentials stay as they are");
    }
    Ok(())
}

async fn namespace_exists(context: &ShootContext) -> Result<bool, TaskError> {
    let api: Api<Namespace> = Api::all(context.seed_client());
    let found = api.get_opt(&context.technical_id).await;
    let found = found.map_err(in_seed("look for the namespace"))?;
    Ok(found.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none()))
}

async fn remove_scheduler(context: Context) -> Result<(), TaskError> {
    deletion::remove_deployment(&context, "kube-scheduler", "app=kubernetes,role=scheduler").await
}
