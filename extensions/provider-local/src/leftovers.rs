//! What a shoot's cloud controllers leave in the cloud when they end without having been asked to clean up.

use extensions_sdk::ActuatorError;

use crate::cloud::{Cloud, refused};

/// Removes all load balancers and routes of the network.
pub(crate) async fn remove_routes_and_load_balancers(cloud: &dyn Cloud, network: &str) -> Result<(), ActuatorError> {
    let balancers = cloud.load_balancers().await;
    let balancers = balancers.map_err(|error| refused("failed to list load balancers", error))?;
    for balancer in balancers.iter().filter(|balancer| balancer.spec.network == network) {
        let name = &balancer.name;
        let removed = cloud.delete_load_balancer(name).await;
        removed.map_err(|error| refused(format!("failed to remove the load balancer {name}"), error))?;
        tracing::info!(%network, load_balancer = %name, "removed a load balancer that was left behind");
    }
    let routes = cloud.routes().await;
    let routes = routes.map_err(|error| refused("failed to list routes", error))?;
    for route in routes.iter().filter(|route| route.spec.network == network) {
        let name = &route.name;
        let removed = cloud.delete_route(name).await;
        removed.map_err(|error| refused(format!("failed to remove the route {name}"), error))?;
    }
    Ok(())
}
