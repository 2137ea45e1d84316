//! When an object is as wished: pure judgements of its status, and waits for them by watching.

use std::{fmt::Debug, time::Duration};

use api::{
    core::v1beta1::{ConditionStatus, LastOperationState},
    druid::v1alpha1::Etcd,
    extensions::v1alpha1::DefaultStatus,
    resources::v1alpha1::ManagedResource,
};
use controller::wait::{Progress, WaitError, poll, until};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, Resource};
use lib_error_chain::ErrorChain;
use serde::de::DeserializeOwned;

/// Time between two questions to an API server that is coming up.
const API_SERVER_POLL: Duration = Duration::from_millis(200);
/// How long one question may take.
const API_SERVER_PATIENCE: Duration = Duration::from_secs(3);

fn waiting(what: impl Into<String>) -> Progress {
    Progress::Waiting(what.into())
}

/// Whether all pods of a Deployment are of its newest template and available.
pub fn deployment_state(deployment: Option<&Deployment>) -> Progress {
    let Some(deployment) = deployment else {
        return waiting("it does not exist");
    };
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        return waiting("its controller has not seen the newest version");
    }
    let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let (updated, available) = (
        status.updated_replicas.unwrap_or(0),
        status.available_replicas.unwrap_or(0),
    );
    if updated < wished || available < wished {
        return waiting(format!(
            "{available} of {wished} pods are available, {updated} are up to date{}",
            trouble(&status)
        ));
    }
    if status.replicas.unwrap_or(0) > updated {
        return waiting("old pods are still there");
    }
    Progress::Done
}

/// What the Deployment's conditions complain of.
fn trouble(status: &k8s_openapi::api::apps::v1::DeploymentStatus) -> String {
    let bad = status.conditions.iter().flatten().filter(|condition| {
        (condition.type_ == "Progressing" && condition.status == "False")
            || (condition.type_ == "ReplicaFailure" && condition.status == "True")
    });
    bad.map(|condition| format!("; {}", condition.message.as_deref().unwrap_or_default()))
        .collect()
}

/// Waits for [`deployment_state`].
pub async fn deployment_ready(
    client: Client,
    namespace: &str,
    name: &str,
    deadline: Duration,
) -> Result<(), WaitError> {
    let api: Api<Deployment> = Api::namespaced(client, namespace);
    until(&api, name, "to be ready", deadline, deployment_state)
        .await
        .map(drop)
}

/// Whether the etcd controller has seen the newest version, and all members are ready.
pub fn etcd_state(etcd: Option<&Etcd>) -> Progress {
    let Some(etcd) = etcd else {
        return waiting("it does not exist");
    };
    if etcd.status.observed_generation < etcd.metadata.generation {
        return waiting("etcd-druid has not seen the newest version");
    }
    if etcd.status.ready != Some(true) {
        let errors: String = etcd
            .status
            .last_errors
            .iter()
            .map(|error| format!("; {}", error.description))
            .collect();
        return waiting(format!(
            "{} of {} members are ready{errors}",
            etcd.status.ready_replicas, etcd.spec.replicas
        ));
    }
    Progress::Done
}

/// Waits for [`etcd_state`].
pub async fn etcd_ready(client: Client, namespace: &str, name: &str, deadline: Duration) -> Result<(), WaitError> {
    let api: Api<Etcd> = Api::namespaced(client, namespace);
    until(&api, name, "to be ready", deadline, etcd_state).await.map(drop)
}

/// Whether a ManagedResource's newest version is applied, and its objects are healthy.
pub fn managed_resource_state(resource: Option<&ManagedResource>) -> Progress {
    let Some(resource) = resource else {
        return waiting("it does not exist");
    };
    if resource.status.observed_generation < resource.metadata.generation.unwrap_or(0) {
        return waiting("gardener-resource-manager has not seen the newest version");
    }
    for wished in ["ResourcesApplied", "ResourcesHealthy"] {
        match resource
            .status
            .conditions
            .iter()
            .find(|condition| condition.type_ == wished)
        {
            None => return waiting(format!("condition {wished} is missing")),
            Some(condition) if condition.status != ConditionStatus::True => {
                return waiting(format!("{wished} is not true: {}", condition.message));
            }
            Some(_) => {}
        }
    }
    Progress::Done
}

/// Waits for [`managed_resource_state`].
pub async fn managed_resource_healthy(
    client: Client,
    namespace: &str,
    name: &str,
    deadline: Duration,
) -> Result<(), WaitError> {
    let api: Api<ManagedResource> = Api::namespaced(client, namespace);
    until(&api, name, "to be healthy", deadline, managed_resource_state)
        .await
        .map(drop)
}

/// Whether an extension has done what the newest version of its object asks for.
pub fn extension_state(generation: Option<i64>, status: &DefaultStatus) -> Progress {
    if let Some(error) = &status.last_error {
        return waiting(format!("its extension says: {}", error.description));
    }
    if status.observed_generation < generation.unwrap_or(0) {
        return waiting("its extension has not seen the newest version; is it running?");
    }
    match &status.last_operation {
        Some(operation) if operation.state == LastOperationState::Succeeded => Progress::Done,
        Some(operation) => waiting(format!("its extension is at it: {}", operation.description)),
        None => waiting("its extension has not begun"),
    }
}

/// Waits for [`extension_state`] of an extension object; `status` picks the shared part of its status.
pub async fn extension_ready<K>(
    api: &Api<K>,
    name: &str,
    deadline: Duration,
    status: impl Fn(&K) -> &DefaultStatus,
) -> Result<Option<K>, WaitError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let observe = |object: Option<&K>| match object {
        None => waiting("it does not exist"),
        Some(object) => extension_state(object.meta().generation, status(object)),
    };
    until(api, name, "to be reconciled", deadline, observe).await
}

/// Asks an API server for its readiness until it answers: a real request over the way that clients take.
pub async fn api_server_ready(client: &Client, deadline: Duration) -> Result<(), WaitError> {
    let attempt = || async {
        let request = match http_get("/readyz") {
            Ok(request) => request,
            Err(error) => return Progress::Failed(error),
        };
        match tokio::time::timeout(API_SERVER_PATIENCE, client.request_text(request)).await {
            Ok(Ok(_)) => Progress::Done,
            Ok(Err(error)) => waiting(ErrorChain(&error).to_string()),
            Err(_) => waiting(format!("no answer within {} s", API_SERVER_PATIENCE.as_secs())),
        }
    };
    poll("the API server to be ready", deadline, API_SERVER_POLL, attempt).await
}

fn http_get(path: &str) -> Result<http::Request<Vec<u8>>, String> {
    http::Request::get(path)
        .body(Vec::new())
        .map_err(|error| error.to_string())
}
