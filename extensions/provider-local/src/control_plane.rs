//! ControlPlanes: the cloud controllers of shoots. They run in this process (see [`crate::cloud_controller`]); what the actuator makes
//! is their access to the shoot, and what it removes is everything they made in the cloud.

mod resources; // the controllers' rights in the shoot; pure

use std::sync::Arc;

use api::extensions::v1alpha1::ControlPlane;
use async_trait::async_trait;
use controller::{apply::Applier, delete::delete};
use extensions_sdk::{Actuator, ActuatorError, ManagedObjects, Request, request_shoot_access};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};

use self::resources::rights;
use crate::{
    FIELD_MANAGER,
    cloud::{Clouds, refused},
    cloud_controller::{SERVICE_ACCOUNT, ShootControllers},
    leftovers::remove_routes_and_load_balancers,
    provider::network_name,
};

/// Name of the ManagedResource with the controllers' rights.
pub(crate) const MANAGED_RESOURCE: &str = "extension-controlplane-shoot";

/// Lets cloud controllers into shoots, and cleans up after them.
#[derive(Clone)]
pub struct ControlPlaneActuator<C> {
    applier: Applier,
    clouds: C,
    controllers: Arc<ShootControllers>,
}

impl<C: Clouds> ControlPlaneActuator<C> {
    /// An actuator for shoots in the seed of `client`, whose cloud controllers are `controllers`.
    pub fn new(client: Client, clouds: C, controllers: Arc<ShootControllers>) -> Self {
        Self {
            applier: Applier::new(client, FIELD_MANAGER),
            clouds,
            controllers,
        }
    }

    async fn remove_access(&self, namespace: &str) -> Result<(), ActuatorError> {
        let failed = |error| ActuatorError::new("failed to remove the cloud controllers' rights").caused_by(error);
        let client = self.applier.client();
        ManagedObjects::ask_to_delete(client, namespace, MANAGED_RESOURCE)
            .await
            .map_err(failed)?;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let deleted = delete(&secrets, &format!("shoot-access-{SERVICE_ACCOUNT}")).await;
        deleted
            .map(drop)
            .map_err(|error| ActuatorError::new("failed to remove the cloud controllers' token").caused_by(error))
    }
}

#[async_trait]
impl<C: Clouds> Actuator<ControlPlane> for ControlPlaneActuator<C> {
    async fn reconcile(&self, request: Request<'_, ControlPlane>) -> Result<(), ActuatorError> {
        let namespace = request.object.namespace().unwrap_or_default();
        let asked = request_shoot_access(&self.applier, &namespace, SERVICE_ACCOUNT).await;
        asked.map_err(|error| ActuatorError::new("failed to ask for access to the shoot").caused_by(error))?;
        let failed = |error| ActuatorError::new("failed to give the cloud controllers their rights").caused_by(error);
        let mut objects = ManagedObjects::new(MANAGED_RESOURCE);
        for object in rights(SERVICE_ACCOUNT) {
            objects = objects.with(&object).map_err(failed)?;
        }
        objects.apply(&self.applier, &namespace).await.map_err(failed)
    }

    async fn delete(&self, request: Request<'_, ControlPlane>) -> Result<(), ActuatorError> {
        // First they end: what is removed below must not come back.
        self.controllers.stop(request.object).await;
        let namespace = request.object.namespace().unwrap_or_default();
        let cloud = self.clouds.cloud_of(request.secret).await;
        let cloud = cloud.map_err(|error| refused("failed to reach the cloud", error))?;
        remove_routes_and_load_balancers(cloud.as_ref(), &network_name(&namespace)).await?;
        self.remove_access(&namespace).await
    }

    async fn migrate(&self, request: Request<'_, ControlPlane>) -> Result<(), ActuatorError> {
        // The shoot keeps its balancers, routes and rights: the next seed's controllers take over.
        self.controllers.stop(request.object).await;
        Ok(())
    }
}
