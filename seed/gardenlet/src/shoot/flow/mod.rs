//! The order of things: a graph of tasks to make a shoot as wished, and one to remove it.
//!
//! Each area adds its tasks, and names those of others that it needs. Every task may be repeated: after a restart the
//! whole flow runs again, and what is done already takes no time.

mod access; // tokens, controllers, what is inside the shoot
mod cleanup; // what users made in the shoot and a cloud keeps
mod components; // what runs in every cluster with machines
mod control_plane; // etcd and kube-apiserver
mod deletion; // the way back
mod dismantling; // the way back from machines
mod exposure; // Service, route, DNS
mod foundation; // namespace, Cluster, secrets
mod garden_side; // what users find in their project
mod machines; // what lies on machines, and the machines
mod provider; // infrastructure, pod network

use std::sync::{Arc, OnceLock};

use api::{
    core::v1beta1::{Seed, Shoot},
    extensions::v1alpha1::InfrastructureStatus,
};
use deploy::{ControlPlaneDeployer, ControlPlaneSecrets};
use kube::Client;
use lib_flow::{Flow, Graph, GraphError};
use serde_json::Value;

use crate::context::Gardenlet;

use super::{StatusWriter, error::TaskError, identity::Endpoints, machine_secrets::MachineSecrets, wish};

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
    machine_secrets: OnceLock<MachineSecrets>,
    infrastructure: OnceLock<InfrastructureStatus>,
    pools: OnceLock<Vec<machines::Configured>>,
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

    fn status_writer(&self) -> StatusWriter {
        StatusWriter::new(self.gardenlet.garden_client.clone(), self.namespace(), self.name())
    }

    fn machine_secrets(&self) -> Result<&MachineSecrets, TaskError> {
        self.made
            .machine_secrets
            .get()
            .ok_or(TaskError::OutOfOrder("the secrets of machines"))
    }

    fn infrastructure(&self) -> Result<&InfrastructureStatus, TaskError> {
        self.made
            .infrastructure
            .get()
            .ok_or(TaskError::OutOfOrder("the infrastructure"))
    }

    fn pools(&self) -> Result<&[machines::Configured], TaskError> {
        let pools = self.made.pools.get();
        pools
            .map(Vec::as_slice)
            .ok_or(TaskError::OutOfOrder("the machines' configurations"))
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

/// What a flow is for: a cluster without machines takes fewer tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Workerless,
    Workers,
}

impl Shape {
    pub(crate) fn of(shoot: &Shoot) -> Self {
        if wish::has_workers(shoot) {
            Self::Workers
        } else {
            Self::Workerless
        }
    }

    fn has_workers(self) -> bool {
        self == Self::Workers
    }
}

/// Makes a shoot as wished.
pub(crate) fn reconcile(shape: Shape) -> Result<ShootFlow, GraphError> {
    let mut graph = ShootGraph::new();
    foundation::add(&mut graph);
    exposure::add(&mut graph);
    control_plane::add(&mut graph, shape);
    access::add(&mut graph);
    garden_side::add(&mut graph);
    if shape.has_workers() {
        provider::add(&mut graph);
        components::add(&mut graph);
        machines::add(&mut graph);
    }
    foundation::add_cleanup(&mut graph, shape);
    graph.build()
}

/// Removes a shoot with all it had.
pub(crate) fn delete(shape: Shape) -> Result<ShootFlow, GraphError> {
    let mut graph = ShootGraph::new();
    deletion::add(&mut graph, shape);
    if shape.has_workers() {
        dismantling::add(&mut graph);
    }
    graph.build()
}

#[cfg(test)]
mod tests {
    use testing_testkit::golden;

    use super::*;

    #[test]
    fn the_shapes_are_as_committed() {
        for (shape, suffix) in [(Shape::Workerless, ""), (Shape::Workers, "-workers")] {
            let (making, removing) = (reconcile(shape).unwrap(), delete(shape).unwrap());
            golden::assert(format!("tests/golden/flow-reconcile{suffix}.txt"), &making.describe());
            golden::assert(format!("tests/golden/flow-delete{suffix}.txt"), &removing.describe());
        }
    }

