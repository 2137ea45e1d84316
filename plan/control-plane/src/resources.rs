//! The answer: every object of a control plane, in the parts in which flows deploy them.

use api::{druid::v1alpha1::Etcd, gateway::TlsRoute};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};

use crate::{ControlPlane, etcd, exposure, kube_apiserver, kube_controller_manager, kube_scheduler, network_policies};

/// All objects of a control plane in its namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    /// Who may speak to whom in the namespace; empty where the namespace holds more than this control plane.
    pub network_policies: Vec<NetworkPolicy>,
    /// How clients reach it.
    pub exposure: Exposure,
    /// Its etcd.
    pub etcd: Etcd,
    /// Its API server.
    pub kube_apiserver: KubeApiServer,
    /// Its controllers.
    pub kube_controller_manager: KubeControllerManager,
    /// Its scheduler; only where there are nodes.
    pub kube_scheduler: Option<KubeScheduler>,
}

/// How clients reach the API server.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// The Service.
    pub service: Service,
    /// The route to it by server name, if there is a gateway.
    pub route: Option<TlsRoute>,
    /// The Service of the tunnel's server, where machines are outside of the seed.
    pub tunnel_service: Option<Service>,
    /// The route to it.
    pub tunnel_route: Option<TlsRoute>,
}

/// The objects of kube-apiserver.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeApiServer {
    /// Its configuration files.
    pub config_maps: Vec<ConfigMap>,
    /// Its pods.
    pub deployment: Deployment,
    /// How many pods may be taken away at once; only when there are several.
    pub disruption_budget: Option<PodDisruptionBudget>,
}

/// The objects of kube-controller-manager.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeControllerManager {
    /// Its pod.
    pub deployment: Deployment,
}

/// The objects of kube-scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeScheduler {
    /// Its pod.
    pub deployment: Deployment,
}

impl Resources {
    /// Plans all objects of a control plane.
    pub fn plan(plane: &ControlPlane) -> Self {
        Self {
            network_policies: network_policies::plan(plane),
            exposure: exposure::plan(plane),
            etcd: etcd::plan(plane),
            kube_apiserver: kube_apiserver::plan(plane),
            kube_controller_manager: kube_controller_manager::plan(plane),
            kube_scheduler: plane.role.has_nodes().then(|| kube_scheduler::plan(plane)),
        }
    }
}
