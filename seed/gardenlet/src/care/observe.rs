//! Looks at a shoot: at its API server as a client would, and at its objects in the seed.

use std::time::Duration;

use api::{
    core::v1beta1::{Condition, ConditionStatus},
    druid::v1alpha1::Etcd,
    resources::v1alpha1::ManagedResource,
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use kube::{Api, Client, ResourceExt, api::ListParams};
use lib_error_chain::ErrorChain;

use super::judge::Observed;

/// How long the API server may take to say that it is ready.
const DEADLINE: Duration = Duration::from_secs(5);
/// Secret with gardenlet's own kubeconfig of the shoot (Gardener's name).
const KUBECONFIG_SECRET: &str = "gardener-internal";

/// Looks at the shoot whose control plane lies in `namespace`; what can't be looked at is a complaint, not an error.
pub(crate) async fn observe(seed_client: &Client, namespace: &str) -> Observed {
    let (api_server, control_plane, system_components) = futures::join!(
        api_server(seed_client, namespace),
        control_plane(seed_client, namespace),
        system_components(seed_client, namespace),
    );
    Observed {
        api_server,
        control_plane,
        system_components,
    }
}

async fn api_server(seed_client: &Client, namespace: &str) -> Option<String> {
    match tokio::time::timeout(DEADLINE, ask_api_server(seed_client, namespace)).await {
        Ok(answer) => answer.err(),
        Err(_) => Some(format!(
            "the API server did not answer /readyz within {} s",
            DEADLINE.as_secs()
        )),
    }
}

async fn ask_api_server(seed_client: &Client, namespace: &str) -> Result<(), String> {
    let secrets: Api<Secret> = Api::namespaced(seed_client.clone(), namespace);
    let secret = secrets.get(KUBECONFIG_SECRET).await;
    let secret =
        secret.map_err(|error| format!("failed to read Secret {KUBECONFIG_SECRET}: {}", ErrorChain(&error)))?;
    let kubeconfig = secret.data.and_then(|data| data.get("kubeconfig").cloned());
    let kubeconfig = kubeconfig.ok_or_else(|| format!("Secret {KUBECONFIG_SECRET} has no kubeconfig"))?;
    // A connection of its own each time: an old one may outlive the way to the API server.
    let client = controller::connect::from_kubeconfig_str(&String::from_utf8_lossy(&kubeconfig.0)).await;
    let client = client.map_err(|error| ErrorChain(&error).to_string())?;
    let request = http::Request::get("/readyz")
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    client
        .request_text(request)
        .await
        .map(|_| ())
        .map_err(|error| ErrorChain(&error).to_string())
}

async fn control_plane(seed_client: &Client, namespace: &str) -> Vec<String> {
    let deployments: Api<Deployment> = Api::namespaced(seed_client.clone(), namespace);
    let etcds: Api<Etcd> = Api::namespaced(seed_client.clone(), namespace);
    let all = ListParams::default();
    let (deployments, etcds) = futures::join!(deployments.list(&all), etcds.list(&all));
    let mut complaints = Vec::new();
    match deployments {
        Ok(list) => complaints.extend(deployment_complaints(&list.items)),
        Err(error) => complaints.push(format!("failed to list Deployments: {}", ErrorChain(&error))),
    }
    match etcds {
        Ok(list) if list.items.is_empty() => complaints.push("Etcd etcd-main is missing".to_owned()),
        Ok(list) => complaints.extend(list.items.iter().filter_map(etcd_complaint)),
        Err(error) => complaints.push(format!("failed to list Etcds: {}", ErrorChain(&error))),
    }
    complaints
}

fn deployment_complaints(deployments: &[Deployment]) -> Vec<String> {
    let mut complaints = Vec::new();
    for required in ["kube-apiserver", "kube-controller-manager"] {
        if !deployments.iter().any(|deployment| deployment.name_any() == required) {
            complaints.push(format!("Deployment {required} is missing"));
        }
    }
    for deployment in deployments {
        let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let available = deployment
            .status
            .as_ref()
            .and_then(|status| status.available_replicas)
            .unwrap_or_default();
        // Scaled to nothing is not what a running shoot wishes either.
        if available < wished.max(1) {
            let name = deployment.name_any();
            complaints.push(format!(
                "Deployment {name} has {available} of {wished} replicas available"
            ));
        }
    }
    complaints
}

fn etcd_complaint(etcd: &Etcd) -> Option<String> {
    let status = &etcd.status;
    let seen = status.observed_generation >= etcd.metadata.generation;
    (!seen || status.ready != Some(true)).then(|| {
        format!(
            "Etcd {} has {} of {} members ready",
            etcd.name_any(),
            status.ready_replicas,
            etcd.spec.replicas
        )
    })
}

async fn system_components(seed_client: &Client, namespace: &str) -> Vec<String> {
    let resources: Api<ManagedResource> = Api::namespaced(seed_client.clone(), namespace);
    match resources.list(&ListParams::default()).await {
        Ok(list) => list.items.iter().filter_map(managed_resource_complaint).collect(),
        Err(error) => vec![format!("failed to list ManagedResources: {}", ErrorChain(&error))],
    }
}

fn managed_resource_complaint(resource: &ManagedResource) -> Option<String> {
    let name = resource.name_any();
    let complaint = |condition: &Condition| format!("ManagedResource {name}: {}", condition.message);
    for kind in ["ResourcesApplied", "ResourcesHealthy"] {
        match resource
            .status
            .conditions
            .iter()
            .find(|condition| condition.type_ == kind)
        {
            None => return Some(format!("ManagedResource {name} has no condition {kind} yet")),
            Some(condition) if condition.status != ConditionStatus::True => return Some(complaint(condition)),
            Some(_) => {}
        }
    }
    None
}
