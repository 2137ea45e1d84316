//! etcd and kube-apiserver, side by side: kube-apiserver tries etcd again for 20 s by itself.

use std::time::Duration;

use kube::Client;

use super::{Context, Shape, ShootContext, ShootGraph, foundation};
use crate::shoot::{authorizer, error::TaskError};

pub(crate) const ETCD: &str = "Deploying etcd";
pub(crate) const ETCD_READY: &str = "Waiting for etcd";
pub(crate) const AUTHORIZER: &str = "Making the way to the node-agents' authorizer";
pub(crate) const API_SERVER: &str = "Deploying the Kubernetes API server";
pub(crate) const API_SERVER_ANSWERS: &str = "Waiting for the Kubernetes API server to answer";
pub(crate) const API_SERVER_READY: &str = "Waiting for the Kubernetes API server to be up to date";

/// Images may have to be pulled, and ten control planes may start at once.
const READY_DEADLINE: Duration = Duration::from_secs(300);

pub(super) fn add(graph: &mut ShootGraph, shape: Shape) {
    let has_workers = shape.has_workers();
    if has_workers {
        graph
            .task(AUTHORIZER)
            .needs([foundation::NAMESPACE])
            .run(|context| async move { authorizer::deploy(&context).await });
    }
    graph.task(ETCD).needs([foundation::SECRETS]).run(deploy_etcd);
    graph
        .task(API_SERVER)
        .needs([foundation::SECRETS])
        .needs(has_workers.then_some(AUTHORIZER))
        .run(deploy_api_server);
    graph.task(ETCD_READY).needs([ETCD]).run(wait_for_etcd);
    graph.task(API_SERVER_READY).needs([API_SERVER]).run(wait_for_pods);
    graph
        .task(API_SERVER_ANSWERS)
        .needs([API_SERVER, super::exposure::EXPOSURE])
        .run(wait_for_answer);
}

async fn deploy_etcd(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.etcd().await?)
}

async fn wait_for_etcd(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.wait_for_etcd(READY_DEADLINE).await?)
}

async fn deploy_api_server(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.kube_apiserver().await?)
}

async fn wait_for_pods(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.wait_for_kube_apiserver(READY_DEADLINE).await?)
}

async fn wait_for_answer(context: Context) -> Result<(), TaskError> {
    Ok(deploy::api_server_ready(&shoot_client(&context).await?, READY_DEADLINE).await?)
}

/// A client of the shoot through its Service in the seed.
pub(super) async fn shoot_client(context: &ShootContext) -> Result<Client, TaskError> {
    if let Some(client) = context.made.shoot_client.get() {
        return Ok(client.clone());
    }
    let client = (context.gardenlet.connect_shoot)(context.secrets()?.internal_kubeconfig.clone()).await?;
    Ok(context.made.shoot_client.get_or_init(|| client).clone())
}
