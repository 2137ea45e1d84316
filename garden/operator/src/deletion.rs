//! The way back: takes away all that a Garden had, data included.
//!
//! In: the runtime cluster. Out: nothing left of the garden in it, but the custom resource definitions: other objects of
//! these kinds may be there. A garden with shoots is not deleted: their control planes would go on without a master; nor is one
//! that cannot be asked whether it has any, unless its deletion had begun before.
//!
//! What others need to go goes after them: etcd-druid after etcd, the extension's DNSRecords before the gateway.

use std::fmt::Debug;
use std::time::Duration;

use api::core::v1beta1::Shoot;
use api::druid::v1alpha1::Etcd;
use api::extensions::v1alpha1::DnsRecord;
use api::gateway::{Gateway, GatewayClass, TlsRoute};
use controller::apply::Applier;
use controller::delete::{DeleteError, delete as delete_object, delete_as_and_wait};
use deploy::{AccessSecret, INTERNAL_KUBECONFIG_SECRET};
use futures::future::try_join_all;
use futures::try_join;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::control_plane;
use crate::runtime::{GARDENER_COMPONENTS, GATEWAY, RUNTIME_COMPONENTS};
use crate::settings::{NAMESPACE, PREFIX};

/// How long one object may take to go, its dependents included.
const DEADLINE: Duration = Duration::from_secs(120);
/// Longest for the question whether there are shoots.
const ASK_DEADLINE: Duration = Duration::from_secs(10);

/// Why the garden is still there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeletionError {
    #[error("the garden still has shoots, delete them first: {0}")]
    Shoots(String),
    #[error(
        "the garden does not tell whether it still has shoots; repair it, or, if its data may go, delete the Deployment {deployment} \
         in the namespace {NAMESPACE}"
    )]
    Silent {
        deployment: String,
        source: Option<Box<kube::Error>>,
    },
    #[error(transparent)]
    Delete(#[from] DeleteError),
    #[error("failed to {step}")]
    Request {
        step: &'static str,
        source: Box<kube::Error>,
    },
}

impl DeletionError {
    fn request(step: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Request {
            step,
            source: Box::new(source),
        }
    }
}

/// Deletes everything; may be called again at any time.
pub(crate) async fn delete(runtime: &Applier) -> Result<(), DeletionError> {
    let client = runtime.client().clone();
    refuse_with_shoots(&client).await?;
    // First, and alone: that it is gone says that the question was answered.
    delete_deployments(&client, [control_plane::api_server_name()].into_iter()).await?;
    let control_plane = [format!("{PREFIX}kube-controller-manager")];
    let gardener = GARDENER_COMPONENTS.iter().map(|name| (*name).to_owned());
    try_join!(
        delete_deployments(&client, gardener.chain(control_plane)),
        delete_all::<DnsRecord>(&client, names::<DnsRecord>(&client, PREFIX).await?.into_iter()),
    )?;
    let services = [control_plane::api_server_name(), GARDENER_COMPONENTS[0].to_owned()];
    try_join!(
        delete_all::<Etcd>(&client, [control_plane::etcd_name()].into_iter()),
        delete_all::<Service>(&client, services.into_iter()),
        delete_all::<TlsRoute>(&client, [control_plane::api_server_name()].into_iter()),
    )?;
    delete_volumes(&client).await?;
    delete_runtime(&client).await?;
    delete_secrets(&client).await
}

/// Whether the deletion may begin, or has begun already.
async fn refuse_with_shoots(client: &Client) -> Result<(), DeletionError> {
    let deployments = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let found = deployments.get_metadata_opt(&control_plane::api_server_name()).await;
    if found
        .map_err(DeletionError::request("look for the API server"))?
        .is_none()
    {
        return Ok(());
    }
    let silent = |source| DeletionError::Silent {
        deployment: control_plane::api_server_name(),
        source,
    };
    let secrets = Api::<Secret>::namespaced(client.clone(), NAMESPACE);
    let secret = secrets
        .get_opt(INTERNAL_KUBECONFIG_SECRET)
        .await
        .map_err(DeletionError::request("read the kubeconfig"))?;
    let Some(kubeconfig) = secret.and_then(|secret| secret.data?.remove("kubeconfig")) else {
        return Err(silent(None));
    };
    let Ok(garden) = controller::connect::from_kubeconfig_str(&String::from_utf8_lossy(&kubeconfig.0)).await else {
        return Err(silent(None));
    };
    let shoots = Api::<Shoot>::all(garden);
    match tokio::time::timeout(ASK_DEADLINE, shoots.list(&ListParams::default())).await {
        Ok(Ok(shoots)) if !shoots.items.is_empty() => {
            let name = |shoot: &Shoot| format!("{}/{}", shoot.namespace().unwrap_or_default(), shoot.name_any());
            Err(DeletionError::Shoots(
                shoots.items.iter().map(name).collect::<Vec<_>>().join(", "),
            ))
        }
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(silent(Some(Box::new(error)))),
        Err(_) => Err(silent(None)),
    }
}

