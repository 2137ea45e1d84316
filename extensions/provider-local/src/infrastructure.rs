//! Infrastructures: the cloud's network (its router comes with it) and security group of a shoot.

mod plan; // from the shoot to network and security group; pure

use api::extensions::v1alpha1::{Infrastructure, InfrastructureStatusNetworking};
use apimachinery::RawExtension;
use async_trait::async_trait;
use cloud_client::{Network, Phase};
use extensions_sdk::{Actuator, ActuatorError, Request};
use kube::ResourceExt as _;

use self::plan::{InfrastructurePlan, plan};
use crate::{
    cloud::{Cloud, Clouds, refused},
    leftovers::remove_routes_and_load_balancers,
    provider::{InfrastructureStatus, network_name},
};

/// Makes and removes the networks of shoots.
#[derive(Clone, Debug)]
pub struct InfrastructureActuator<C> {
    clouds: C,
}

impl<C: Clouds> InfrastructureActuator<C> {
    /// An actuator for these clouds.
    pub fn new(clouds: C) -> Self {
        Self { clouds }
    }
}

#[async_trait]
impl<C: Clouds> Actuator<Infrastructure> for InfrastructureActuator<C> {
    async fn reconcile(&self, request: Request<'_, Infrastructure>) -> Result<(), ActuatorError> {
        let plan = plan(request.object, request.cluster)?;
        let cloud = self.clouds.cloud_of(request.secret).await;
        let cloud = cloud.map_err(|error| refused("failed to reach the cloud", error))?;
        let network = ensure_network(cloud.as_ref(), &plan).await?;
        let name = &plan.name;
        let grouped = cloud.put_security_group(name, &plan.security_group).await;
        grouped.map_err(|error| refused(format!("failed to make the security group {name}"), error))?;
        fill_status(request, &plan, &network)
    }

    async fn delete(&self, request: Request<'_, Infrastructure>) -> Result<(), ActuatorError> {
        let name = network_name(&request.object.namespace().unwrap_or_default());
        let cloud = self.clouds.cloud_of(request.secret).await;
        let cloud = cloud.map_err(|error| refused("failed to reach the cloud", error))?;
        // The cloud controller of the shoot has removed its own by now, unless it could not.
        remove_routes_and_load_balancers(cloud.as_ref(), &name).await?;
        let removed = cloud.delete_security_group(&name).await;
        removed.map_err(|error| refused(format!("failed to remove the security group {name}"), error))?;
        let removed = cloud.delete_network(&name).await;
        removed.map_err(|error| refused(format!("failed to remove the network {name}"), error))
    }
}

async fn ensure_network(cloud: &dyn Cloud, plan: &InfrastructurePlan) -> Result<Network, ActuatorError> {
    let name = &plan.name;
    let present = cloud.network(name).await;
    let present = present.map_err(|error| refused(format!("failed to look for the network {name}"), error))?;
    let mut wished = plan.network.clone();
    // Lines that somebody wrote into its route table are theirs.
    wished.routes = present.map(|present| present.spec.routes).unwrap_or_default();
    let network = cloud.put_network(name, &wished).await;
    let network = network.map_err(|error| refused(format!("failed to make the network {name}"), error))?;
    if network.status.phase == Phase::Ready {
        return Ok(network);
    }
    let status = network.status;
    Err(ActuatorError::new(format!(
        "the network {name} is not ready: {:?} {}",
        status.phase, status.message
    )))
}

fn fill_status(
    request: Request<'_, Infrastructure>,
    plan: &InfrastructurePlan,
    network: &Network,
) -> Result<(), ActuatorError> {
    let made = InfrastructureStatus::new(&plan.name, &plan.zones);
    let made = RawExtension::new(&made)
        .map_err(|error| ActuatorError::new("failed to encode the provider's status").caused_by(error))?;
    let status = request.status;
    status.default_status.provider_status = Some(made);
    status.nodes_cidr = Some(plan.network.cidr.to_string());
    status.egress_cidrs = vec![format!("{}/32", network.status.uplink)];
    status.networking = Some(InfrastructureStatusNetworking {
        pods: plan.pods.iter().cloned().collect(),
        nodes: vec![plan.network.cidr.to_string()],
        services: plan.services.iter().cloned().collect(),
    });
    Ok(())
}
