//! Where Secrets are kept: a namespace of a cluster, or memory in tests.

use std::{collections::BTreeMap, future::Future};

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
};

/// A request for Secrets failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} Secrets of the secrets manager")]
pub struct StoreError {
    /// What was to be done.
    pub action: &'static str,
    /// What went wrong.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Secrets of one namespace.
pub trait SecretStore: Send + Sync {
    /// All with these labels.
    fn list(&self, labels: &BTreeMap<String, String>) -> impl Future<Output = Result<Vec<Secret>, StoreError>> + Send;
    /// Makes one; when there is one of this name already, that one is returned as it is.
    fn create(&self, secret: &Secret) -> impl Future<Output = Result<Secret, StoreError>> + Send;
    /// Deletes one; one that is not there is as good.
    fn delete(&self, name: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The Secrets of a namespace in a cluster.
#[derive(Clone)]
pub struct KubeSecretStore {
    secrets: Api<Secret>,
}

impl std::fmt::Debug for KubeSecretStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KubeSecretStore")
            .field("namespace", &self.secrets.namespace())
            .finish()
    }
}

impl KubeSecretStore {
    /// The Secrets of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            secrets: Api::namespaced(client, namespace),
        }
    }
}

fn failed(action: &'static str) -> impl Fn(kube::Error) -> StoreError {
    move |error| StoreError {
        action,
        source: Box::new(error),
    }
}

impl SecretStore for KubeSecretStore {
    async fn list(&self, labels: &BTreeMap<String, String>) -> Result<Vec<Secret>, StoreError> {
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let parameters = ListParams::default().labels(&selector.join(","));
        Ok(self.secrets.list(&parameters).await.map_err(failed("list"))?.items)
    }

    async fn create(&self, secret: &Secret) -> Result<Secret, StoreError> {
        match self.secrets.create(&PostParams::default(), secret).await {
            Ok(created) => Ok(created),
            Err(kube::Error::Api(status)) if status.code == 409 => self
                .secrets
                .get(secret.metadata.name.as_deref().unwrap_or_default())
                .await
                .map_err(failed("get")),
            Err(error) => Err(failed("create")(error)),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.secrets.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            answer => answer.map(drop).map_err(failed("delete")),
        }
    }
}
