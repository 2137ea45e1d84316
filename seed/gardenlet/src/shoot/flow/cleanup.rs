//! What users made in the shoot and the cloud keeps for them: load balancers. It must go while there is still a controller that
//! can remove it, or nobody ever will.
//!
//! Absent: volumes of a cloud. No provider of ours has any yet; those of the local storage class go with their machines.

use std::time::Duration;

use api::constants::CONFIRMATION_FORCE_DELETION;
use controller::{
    delete::{DeleteError, delete, delete_and_wait},
    error::is_not_found,
};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    apps::v1::Deployment,
    core::v1::{Secret, Service},
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use serde::de::DeserializeOwned;

use super::{Context, ShootContext};
use crate::shoot::error::{TaskError, in_seed};

/// An API server that is being replaced answers again within this time.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
/// What a cloud may take to remove a load balancer.
const DEADLINE: Duration = Duration::from_secs(300);

/// Removes it all. Nothing to do in a shoot whose API server never answered, or is gone already.
pub(super) async fn clean(context: Context) -> Result<(), TaskError> {
    if is_forced(&context) {
        tracing::warn!(
            shoot = context.name(),
            "deletion is forced: what users made in the cloud may stay there"
        );
        return Ok(());
    }
    let Some(client) = way_in(&context).await? else {
        return Ok(());
    };
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| TaskError::Cleanup { source };
    let answers = deploy::api_server_ready(&client, ANSWER_DEADLINE).await;
    answers.map_err(|error| failed(error.into()))?;
    // Nobody may answer them any more, and then nothing could be deleted.
    remove_all::<ValidatingWebhookConfiguration>(&client)
        .await
        .map_err(failed)?;
    remove_all::<MutatingWebhookConfiguration>(&client)
        .await
        .map_err(failed)?;
    remove_load_balancers(&client).await.map_err(failed)
}

fn is_forced(context: &ShootContext) -> bool {
    let annotation = context.shoot.annotations().get(CONFIRMATION_FORCE_DELETION);
    annotation.is_some_and(|value| value == "true")
}

/// A client, if the API server ever answered and is still meant to run: the Secret is made when it first does.
async fn way_in(context: &ShootContext) -> Result<Option<Client>, TaskError> {
    let deployments: Api<Deployment> = Api::namespaced(context.seed_client(), &context.technical_id);
    let secrets: Api<Secret> = Api::namespaced(context.seed_client(), &context.technical_id);
    let (deployment, secret) = futures::try_join!(
        deployments.get_metadata_opt("kube-apiserver"),
        secrets.get_opt(deploy::INTERNAL_KUBECONFIG_SECRET)
    )
    .map_err(in_seed("look for the API server"))?;
    let kubeconfig = secret.and_then(|secret| secret.data?.remove("kubeconfig"));
    let (Some(_), Some(kubeconfig)) = (deployment, kubeconfig) else {
        return Ok(None);
    };
    let kubeconfig = String::from_utf8_lossy(&kubeconfig.0).into_owned();
    Ok(Some((context.gardenlet.connect_shoot)(kubeconfig).await?))
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn remove_all<K>(client: &Client) -> Result<(), AnyError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api: Api<K> = Api::all(client.clone());
    for object in api.list_metadata(&ListParams::default()).await?.items {
        delete(&api, &object.name_any()).await?;
    }
    Ok(())
}

async fn remove_load_balancers(client: &Client) -> Result<(), AnyError> {
    let all: Api<Service> = Api::all(client.clone());
    let found = match all.list(&ListParams::default()).await {
        Err(error) if is_not_found(&error) => return Ok(()),
        found => found?,
    };
    let balanced = found.items.into_iter().filter(is_load_balancer);
    futures::future::try_join_all(balanced.map(|service| async move {
        let api: Api<Service> = Api::namespaced(client.clone(), &service.namespace().unwrap_or_default());
        delete_and_wait(&api, &service.name_any(), DEADLINE).await?;
        Ok::<(), DeleteError>(())
    }))
    .await?;
    Ok(())
}

/// Also one that is none any more, but whose load balancer is not removed yet.
fn is_load_balancer(service: &Service) -> bool {
    let type_ = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    let finalizer = service
        .finalizers()
        .iter()
        .any(|name| name == "service.kubernetes.io/load-balancer-cleanup");
    type_ == Some("LoadBalancer") || finalizer
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ServiceSpec;

    use super::*;

    #[test]
    fn what_a_cloud_keeps_is_known_by_type_or_finalizer() {
        let service = |type_: &str, finalizer: Option<&str>| {
            let mut service = Service {
                spec: Some(ServiceSpec {
                    type_: Some(type_.to_owned()),
                    ..ServiceSpec::default()
                }),
                ..Service::default()
            };
            service.metadata.finalizers = finalizer.map(|name| vec![name.to_owned()]);
            service
        };
        assert!(is_load_balancer(&service("LoadBalancer", None)));
        assert!(is_load_balancer(&service(
            "ClusterIP",
            Some("service.kubernetes.io/load-balancer-cleanup")
        )));
        assert!(!is_load_balancer(&service("ClusterIP", Some("mine"))));
        assert!(!is_load_balancer(&Service::default()));
    }
}
