//! What is done for a garden, and what waits for what.
//!
//! In: nothing but the order. Out: a [`Graph`] of tasks that run with as much at once as their edges allow.
//! Absent: what each task does ([`crate::steps`]).

use lib_flow::{Flow, Graph, GraphError};

use crate::steps::{self, StepError, Work};

const CUSTOM_RESOURCES: &str = "Applying custom resource definitions";
const PRIORITIES: &str = "Applying priority classes";
const ETCD_DRUID: &str = "Deploying etcd-druid";
const RESOURCE_MANAGER: &str = "Deploying gardener-resource-manager";
const GATEWAY: &str = "Deploying the gateway";
const RUNTIME_READY: &str = "Waiting for etcd-druid, gardener-resource-manager and the gateway";
const SECRETS: &str = "Making certificates and keys";
const ETCD: &str = "Deploying etcd";
const ETCD_READY: &str = "Waiting for etcd";
const EXPOSURE: &str = "Exposing kube-apiserver";
const API_SERVER: &str = "Deploying kube-apiserver";
const API_SERVER_READY: &str = "Waiting for kube-apiserver";
const ACCESS: &str = "Requesting tokens";
const ACCESS_READY: &str = "Waiting for tokens";
const CONTROLLERS: &str = "Deploying kube-controller-manager";
const CONTROLLERS_READY: &str = "Waiting for kube-controller-manager";
const SYSTEM: &str = "Setting up the virtual garden";
const ADDRESS: &str = "Telling the virtual garden where gardener-apiserver is";
const REGISTER: &str = "Registering the Gardener API";
const GARDENER_API: &str = "Deploying gardener-apiserver";
const GARDENER_API_RUNNING: &str = "Waiting for gardener-apiserver";
const GARDENER_API_READY: &str = "Waiting for the Gardener API";
const GARDENER_CONTROLLERS: &str = "Deploying gardener-controller-manager and gardener-scheduler";
const GARDENER_READY: &str = "Waiting for Gardener's components";
const DNS: &str = "Making DNS records";
const CLEANUP: &str = "Cleaning up";

/// The flow of a garden that shall be.
pub(crate) fn reconcile() -> Result<Flow<Work, StepError>, GraphError> {
    let mut graph = Graph::new();
    add_runtime(&mut graph);
    add_control_plane(&mut graph);
    add_gardener(&mut graph);
    let everything = [RUNTIME_READY, CONTROLLERS_READY, GARDENER_READY, DNS];
    graph.task(CLEANUP).needs(everything).run(steps::cleanup);
    graph.build()
}

/// What all control planes of the runtime cluster share.
fn add_runtime(graph: &mut Graph<Work, StepError>) {
    graph.task(CUSTOM_RESOURCES).run(steps::custom_resources);
    graph.task(PRIORITIES).run(steps::priorities);
    graph
        .task(ETCD_DRUID)
        .needs([CUSTOM_RESOURCES, PRIORITIES])
        .run(steps::etcd_druid);
    graph
        .task(RESOURCE_MANAGER)
        .needs([CUSTOM_RESOURCES, PRIORITIES])
        .run(steps::resource_manager);
    graph
        .task(GATEWAY)
        .needs([CUSTOM_RESOURCES, PRIORITIES])
        .run(steps::gateway);
    graph
        .task(RUNTIME_READY)
        .needs([ETCD_DRUID, RESOURCE_MANAGER, GATEWAY])
        .run(steps::runtime_ready);
    graph.task(DNS).needs([GATEWAY]).run(steps::dns_records);
}

/// The virtual garden itself. kube-apiserver starts beside its etcd: it tries for a while by itself.
fn add_control_plane(graph: &mut Graph<Work, StepError>) {
    graph.task(SECRETS).run(steps::secrets);
    graph
        .task(ETCD)
        .needs([SECRETS, CUSTOM_RESOURCES, PRIORITIES])
        .run(steps::etcd);
    graph.task(ETCD_READY).needs([ETCD, ETCD_DRUID]).run(steps::etcd_ready);
    graph
        .task(EXPOSURE)
        .needs([SECRETS, CUSTOM_RESOURCES])
        .run(steps::exposure);
    graph
        .task(API_SERVER)
        .needs([SECRETS, PRIORITIES])
        .run(steps::kube_apiserver);
    graph
        .task(API_SERVER_READY)
        .needs([API_SERVER, EXPOSURE, ETCD_READY])
        .run(steps::kube_apiserver_ready);
    graph.task(ACCESS).needs([SECRETS]).run(steps::access);
    graph
        .task(ACCESS_READY)
        .needs([ACCESS, RESOURCE_MANAGER, API_SERVER_READY])
        .run(steps::access_ready);
    graph
        .task(CONTROLLERS)
        .needs([ACCESS_READY])
        .run(steps::kube_controller_manager);
    graph
        .task(CONTROLLERS_READY)
        .needs([CONTROLLERS])
        .run(steps::kube_controller_manager_ready);
    graph
        .task(SYSTEM)
        .needs([API_SERVER_READY])
        .run(steps::virtual_garden_system);
}

/// Gardener's own processes. Their pods wait for tokens; the controllers also for the API that they watch.
fn add_gardener(graph: &mut Graph<Work, StepError>) {
    graph
        .task(GARDENER_API)
        .needs([ACCESS_READY, SYSTEM])
        .run(steps::gardener_api_server);
    graph
        .task(GARDENER_API_RUNNING)
        .needs([GARDENER_API])
        .run(steps::gardener_api_server_ready);
    graph
        .task(ADDRESS)
        .needs([API_SERVER_READY])
        .run(steps::gardener_api_address);
    // The aggregator asks a new API for its documents at once, and when it does not answer only a minute later again.
    graph
        .task(REGISTER)
        .needs([ADDRESS, GARDENER_API_RUNNING])
        .run(steps::register_api);
    graph
        .task(GARDENER_API_READY)
        .needs([REGISTER])
        .run(steps::gardener_api_ready);
    graph
        .task(GARDENER_CONTROLLERS)
        .needs([GARDENER_API_READY])
        .run(steps::gardener_controllers);
    graph
        .task(GARDENER_READY)
        .needs([GARDENER_CONTROLLERS])
        .run(steps::gardener_ready);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_what_the_parts_need() {
        let flow = reconcile().unwrap();
        for (first, second) in [
            (CUSTOM_RESOURCES, ETCD),
            (SECRETS, API_SERVER),
            (API_SERVER_READY, SYSTEM),
            (RESOURCE_MANAGER, ACCESS_READY),
            (ACCESS_READY, GARDENER_API),
            (GARDENER_API_RUNNING, REGISTER),
            (GARDENER_API_READY, GARDENER_CONTROLLERS),
            (GATEWAY, DNS),
            (DNS, CLEANUP),
        ] {
            assert!(flow.has_path(first, second), "{second} must wait for {first}");
        }
    }

    #[test]
    fn what_need_not_wait_does_not() {
        let flow = reconcile().unwrap();
        for (one, other) in [
            (ETCD_READY, API_SERVER),
            (CUSTOM_RESOURCES, SECRETS),
            (DNS, GARDENER_READY),
        ] {
            assert!(!flow.has_path(one, other), "{other} must not wait for {one}");
        }
    }
}
