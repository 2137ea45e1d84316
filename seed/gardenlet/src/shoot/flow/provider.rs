//! What the provider and the network's extension make: infrastructure, their part of the control plane, the pod network.

use api::{
    core::v1beta1::NetworkingStatus,
    extensions::v1alpha1::{
        ControlPlane, ControlPlaneSpec, DefaultSpec, Infrastructure, InfrastructureSpec, InfrastructureStatus, Network,
        NetworkSpec,
    },
};
use apimachinery::RawExtension;

use super::{Context, ShootContext, ShootGraph, foundation};
use crate::shoot::{
    credentials,
    error::TaskError,
    extension::{self, Patience},
    wish,
};

pub(crate) const CREDENTIALS: &str = "Copying the cloud's credentials";
pub(crate) const INFRASTRUCTURE: &str = "Making the infrastructure";
pub(crate) const CONTROL_PLANE: &str = "Making the provider's part of the control plane";
pub(crate) const NETWORK: &str = "Making the pod network";

/// Clouds take minutes for routers and gateways.
const INFRASTRUCTURE_PATIENCE: Patience = Patience::seconds(600, 30);
const CONTROL_PLANE_PATIENCE: Patience = Patience::seconds(300, 30);
/// Includes that the API server comes up, into which the extension may want to put something.
const NETWORK_PATIENCE: Patience = Patience::seconds(600, 120);

pub(super) fn add(graph: &mut ShootGraph) {
    graph
        .task(CREDENTIALS)
        .needs([foundation::NAMESPACE])
        .run(copy_credentials);
    graph
        .task(INFRASTRUCTURE)
        .needs([foundation::CLUSTER, CREDENTIALS])
        .run(make_infrastructure);
    graph
        .task(CONTROL_PLANE)
        .needs([INFRASTRUCTURE])
        .run(make_control_plane);
    graph.task(NETWORK).needs([foundation::CLUSTER]).run(make_network);
}

async fn copy_credentials(context: Context) -> Result<(), TaskError> {
    credentials::deploy(&context).await
}

fn default_spec(context: &ShootContext, config: Option<RawExtension>) -> DefaultSpec {
    DefaultSpec {
        type_: context.shoot.spec.provider.type_.clone(),
        provider_config: config,
        ..DefaultSpec::default()
    }
}

async fn make_infrastructure(context: Context) -> Result<(), TaskError> {
    let config = context.shoot.spec.provider.infrastructure_config.clone();
    let infrastructure = Infrastructure {
        metadata: extension::metadata(&context, context.name()),
        spec: InfrastructureSpec {
            default_spec: default_spec(&context, config),
            region: context.shoot.spec.region.clone(),
            secret_ref: credentials::reference(&context),
            ..InfrastructureSpec::default()
        },
        ..Infrastructure::default()
    };
    extension::ask(&context, infrastructure).await?;
    let made: Infrastructure = extension::wait(&context, context.name(), INFRASTRUCTURE_PATIENCE).await?;
    publish_networks(&context, &made.status).await?;
    // Already set only when the task ran twice, and then to the same.
    let _ = context.made.infrastructure.set(made.status);
    Ok(())
}

/// The networks as they are: a provider may have chosen the nodes' range.
async fn publish_networks(context: &ShootContext, made: &InfrastructureStatus) -> Result<(), TaskError> {
    let wished = wish::networks(&context.shoot, &context.seed);
    let chosen = made.networking.clone().unwrap_or_default();
    let or = |chosen: Vec<String>, wished: Option<String>| {
        if chosen.is_empty() {
            wished.into_iter().collect()
        } else {
            chosen
        }
    };
    let nodes = made.nodes_cidr.clone().or_else(|| wish::node_range(&context.shoot));
    let networking = NetworkingStatus {
        pods: or(chosen.pods, wished.pods),
        nodes: or(chosen.nodes, nodes),
        services: or(chosen.services, Some(wished.services)),
        egress_cidrs: made.egress_cidrs.clone(),
    };
    let writer = context.status_writer();
    writer
        .update(|status| status.networking = Some(networking.clone()))
        .await?;
    Ok(())
}

async fn make_control_plane(context: Context) -> Result<(), TaskError> {
    let config = context.shoot.spec.provider.control_plane_config.clone();
    let plane = ControlPlane {
        metadata: extension::metadata(&context, context.name()),
        spec: ControlPlaneSpec {
            default_spec: default_spec(&context, config),
            region: context.shoot.spec.region.clone(),
            secret_ref: credentials::reference(&context),
            infrastructure_provider_status: context.infrastructure()?.default_status.provider_status.clone(),
        },
        ..ControlPlane::default()
    };
    extension::ask(&context, plane).await?;
    extension::wait::<ControlPlane>(&context, context.name(), CONTROL_PLANE_PATIENCE).await?;
    Ok(())
}

async fn make_network(context: Context) -> Result<(), TaskError> {
    let networks = wish::networks(&context.shoot, &context.seed);
    let networking = context.shoot.spec.networking.clone().unwrap_or_default();
    let type_ = networking.type_.ok_or_else(|| {
        TaskError::Invalid("spec.networking.type: machines need a pod network; name its extension".to_owned())
    })?;
    let network = Network {
        metadata: extension::metadata(&context, context.name()),
        spec: NetworkSpec {
            default_spec: DefaultSpec {
                type_,
                provider_config: networking.provider_config,
                ..DefaultSpec::default()
            },
            pod_cidr: networks.pods.unwrap_or_default(),
            service_cidr: networks.services,
            ip_families: networking.ip_families,
        },
        ..Network::default()
    };
    extension::ask(&context, network).await?;
    extension::wait::<Network>(&context, context.name(), NETWORK_PATIENCE).await?;
    Ok(())
}
