//! Phases of the seed: its API answers, what every cluster needs runs in it, and it knows our kinds.

use std::time::Duration;

use controller::wait::{Progress, poll, until};
use extensions_local_storage::PROVISIONER;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use lib_error_chain::ErrorChain;
use plan_system::{CloudController, Dns, LocalStorage, Proxy, VolumeBinding};
use serde_json::Value;

use super::cloud::tail;
use super::cluster::Cluster;
use super::context::Phase;
use super::error::UpError;
use crate::seed::{API_SERVER, CLOUD_API, CLUSTER_DNS, CLUSTER_DOMAIN, KUBELET_CLIENT, MACHINE, NETWORK, POD_RANGE};

const PAUSE: Duration = Duration::from_millis(100);

/// Where volumes lie on the seed's machine.
const VOLUMES: &str = "/var/lib/kubeception/volumes";

/// Waits until the seed's API server is ready, and keeps a client for it.
pub(crate) async fn wait_for_api(phase: Phase, deadline: Duration) -> Result<(), UpError> {
    let context = &phase.context;
    let kubeconfig = context
        .pki
        .administrator(&context.domain, Some(context.proxy_url()))
        .to_yaml()?;
    let cluster = Cluster::connect("seed", &kubeconfig).await?;
    let client = cluster.client();
    let waited = poll("the seed's API server to serve", deadline, PAUSE, || {
        is_healthy(client.clone(), SERVING, &phase)
    })
    .await;
    if waited.is_err() {
        let console = context
            .cloud
            .console(MACHINE, cloud_client::CONSOLE_TAIL)
            .await
            .unwrap_or_default();
        return Err(UpError::Machine {
            message: "its API server is not ready".to_owned(),
            console: tail(&console),
        });
    }
    let _ = context.seed.set(cluster);
    Ok(())
}

/// Ready but for what is only needed once controllers run: roles and priorities, which take another second or two.
const SERVING: &str = "/readyz?exclude=poststarthook/rbac/bootstrap-roles\
                       &exclude=poststarthook/scheduling/bootstrap-system-priority-classes";

/// Whether a health path of an API server answers well.
pub(crate) async fn is_healthy(client: kube::Client, path: &str, phase: &Phase) -> Progress {
    let answer = match http::Request::get(path).body(Vec::new()) {
        Ok(request) => client.request_text(request).await,
        Err(error) => return Progress::Failed(error.to_string()),
    };
    match answer {
        Ok(_) => Progress::Done,
        Err(kube::Error::Api(status)) => wait(phase, &format!("it answers {}", status.code)),
        Err(error) => {
            phase.waiting("no answer yet");
            Progress::Waiting(ErrorChain(&error).to_string())
        }
    }
}

/// Applies what every cluster needs.
pub(crate) async fn apply_system(phase: Phase) -> Result<(), UpError> {
    let context = &phase.context;
    let mut objects = plan_system::plan_roles(KUBELET_CLIENT);
    objects.extend(plan_system::plan_proxy(&Proxy {
        image: context.image("kube-proxy")?,
        api_server: API_SERVER.to_owned(),
        pod_cidr: POD_RANGE.to_owned(),
    }));
    objects.extend(plan_system::plan_dns(&Dns {
        image: context.image("coredns")?,
        cluster_ip: CLUSTER_DNS,
        cluster_domain: CLUSTER_DOMAIN.to_owned(),
        replicas: 1,
    }));
    objects.extend(plan_system::plan_local_storage(&LocalStorage {
        image: context.own_image()?.to_string(),
        provisioner: PROVISIONER.to_owned(),
        directory: VOLUMES.to_owned(),
        // There is one node: where a volume goes is no question, and every control plane waits for its etcd.
        binding: VolumeBinding::AtOnce,
    }));
    objects.extend(plan_system::plan_cloud_controller(&CloudController {
        image: context.own_image()?.to_string(),
        endpoint: CLOUD_API.to_owned(),
        token: context.cloud.token().await?,
        network: NETWORK.to_owned(),
        cluster: MACHINE.to_owned(),
    }));
    context.seed()?.apply_all(&phase, objects).await
}

/// Applies the definitions of our kinds and of the Gateway API's.
pub(crate) async fn apply_definitions(phase: Phase) -> Result<(), UpError> {
    let definitions = api::crds::all()
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<Value>, _>>()?;
    phase.context.seed()?.apply_all(&phase, definitions).await
}

/// Waits until the node is ready and names are resolved: nothing else of the bring-up waits for this.
pub(crate) async fn wait_for_system(phase: Phase, deadline: Duration) -> Result<(), UpError> {
    let client = phase.context.seed()?.client();
    let nodes: Api<Node> = Api::all(client.clone());
    until(&nodes, MACHINE, "to be ready", deadline, |node| match node {
        Some(node) if is_node_ready(node) => Progress::Done,
        Some(_) => wait(&phase, "the node is not ready"),
        None => wait(&phase, "the node is not registered"),
    })
    .await?;
    let deployments: Api<Deployment> = Api::namespaced(client, "kube-system");
    for name in ["coredns", "cloud-controller-manager-local"] {
        until(
            &deployments,
            name,
            "to be available",
            deadline,
            |deployment| match deployment {
                Some(deployment) if is_available(deployment) => Progress::Done,
                _ => wait(&phase, &format!("{name} is not available")),
            },
        )
        .await?;
    }
    Ok(())
}

fn is_node_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Tells what is waited for.
pub(crate) fn wait(phase: &Phase, text: &str) -> Progress {
    phase.waiting(text);
    Progress::Waiting(text.to_owned())
}

/// Whether all pods of the latest version are there.
fn is_available(deployment: &Deployment) -> bool {
    let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let is_observed = status.observed_generation >= deployment.metadata.generation;
    is_observed && status.updated_replicas.unwrap_or(0) >= wished && status.available_replicas.unwrap_or(0) >= wished
}