    #[test]
    fn nothing_delays_the_api_server_but_its_secrets() {
        let flow = reconcile(Shape::Workerless).unwrap();
        assert!(flow.has_path(foundation::SECRETS, control_plane::API_SERVER));
        assert!(!flow.has_path(control_plane::ETCD, control_plane::API_SERVER));
        assert!(!flow.has_path(exposure::EXPOSURE, control_plane::API_SERVER));
        assert!(flow.has_path(control_plane::API_SERVER_ANSWERS, access::CONTROLLER_MANAGER));
    }

    #[test]
    fn secrets_are_cleaned_only_when_nothing_mounts_the_old_ones() {
        let flow = reconcile(Shape::Workers).unwrap();
        for earlier in [
            control_plane::API_SERVER_READY,
            control_plane::ETCD_READY,
            access::CONTROLLER_MANAGER_READY,
            components::SCHEDULER_READY,
        ] {
            assert!(flow.has_path(earlier, foundation::CLEAN_SECRETS), "{earlier}");
        }
    }

    #[test]
    fn the_namespace_goes_last_and_etcd_after_its_client() {
        let flow = delete(Shape::Workerless).unwrap();
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
    #[test]
    fn only_the_join_waits_for_the_api() {
        let flow = reconcile(Shape::Workers).unwrap();
        let answers = control_plane::API_SERVER_ANSWERS;
        for apart in [
            provider::INFRASTRUCTURE,
            provider::CONTROL_PLANE,
            provider::NETWORK,
            machines::CONFIGURATIONS,
            machines::MACHINES,
        ] {
            assert!(!flow.has_path(answers, apart), "{apart} needs no API");
            assert!(!flow.has_path(apart, answers), "the API needs no {apart}");
        }
        for earlier in [provider::INFRASTRUCTURE, machines::CONFIGURATIONS] {
            assert!(flow.has_path(earlier, machines::MACHINES), "{earlier}");
        }
        for later in [
            machines::MACHINES_READY,
            machines::NODE_AGENTS,
            machines::CONFIGURED,
            machines::TUNNEL,
            machines::COMPONENTS_READY,
            machines::CLEAN,
        ] {
            assert!(flow.has_path(answers, later), "{later} asks the API");
        }
        // A machine joins while the rest of the control plane comes up.
        for beside in [
            access::CONTROLLER_MANAGER,
            components::SCHEDULER,
            provider::CONTROL_PLANE,
        ] {
            assert!(!flow.has_path(beside, machines::MACHINES_READY), "{beside}");
        }
        assert!(flow.has_path(machines::MACHINES, machines::MACHINES_READY));
        assert!(flow.has_path(machines::MACHINES_READY, machines::CLEAN));
    }

    #[test]
    fn machines_go_after_what_users_made_and_before_what_they_stand_on() {
        let flow = delete(Shape::Workers).unwrap();
        for (earlier, later) in [
            (dismantling::CLEAN, dismantling::MACHINES),
            (dismantling::CLEAN, deletion::CONTROLLER_MANAGER),
            (dismantling::MACHINES, deletion::EXPOSURE),
            (dismantling::MACHINES, dismantling::CONFIGURATIONS),
            (dismantling::MACHINES, dismantling::CONTROL_PLANE),
            (dismantling::CONTROL_PLANE, dismantling::INFRASTRUCTURE),
            (dismantling::MACHINES, deletion::API_SERVER),
            (dismantling::NETWORK, deletion::API_SERVER),
            (dismantling::INFRASTRUCTURE, deletion::CLUSTER),
            (dismantling::CONFIGURATIONS, deletion::CLUSTER),
            (dismantling::INFRASTRUCTURE, deletion::NAMESPACE),
        ] {
            assert!(flow.has_path(earlier, later), "{earlier} before {later}");
        }
        assert!(!flow.has_path(deletion::API_SERVER, dismantling::INFRASTRUCTURE));
    }
}
