//! How users reach the API server: its Service, the route at the gateway, the records in DNS.

use super::{Context, ShootGraph, foundation};
use crate::shoot::{dns, error::TaskError, extension::Patience};

pub(crate) const POLICIES: &str = "Closing the namespace to others";
pub(crate) const EXPOSURE: &str = "Routing to the Kubernetes API server";
pub(crate) const INTERNAL_DNS: &str = "Making the internal DNS record";
pub(crate) const EXTERNAL_DNS: &str = "Making the external DNS record";

/// A record takes a second; a cloud's DNS may take a minute.
const RECORD_PATIENCE: Patience = Patience::seconds(120, 30);

pub(super) fn add(graph: &mut ShootGraph) {
    graph.task(POLICIES).needs([foundation::SECRETS]).run(policies);
    graph.task(EXPOSURE).needs([foundation::SECRETS]).run(expose);
    graph
        .task(INTERNAL_DNS)
        .needs([foundation::CLUSTER])
        .run(internal_record);
    graph
        .task(EXTERNAL_DNS)
        .needs([foundation::CLUSTER])
        .run(external_record);
}

async fn policies(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.network_policies().await?)
}

async fn expose(context: Context) -> Result<(), TaskError> {
    Ok(context.deployer()?.exposure().await?)
}

async fn internal_record(context: Context) -> Result<(), TaskError> {
    match &context.endpoints.internal {
        Some(endpoint) => dns::deploy(&context, "internal", endpoint, RECORD_PATIENCE).await,
        None => Ok(()),
    }
}

async fn external_record(context: Context) -> Result<(), TaskError> {
    match &context.endpoints.external {
        Some(endpoint) => dns::deploy(&context, "external", endpoint, RECORD_PATIENCE).await,
        None => Ok(()),
    }
}
