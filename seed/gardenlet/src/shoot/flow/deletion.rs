//! The way back: what needs others first, the namespace last.
//!
//! It works from nothing: every task takes "not there" as done, so it does not matter how far the creation came, whether the
//! API server is broken, or at which task gardenlet was killed. Nothing is asked of the shoot itself: a workerless
//! shoot has nothing outside of its own etcd.

use std::{fmt::Debug, time::Duration};

use api::{
    constants::CONFIRMATION_DELETION,
    core::v1beta1::InternalSecret,
    druid::v1alpha1::Etcd,
    extensions::v1alpha1::{Cluster, DnsRecord},
    gateway::TlsRoute,
    resources::v1alpha1::ManagedResource,
};
use controller::{delete, error::is_not_found, wait};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Pod, Service},
};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Context, Shape, ShootContext, ShootGraph, dismantling, garden_side};
use crate::shoot::{
    dns,
    error::{TaskError, in_garden, in_seed},
    extension::{self, Patience},
};

pub(crate) const SYSTEM: &str = "Giving up the shoot's system resources";
pub(crate) const DNS: &str = "Removing the DNS records";
pub(crate) const EXPOSURE: &str = "Removing the route to the Kubernetes API server";
pub(crate) const CONTROLLER_MANAGER: &str = "Removing kube-controller-manager";
pub(crate) const API_SERVER: &str = "Removing the Kubernetes API server";
pub(crate) const ETCD: &str = "Removing etcd";
pub(crate) const VOLUMES: &str = "Removing the volumes";
pub(crate) const GARDEN_SIDE: &str = "Removing the cluster's authorities from the project";
pub(crate) const CLUSTER: &str = "Telling extensions that the shoot is gone";
pub(crate) const NAMESPACE: &str = "Removing the namespace of the control plane";

/// What an extension, a controller or a kubelet may take for one object.
const DEADLINE: Duration = Duration::from_secs(120);
const RECORD_PATIENCE: Patience = Patience::seconds(120, 30);
/// Everything that is left in the namespace.
const NAMESPACE_DEADLINE: Duration = Duration::from_secs(300);
/// A pod that is not needed any more gets this long to say goodbye to its clients.
const GRACE_SECONDS: u32 = 2;
const POLL: Duration = Duration::from_millis(200);

pub(super) fn add(graph: &mut ShootGraph, shape: Shape) {
    // What was made by way of the API server goes while it is there, and its users may look on.
    let machines = shape.has_workers().then_some(dismantling::MACHINES);
    let users = [dismantling::NETWORK, dismantling::CONTROL_PLANE, dismantling::SCHEDULER];
    let users = users.into_iter().filter(|_| shape.has_workers());
    let extensions = [dismantling::CONFIGURATIONS, dismantling::INFRASTRUCTURE];
    let extensions = extensions.into_iter().filter(|_| shape.has_workers());
    graph
        .task(SYSTEM)
        .needs(machines)
        .needs(users.clone())
        .run(give_up_system);
    graph.task(DNS).needs(machines).run(remove_records);
    graph
        .task(EXPOSURE)
        .needs(machines)
        .needs(users.clone())
        .run(remove_exposure);
    graph.task(GARDEN_SIDE).needs(machines).run(remove_garden_side);
    graph
        .task(CONTROLLER_MANAGER)
        .needs(machines)
        .run(remove_controller_manager);
    // resource-manager takes its leave of the shoot first, in case it wants to ask its API server.
    graph
        .task(API_SERVER)
        .needs([SYSTEM, CONTROLLER_MANAGER])
        .run(remove_api_server);
    // An API server without its etcd does not end before it is killed.
    graph.task(ETCD).needs([API_SERVER]).run(remove_etcd);
    graph.task(VOLUMES).needs([ETCD]).run(remove_volumes);
    graph
        .task(CLUSTER)
        .needs([DNS])
        .needs(users)
        .needs(extensions)
        .run(remove_cluster);
    graph
        .task(NAMESPACE)
        .needs([VOLUMES, EXPOSURE, GARDEN_SIDE, CLUSTER])
        .run(remove_namespace);
}

fn namespaced<K>(context: &ShootContext) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    Api::namespaced(context.seed_client(), &context.technical_id)
}

/// Extensions and controllers delete what they keep only with this annotation; then deletes and waits.
async fn confirm_and_delete<K>(api: &Api<K>, name: &str, extra: serde_json::Value) -> Result<(), TaskError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut body = json!({ "metadata": { "annotations": { CONFIRMATION_DELETION: "true" } } });
    if let (Some(body), Some(extra)) = (body.as_object_mut(), extra.as_object()) {
        body.extend(extra.clone());
    }
    match api.patch(name, &PatchParams::default(), &Patch::Merge(body)).await {
        Ok(_) => Ok(delete::delete_and_wait(api, name, DEADLINE).await?),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(in_seed("confirm the deletion of an object")(error)),
    }
}

/// Their objects go with the shoot's etcd: nobody need remove them one by one. Also what extensions left behind.
async fn give_up_system(context: Context) -> Result<(), TaskError> {
    let api: Api<ManagedResource> = namespaced(&context);
    let found = api.list_metadata(&ListParams::default()).await;
    let found = found.map_err(in_seed("list the shoot's system resources"))?;
    let names: Vec<String> = found
        .items
        .into_iter()
        .filter_map(|found| found.metadata.name)
        .collect();
    let give_up = |name| confirm_and_delete(&api, name, json!({ "spec": { "keepObjects": true } }));
    futures::future::try_join_all(names.iter().map(|name| give_up(name))).await?;
    Ok(())
}