/// Deletes objects of the operator's namespace side by side, and waits until they are gone.
async fn delete_all<K>(client: &Client, names: impl Iterator<Item = String>) -> Result<(), DeletionError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    delete_all_as::<K>(client, names, &DeleteParams::background()).await
}

/// Deletes Deployments side by side, and waits until their pods are gone: as long as one lives, the kubelet gives the Secrets that it has
/// read for it to new pods, too, and those of a garden made anew have the same names.
async fn delete_deployments(client: &Client, names: impl Iterator<Item = String>) -> Result<(), DeletionError> {
    delete_all_as::<Deployment>(client, names, &DeleteParams::foreground()).await
}

async fn delete_all_as<K>(
    client: &Client,
    names: impl Iterator<Item = String>,
    parameters: &DeleteParams,
) -> Result<(), DeletionError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    let api = Api::<K>::namespaced(client.clone(), NAMESPACE);
    let deletions = names.map(|name| {
        let api = api.clone();
        async move { delete_as_and_wait(&api, &name, parameters, DEADLINE).await }
    });
    try_join_all(deletions).await?;
    Ok(())
}

/// Names of the objects that begin with `prefix`.
async fn names<K>(client: &Client, prefix: &str) -> Result<Vec<String>, DeletionError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let found = Api::<K>::namespaced(client.clone(), NAMESPACE)
        .list_metadata(&ListParams::default())
        .await;
    let found = match found {
        Err(error) if controller::error::is_not_found(&error) => return Ok(Vec::new()),
        found => found.map_err(DeletionError::request("list what is left"))?,
    };
    Ok(found
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .filter(|name| name.starts_with(prefix))
        .collect())
}

/// etcd's data: who deletes a Garden wants it gone.
async fn delete_volumes(client: &Client) -> Result<(), DeletionError> {
    let volumes = names::<PersistentVolumeClaim>(client, &control_plane::etcd_name()).await?;
    delete_all::<PersistentVolumeClaim>(client, volumes.into_iter()).await
}

async fn delete_runtime(client: &Client) -> Result<(), DeletionError> {
    let components = || RUNTIME_COMPONENTS.iter().map(|name| (*name).to_owned());
    try_join!(
        delete_all::<Gateway>(client, [GATEWAY.to_owned()].into_iter()),
        delete_all::<Service>(client, components()),
        delete_deployments(client, components()),
        delete_all::<ServiceAccount>(client, components()),
    )?;
    delete_object(&Api::<GatewayClass>::all(client.clone()), "kubeception").await?;
    for name in RUNTIME_COMPONENTS {
        let name = format!("kubeception:{name}");
        delete_object(&Api::<ClusterRoleBinding>::all(client.clone()), &name).await?;
        delete_object(&Api::<ClusterRole>::all(client.clone()), &name).await?;
    }
    Ok(())
}

/// What the secrets manager made, tokens, and configuration.
async fn delete_secrets(client: &Client) -> Result<(), DeletionError> {
    let secrets = Api::<Secret>::namespaced(client.clone(), NAMESPACE);
    let identity = api::constants::SECRETS_MANAGER_IDENTITY_OPERATOR;
    let ours = ListParams::default().labels(&format!("managed-by=secrets-manager,manager-identity={identity}"));
    secrets
        .delete_collection(&DeleteParams::default(), &ours)
        .await
        .map_err(DeletionError::request("delete the garden's Secrets"))?;
    let components = GARDENER_COMPONENTS.iter().chain([&"kube-controller-manager"]);
    let access = components.map(|component| AccessSecret::new(component).name());
    delete_all::<Secret>(client, access.chain([INTERNAL_KUBECONFIG_SECRET.to_owned()])).await?;
    let mut files = names::<ConfigMap>(client, "gardener-").await?;
    files.retain(|name| name.contains("-config-"));
    files.extend(names::<ConfigMap>(client, PREFIX).await?);
    delete_all::<ConfigMap>(client, files.into_iter()).await
}
