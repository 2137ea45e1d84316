//! The order of things: a graph of tasks to make a shoot as wished, and one to remove it.
//!
//! Each area adds its tasks, and names those of others that it needs. Every task may be repeated: after a restart the
//! whole flow runs again, and what is done already takes no time.

mod access; // tokens, controllers, what is inside the shoot
mod control_plane; // etcd and kube-apiserver
mod deletion; // the way back
mod exposure; // Service, route, DNS
mod foundation; // namespace, Cluster, secrets
mod garden_side; // what users find in their project

use std::sync::{Arc, OnceLock};

use api::core::v1beta1::{Seed, Shoot};
use deploy::{ControlPlaneDeployer, ControlPlaneSecrets};
use kube::Client;
use lib_flow::{Flow, Graph, GraphError};
use serde_json::Value;

use crate::context::Gardenlet;

use super::{error::TaskError, identity::Endpoints};

/// What the tasks of one run share.
#[derive(Debug)]
pub(crate) struct ShootContext {
    /// Clients and settings.
    pub(crate) gardenlet: Gardenlet,
    /// The wish.
    pub(crate) shoot: Shoot,
    /// The shoot's project.
    pub(crate) project: String,
    /// The cloud profile, as the garden has it.
    pub(crate) cloud_profile: Value,
    /// This seed.
    pub(crate) seed: Seed,
    /// Namespace of the control plane.
    pub(crate) technical_id: String,
    /// Names of the API server.
    pub(crate) endpoints: Endpoints,
    made: Made,
}

/// What tasks hand to later ones.
#[derive(Default)]
struct Made {
    secrets: OnceLock<ControlPlaneSecrets>,
    deployer: OnceLock<ControlPlaneDeployer>,
    shoot_client: OnceLock<Client>,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Made")
            .field("secrets", &self.secrets.get().is_some())
            .finish_non_exhaustive()
    }
}

impl ShootContext {
    /// The beginning of a run.
    pub(crate) fn new(gardenlet: Gardenlet, shoot: Shoot, project: String, cloud_profile: Value, seed: Seed) -> Self {
        let name = shoot.metadata.name.clone().unwrap_or_default();
        let technical_id = if shoot.status.technical_id.is_empty() {
            super::identity::technical_id(&project, &name)
        } else {
            shoot.status.technical_id.clone()
        };
        let endpoints = Endpoints::of(&shoot, &project, &seed);
        Self {
            gardenlet,
            shoot,
            project,
            cloud_profile,
            seed,
            technical_id,
            endpoints,
            made: Made::default(),
        }
    }

    /// Name of the Shoot.
    pub(crate) fn name(&self) -> &str {
        self.shoot.metadata.name.as_deref().unwrap_or_default()
    }

    /// Namespace of the Shoot in the garden.
    pub(crate) fn namespace(&self) -> &str {
        self.shoot.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn seed_client(&self) -> Client {
        self.gardenlet.seed_client()
    }

    fn secrets(&self) -> Result<&ControlPlaneSecrets, TaskError> {
        self.made
            .secrets
            .get()
            .ok_or(TaskError::OutOfOrder("the control plane's secrets"))
    }

    fn deployer(&self) -> Result<&ControlPlaneDeployer, TaskError> {
        self.made
            .deployer
            .get()
            .ok_or(TaskError::OutOfOrder("the control plane's plan"))
    }
}

pub(crate) type ShootGraph = Graph<ShootContext, TaskError>;
pub(crate) type ShootFlow = Flow<ShootContext, TaskError>;
type Context = Arc<ShootContext>;

/// Makes a shoot as wished.
pub(crate) fn reconcile() -> Result<ShootFlow, GraphError> {
    let mut graph = ShootGraph::new();
    foundation::add(&mut graph);
    exposure::add(&mut graph);
    control_plane::add(&mut graph);
    access::add(&mut graph);
    garden_side::add(&mut graph);
    foundation::add_cleanup(&mut graph);
    graph.build()
}

/// Removes a shoot with all it had.
pub(crate) fn delete() -> Result<ShootFlow, GraphError> {
    let mut graph = ShootGraph::new();
    deletion::add(&mut graph);
    graph.build()
}

#[cfg(test)]
mod tests {
    use testing_testkit::golden;

    use super::*;

    #[test]
    fn the_shapes_are_as_committed() {
        golden::assert("tests/golden/flow-reconcile.txt", &reconcile().unwrap().describe());
        golden::assert("tests/golden/flow-delete.txt", &delete().unwrap().describe());
    }

    #[test]
    fn nothing_delays_the_api_server_but_its_secrets() {
        let flow = reconcile().unwrap();
        assert!(flow.has_path(foundation::SECRETS, control_plane::API_SERVER));
        assert!(!flow.has_path(control_plane::ETCD, control_plane::API_SERVER));
        assert!(!flow.has_path(exposure::EXPOSURE, control_plane::API_SERVER));
        assert!(flow.has_path(control_plane::API_SERVER_ANSWERS, access::CONTROLLER_MANAGER));
    }

    #[test]
    fn secrets_are_cleaned_only_when_nothing_mounts_the_old_ones() {
        let flow = reconcile().unwrap();
        for earlier in [
            control_plane::API_SERVER_READY,
            control_plane::ETCD_READY,
            access::CONTROLLER_MANAGER_READY,
        ] {
            assert!(flow.has_path(earlier, foundation::CLEAN_SECRETS), "{earlier}");
        }
    }

    #[test]
    fn the_namespace_goes_last_and_etcd_after_its_client() {
        let flow = delete().unwrap();
        for earlier in [
            deletion::API_SERVER,
            deletion::ETCD,
            deletion::VOLUMES,
            deletion::DNS,
            deletion::GARDEN_SIDE,
            deletion::CLUSTER,
        ] {
            assert!(flow.has_path(earlier, deletion::NAMESPACE), "{earlier}");
        }
        assert!(flow.has_path(deletion::API_SERVER, deletion::ETCD));
        assert!(flow.has_path(deletion::DNS, deletion::CLUSTER));
    }
}
