//! The parts of a control plane, one by one: a flow decides what is done side by side, and what waits for what.

use std::{fmt::Debug, time::Duration};

use controller::{
    apply::{Applier, ApplyError},
    wait::WaitError,
};
use kube::{Client, Resource};
use plan_control_plane::{ControlPlane, Exposure, KubeApiServer, KubeControllerManager, KubeScheduler, Resources};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    access::{AccessSecret, internal_kubeconfig_secret},
    readiness,
};

/// A part could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The seed refused an object, or did not answer.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// It was not ready in time.
    #[error(transparent)]
    Wait(#[from] WaitError),
}

/// Applies the parts of one control plane, and waits for them. Every method may be called again at any time.
#[derive(Clone, Debug)]
pub struct ControlPlaneDeployer {
    applier: Applier,
    namespace: String,
    name: String,
    etcd_name: String,
    plan: Resources,
}

impl ControlPlaneDeployer {
    /// A deployer of the planned control plane.
    pub fn new(applier: Applier, plane: &ControlPlane) -> Self {
        Self {
            applier,
            namespace: plane.namespace.clone(),
            name: plane.prefix.clone(),
            etcd_name: plane.etcd_name(),
            plan: Resources::plan(plane),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Resources {
        &self.plan
    }

    fn client(&self) -> Client {
        self.applier.client().clone()
    }

    async fn all<'a, K>(&self, objects: impl IntoIterator<Item = &'a K>) -> Result<(), DeployError>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug + 'a,
    {
        futures::future::try_join_all(objects.into_iter().map(|object| self.applier.apply(object))).await?;
        Ok(())
    }

    /// Who may speak to whom in the namespace.
    pub async fn network_policies(&self) -> Result<(), DeployError> {
        self.all(&self.plan.network_policies).await
    }

    /// The Services and the routes to them.
    pub async fn exposure(&self) -> Result<(), DeployError> {
        // No `..`, here and below: a new field must be applied before this compiles.
        let Exposure {
            service,
            route,
            tunnel_service,
            tunnel_route,
        } = &self.plan.exposure;
        futures::try_join!(
            self.all(std::iter::once(service).chain(tunnel_service)),
            self.all(route.iter().chain(tunnel_route))
        )?;
        Ok(())
    }

    /// The `Etcd` object.
    pub async fn etcd(&self) -> Result<(), DeployError> {
        self.all([&self.plan.etcd]).await
    }

    /// Waits until etcd's members are ready.
    pub async fn wait_for_etcd(&self, deadline: Duration) -> Result<(), DeployError> {
        Ok(readiness::etcd_ready(self.client(), &self.namespace, &self.etcd_name, deadline).await?)
    }

    /// kube-apiserver. It need not wait for etcd: for 20 s it tries again by itself.
    pub async fn kube_apiserver(&self) -> Result<(), DeployError> {
        let KubeApiServer {
            config_maps,
            deployment,
            disruption_budget,
        } = &self.plan.kube_apiserver;
        // First what the pods mount: a pod that does not find its files waits for the kubelet's next look.
        self.all(config_maps).await?;
        futures::try_join!(self.all([deployment]), self.all(disruption_budget))?;
        Ok(())
    }

    /// Waits until all pods of kube-apiserver are of the newest version and ready.
    pub async fn wait_for_kube_apiserver(&self, deadline: Duration) -> Result<(), DeployError> {
        let name = format!("{}kube-apiserver", self.name);
        Ok(readiness::deployment_ready(self.client(), &self.namespace, &name, deadline).await?)
    }

    /// The Secret by which the seed's own components reach the API server.
    pub async fn internal_access(&self, kubeconfig: &str) -> Result<(), DeployError> {
        self.all([&internal_kubeconfig_secret(&self.namespace, kubeconfig)])
            .await
    }

    /// The Secrets that ask for tokens of `components`.
    pub async fn access(&self, components: &[AccessSecret]) -> Result<(), DeployError> {
        let secrets: Vec<_> = components
            .iter()
            .map(|component| component.secret(&self.namespace))
            .collect();
        self.all(&secrets).await
    }

    /// Waits until all `components` have their tokens.
    pub async fn wait_for_access(&self, components: &[AccessSecret], deadline: Duration) -> Result<(), DeployError> {
        let waits = components
            .iter()
            .map(|component| component.wait(self.client(), &self.namespace, deadline));
        futures::future::try_join_all(waits).await?;
        Ok(())
    }

    /// kube-controller-manager. Its token must be there.
    pub async fn kube_controller_manager(&self) -> Result<(), DeployError> {
        let KubeControllerManager { deployment } = &self.plan.kube_controller_manager;
        self.all([deployment]).await
    }

    /// Waits until kube-controller-manager is ready.
    pub async fn wait_for_kube_controller_manager(&self, deadline: Duration) -> Result<(), DeployError> {
        let name = format!("{}kube-controller-manager", self.name);
        Ok(readiness::deployment_ready(self.client(), &self.namespace, &name, deadline).await?)
    }

    /// kube-scheduler, where there are nodes. Its token must be there.
    pub async fn kube_scheduler(&self) -> Result<(), DeployError> {
        let Some(KubeScheduler { deployment }) = &self.plan.kube_scheduler else {
            return Ok(());
        };
        self.all([deployment]).await
    }
}