async fn remove_records(context: Context) -> Result<(), TaskError> {
    let names = ["external", "internal"].map(|role| dns::record_name(context.name(), role));
    let remove = |name| extension::remove::<DnsRecord>(&context, name, RECORD_PATIENCE);
    futures::future::try_join_all(names.iter().map(|name| remove(name))).await?;
    Ok(())
}

async fn remove_exposure(context: Context) -> Result<(), TaskError> {
    for name in ["kube-apiserver", "kube-apiserver-tunnel"] {
        delete::delete(&namespaced::<TlsRoute>(&context), name).await?;
        delete::delete(&namespaced::<Service>(&context), name).await?;
    }
    Ok(())
}

async fn remove_controller_manager(context: Context) -> Result<(), TaskError> {
    remove_deployment(
        &context,
        "kube-controller-manager",
        "app=kubernetes,role=controller-manager",
    )
    .await
}

async fn remove_api_server(context: Context) -> Result<(), TaskError> {
    remove_deployment(&context, "kube-apiserver", "app=kubernetes,role=apiserver").await
}

/// The Deployment, and its pods without their usual grace.
pub(super) async fn remove_deployment(context: &ShootContext, name: &str, pods: &str) -> Result<(), TaskError> {
    delete::delete_and_wait(&namespaced::<Deployment>(context), name, DEADLINE).await?;
    // The garbage collector would do it, but later: until then they make new pods.
    let replica_sets: Api<ReplicaSet> = namespaced(context);
    let found = replica_sets.list_metadata(&ListParams::default().labels(pods)).await;
    for replica_set in found.map_err(in_seed("list the replica sets"))?.items {
        delete::delete(&replica_sets, &replica_set.metadata.name.unwrap_or_default()).await?;
    }
    remove_pods(context, pods).await
}

async fn remove_pods(context: &ShootContext, selector: &str) -> Result<(), TaskError> {
    let api: Api<Pod> = namespaced(context);
    let parameters = DeleteParams::default().grace_period(GRACE_SECONDS);
    let left = || async {
        // Again and again: whoever made them may just have made another.
        let selected = ListParams::default().labels(selector);
        match api.list_metadata(&selected).await {
            Ok(pods) if pods.items.is_empty() => return wait::Progress::Done,
            Ok(pods) if pods.items.iter().all(|pod| pod.metadata.deletion_timestamp.is_some()) => {
                return wait::Progress::Waiting(format!("{} are ending", pods.items.len()));
            }
            Ok(_) => {}
            Err(error) => return wait::Progress::Waiting(lib_error_chain::ErrorChain(&error).to_string()),
        }
        match api.delete_collection(&parameters, &selected).await {
            Ok(_) => wait::Progress::Waiting("they were told to end".to_owned()),
            Err(error) => wait::Progress::Waiting(lib_error_chain::ErrorChain(&error).to_string()),
        }
    };
    Ok(wait::poll(
        &format!("pods with {selector} in {} to be gone", context.technical_id),
        DEADLINE,
        POLL,
        left,
    )
    .await?)
}

async fn remove_etcd(context: Context) -> Result<(), TaskError> {
    confirm_and_delete(&namespaced::<Etcd>(&context), "etcd-main", json!({})).await?;
    delete::delete_and_wait(&namespaced::<StatefulSet>(&context), "etcd-main", DEADLINE).await?;
    remove_pods(&context, "app=etcd-statefulset,role=main").await
}

/// They outlive etcd on purpose, but not the shoot.
async fn remove_volumes(context: Context) -> Result<(), TaskError> {
    let api: Api<PersistentVolumeClaim> = namespaced(&context);
    let claims = api
        .list_metadata(&ListParams::default())
        .await
        .map_err(in_seed("list the volume claims"))?;
    let names = claims.items.iter().filter_map(|claim| claim.metadata.name.as_deref());
    futures::future::try_join_all(names.map(|name| delete::delete_and_wait(&api, name, DEADLINE))).await?;
    Ok(())
}

async fn remove_garden_side(context: Context) -> Result<(), TaskError> {
    let client = || context.gardenlet.garden_client.clone();
    let cluster: Api<ConfigMap> = Api::namespaced(client(), context.namespace());
    let authority: Api<InternalSecret> = Api::namespaced(client(), context.namespace());
    let (cluster_name, client_name) = (
        garden_side::cluster_authority_name(context.name()),
        garden_side::client_authority_name(context.name()),
    );
    let parameters = DeleteParams::default();
    let failed = in_garden("remove the cluster's authorities");
    for answer in [
        cluster.delete(&cluster_name, &parameters).await.map(drop),
        authority.delete(&client_name, &parameters).await.map(drop),
    ] {
        match answer {
            Err(error) if is_not_found(&error) => {}
            answer => answer.map_err(&failed)?,
        }
    }
    Ok(())
}

async fn remove_cluster(context: Context) -> Result<(), TaskError> {
    let api: Api<Cluster> = Api::all(context.seed_client());
    Ok(delete::delete_and_wait(&api, &context.technical_id, DEADLINE).await?)
}

async fn remove_namespace(context: Context) -> Result<(), TaskError> {
    let api: Api<Namespace> = Api::all(context.seed_client());
    Ok(delete::delete_and_wait(&api, &context.technical_id, NAMESPACE_DEADLINE).await?)
}
