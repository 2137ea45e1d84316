//! Networks of type `bridge`: on every node of the shoot the program that gives its pods addresses.

mod resources; // what runs in the shoot; pure

use api::{core::v1beta1::IpFamily, extensions::v1alpha1::Network};
use async_trait::async_trait;
use controller::apply::Applier;
use extensions_sdk::{Actuator, ActuatorError, ManagedObjects, Request};
use kube::{Client, ResourceExt as _};

use self::resources::{BridgeNetwork, bridge_network};
use crate::FIELD_MANAGER;

/// The type of Networks that this provider acts on.
pub(crate) const TYPE: &str = "bridge";
/// Name of the ManagedResource.
pub(crate) const MANAGED_RESOURCE: &str = "extension-networking-bridge";

/// Puts the pod network into shoots.
#[derive(Clone, Debug)]
pub struct NetworkActuator {
    applier: Applier,
    image: String,
}

impl NetworkActuator {
    /// An actuator that asks resource-manager in the seed of `client`; `image` is our own.
    pub fn new(client: Client, image: impl Into<String>) -> Self {
        Self {
            applier: Applier::new(client, FIELD_MANAGER),
            image: image.into(),
        }
    }
}

#[async_trait]
impl Actuator<Network> for NetworkActuator {
    async fn reconcile(&self, request: Request<'_, Network>) -> Result<(), ActuatorError> {
        let network = BridgeNetwork {
            image: self.image.clone(),
            pod_range: request.object.spec.pod_cidr.clone(),
        };
        let failed = |error| ActuatorError::new("failed to put the pod network into the shoot").caused_by(error);
        let mut objects = ManagedObjects::new(MANAGED_RESOURCE);
        for object in bridge_network(&network) {
            objects = objects.with(&object).map_err(failed)?;
        }
        let namespace = request.object.namespace().unwrap_or_default();
        objects.apply(&self.applier, &namespace).await.map_err(failed)?;
        request.status.ip_families = vec![IpFamily::Ipv4];
        Ok(())
    }

    async fn delete(&self, request: Request<'_, Network>) -> Result<(), ActuatorError> {
        let namespace = request.object.namespace().unwrap_or_default();
        ManagedObjects::ask_to_delete(self.applier.client(), &namespace, MANAGED_RESOURCE)
            .await
            .map_err(|error| ActuatorError::new("failed to remove the pod network from the shoot").caused_by(error))
    }
}
