//! One Service: its load balancer in the cloud, its finalizer, its status.
//!
//! The finalizer comes before the load balancer is made and goes after it was removed, so none is ever forgotten.

use std::sync::Arc;

use cloud_client::Phase;
use controller::{
    error::{is_conflict, is_not_found},
    finalizers,
    retry::Retry,
};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::reflector::Store,
};
use serde_json::{Value, json};

use super::balancer::{Unsupported, balancer_of, is_wanted, name_of};
use crate::cloud::{Cloud, CloudError};

/// Kubernetes' own name for it: other controllers know what it stands for.
pub const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";

/// Why a Service has no load balancer.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The Service wants what the cloud does not have.
    #[error("the Service cannot have a load balancer")]
    Unsupported(#[source] Unsupported),
    /// The cloud refused, or did not answer.
    #[error("failed to {step} the load balancer {name}")]
    Cloud {
        /// What was tried.
        step: &'static str,
        /// The load balancer.
        name: String,
        /// What went wrong.
        source: CloudError,
    },
    /// The cloud's load balancer does not work.
    #[error("the load balancer {name} is not ready: {message}")]
    NotReady {
        /// The load balancer.
        name: String,
        /// What the cloud says.
        message: String,
    },
    /// The Service could not be written.
    #[error("failed to {step} of the Service")]
    Cluster {
        /// What was tried.
        step: &'static str,
        /// What went wrong.
        source: Box<kube::Error>,
    },
}

impl ReconcileError {
    /// When to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unsupported(_) => Retry::OnChange,
            Self::Cluster { source, .. } if is_conflict(source) => Retry::Now,
            Self::Cluster { .. } | Self::Cloud { .. } | Self::NotReady { .. } => Retry::Backoff,
        }
    }

    /// Whether it is about what the cloud has or does: its user can do something about that.
    pub(crate) fn is_the_clouds(&self) -> bool {
        !matches!(self, Self::Cluster { .. })
    }
}

fn failed(step: &'static str) -> impl Fn(kube::Error) -> ReconcileError {
    move |source| ReconcileError::Cluster {
        step,
        source: Box::new(source),
    }
}

/// Reconciles Services of one cluster.
pub struct Reconciler {
    /// The cluster that the Services lie in.
    pub client: Client,
    /// The cloud.
    pub cloud: Arc<dyn Cloud>,
    /// All nodes of the cluster.
    pub nodes: Store<Node>,
    /// The cluster's name, a prefix of its load balancers' names.
    pub cluster: String,
    /// The network of the cloud that the nodes lie in.
    pub network: String,
}

impl Reconciler {
    /// Makes the cloud and the status be as the Service says.
    pub async fn reconcile(&self, service: &Service) -> Result<(), ReconcileError> {
        if is_wanted(service) {
            self.ensure(service).await
        } else if finalizers::has(service, FINALIZER) {
            self.remove(service).await
        } else {
            Ok(())
        }
    }

    async fn ensure(&self, service: &Service) -> Result<(), ReconcileError> {
        let nodes: Vec<Node> = self.nodes.state().iter().map(|node| node.as_ref().clone()).collect();
        let wished = balancer_of(service, &nodes, &self.network).map_err(ReconcileError::Unsupported)?;
        let api = self.api(service);
        finalizers::ensure(&api, service, FINALIZER)
            .await
            .map_err(failed("set the finalizer"))?;
        let name = name_of(&self.cluster, service);
        let balancer = self
            .cloud
            .put_load_balancer(&name, &wished)
            .await
            .map_err(|source| ReconcileError::Cloud {
                step: "make",
                name: name.clone(),
                source,
            })?;
        if balancer.status.phase != Phase::Ready {
            let message = format!("{:?} {}", balancer.status.phase, balancer.status.message);
            return Err(ReconcileError::NotReady { name, message });
        }
        let ingress = json!([{ "ip": balancer.status.address.to_string(), "ipMode": "VIP" }]);
        self.write_status(&api, service, &json!({ "ingress": ingress })).await?;
        tracing::debug!(%name, address = %balancer.status.address, "load balancer is ready");
        Ok(())
    }

    /// For a Service that goes, and for one that changed its type.
    async fn remove(&self, service: &Service) -> Result<(), ReconcileError> {
        let name = name_of(&self.cluster, service);
        self.cloud
            .delete_load_balancer(&name)
            .await
            .map_err(|source| ReconcileError::Cloud {
                step: "remove",
                name: name.clone(),
                source,
            })?;
        let api = self.api(service);
        if service.metadata.deletion_timestamp.is_none() {
            self.write_status(&api, service, &json!({ "ingress": null })).await?;
        }
        let current = match api
            .get_opt(&service.name_any())
            .await
            .map_err(failed("read the state"))?
        {
            Some(current) if current.metadata.uid == service.metadata.uid => current,
            _ => return Ok(()),
        };
        finalizers::remove(&api, &current, FINALIZER)
            .await
            .map_err(failed("remove the finalizer"))
    }

    async fn write_status(&self, api: &Api<Service>, service: &Service, wished: &Value) -> Result<(), ReconcileError> {
        let present = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let present = serde_json::to_value(present).unwrap_or_default();
        if present.get("ingress").unwrap_or(&Value::Null) == &wished["ingress"] {
            return Ok(());
        }
        let body = json!({ "metadata": { "uid": service.metadata.uid }, "status": { "loadBalancer": wished } });
        match api
            .patch_status(&service.name_any(), &PatchParams::default(), &Patch::Merge(body))
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => Err(failed("write the status")(error)),
        }
    }

    fn api(&self, service: &Service) -> Api<Service> {
        Api::namespaced(self.client.clone(), &service.namespace().unwrap_or_default())
    }
}
