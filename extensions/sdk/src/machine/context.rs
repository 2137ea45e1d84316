//! What all work on the machines of one namespace shares, and how it fails.

use std::{collections::BTreeMap, sync::Arc};

use api::machine::v1alpha1::{Machine, MachineClass, MachineSet};
use controller::status::StatusError;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Secret, SecretReference};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use super::{
    driver::{DriverError, ListRequest, MachineDriver, MachineRequest, cluster_tags},
    facts::{name, uid},
    options::Options,
    shoot::Shoot,
};

/// Why a step for a machine, a set or a deployment failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error("failed to {step}")]
    Seed {
        step: &'static str,
        source: Box<kube::Error>,
    },
    #[error("failed to {step} in the shoot")]
    Shoot {
        step: &'static str,
        source: Box<kube::Error>,
    },
    #[error("failed to {step}")]
    Delete {
        step: &'static str,
        source: Box<controller::delete::DeleteError>,
    },
    #[error("the API server of the shoot does not answer, and it is needed to {0}")]
    NoShoot(&'static str),
    #[error("there is no MachineClass {0}")]
    NoClass(String),
    #[error("failed to write the status")]
    Status(#[from] StatusError),
    #[error("failed to {step}")]
    Cloud { step: &'static str, source: DriverError },
}

impl WorkError {
    pub(crate) fn seed(step: &'static str) -> impl Fn(kube::Error) -> Self {
        move |source| Self::Seed {
            step,
            source: Box::new(source),
        }
    }

    pub(crate) fn shoot(step: &'static str) -> impl Fn(kube::Error) -> Self {
        move |source| Self::Shoot {
            step,
            source: Box::new(source),
        }
    }

    pub(crate) fn cloud(step: &'static str) -> impl Fn(DriverError) -> Self {
        move |source| Self::Cloud { step, source }
    }

    /// Whether somebody else wrote in between: then what is there is looked at again, and nobody needs to know.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Seed { source, .. } | Self::Shoot { source, .. } => controller::error::is_conflict(source),
            Self::Status(error) => error.is_conflict(),
            _ => false,
        }
    }
}

/// Clients, the driver and the clock, for one namespace.
pub(crate) struct Context {
    pub(crate) seed: Client,
    pub(crate) namespace: String,
    pub(crate) driver: Arc<dyn MachineDriver>,
    pub(crate) options: Options,
    pub(crate) shoot: watch::Receiver<Shoot>,
}

impl Context {
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.seed.clone(), &self.namespace)
    }

    pub(crate) fn machines(&self) -> Api<Machine> {
        self.api()
    }

    pub(crate) fn sets(&self) -> Api<MachineSet> {
        self.api()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    pub(crate) fn shoot(&self) -> Shoot {
        self.shoot.borrow().clone()
    }

    /// A merge patch of exactly this object.
    pub(crate) async fn patch<K>(&self, object: &K, step: &'static str, mut patch: Value) -> Result<K, WorkError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let metadata = object.meta();
        patch["metadata"]["uid"] = Value::String(uid(metadata).to_owned());
        self.api::<K>()
            .patch(name(metadata), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map_err(WorkError::seed(step))
    }

    /// See [`request_of`].
    pub(crate) async fn request(&self, machine: &Machine, class: &MachineClass) -> Result<MachineRequest, WorkError> {
        request_of(&self.seed, &self.namespace, machine, class).await
    }

    pub(crate) async fn list_request(&self, class: &MachineClass) -> Result<ListRequest, WorkError> {
        Ok(ListRequest {
            namespace: self.namespace.clone(),
            provider_spec: class.provider_spec.0.clone(),
            secret: secret_of(&self.seed, &self.namespace, class).await?,
            tags: cluster_tags(&self.namespace),
        })
    }
}

/// What the driver is told of a machine; without user data, which only `create` needs.
pub(crate) async fn request_of(
    seed: &Client,
    namespace: &str,
    machine: &Machine,
    class: &MachineClass,
) -> Result<MachineRequest, WorkError> {
    Ok(MachineRequest {
        name: name(&machine.metadata).to_owned(),
        namespace: namespace.to_owned(),
        provider_spec: class.provider_spec.0.clone(),
        secret: secret_of(seed, namespace, class).await?,
        user_data: String::new(),
        tags: cluster_tags(namespace),
    })
}

/// The cloud's credentials, with the keys of the class' own Secret on top.
async fn secret_of(seed: &Client, namespace: &str, class: &MachineClass) -> Result<Secret, WorkError> {
    let mut data = BTreeMap::new();
    for reference in [&class.credentials_secret_ref, &class.secret_ref].into_iter().flatten() {
        data.extend(read_secret(seed, namespace, reference).await?.data.unwrap_or_default());
    }
    Ok(Secret {
        data: Some(data),
        ..Secret::default()
    })
}

async fn read_secret(seed: &Client, namespace: &str, reference: &SecretReference) -> Result<Secret, WorkError> {
    let namespace = reference.namespace.as_deref().unwrap_or(namespace);
    let api: Api<Secret> = Api::namespaced(seed.clone(), namespace);
    let name = reference.name.as_deref().unwrap_or_default();
    api.get(name)
        .await
        .map_err(WorkError::seed("read the Secret of the machine class"))
}
