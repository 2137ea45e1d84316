//! The process: one pass for each `Etcd` that changed, or whose StatefulSet or Services did.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use api::druid::v1alpha1::Etcd;
use futures::StreamExt;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Service};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{
        controller::{Action, Controller},
        watcher,
    },
};
use lib_clock::{Clock, SystemClock};
use lib_error_chain::ErrorChain;
use plan_images::ImageVector;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    plan::{self, PlanError},
    status,
};

/// Who owns the fields that we set.
const FIELD_MANAGER: &str = "etcd-druid";
/// Time until a failed pass is repeated.
const RETRY: Duration = Duration::from_secs(2);
/// Longest until an object is looked at again.
const PERIOD: Duration = Duration::from_secs(300);

/// Makes the StatefulSet of every `Etcd` object.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Port of `/healthz` and `/readyz`.
    #[arg(long, default_value_t = 8081)]
    pub health_port: u16,
    /// Kubeconfig of the seed; without it the process uses its service account.
    #[arg(long)]
    pub kubeconfig: Option<std::path::PathBuf>,
}

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image vector can't be read.
    #[error("failed to read the image vector")]
    Images(#[from] plan_images::ImageVectorError),
    /// The vector names no image for etcd.
    #[error("failed to find the image of etcd")]
    Image(#[from] plan_images::ImageNotFound),
    /// The seed can't be reached.
    #[error("failed to connect to the seed")]
    Connect(#[from] controller::connect::ConnectError),
    /// The health port is taken.
    #[error("failed to serve health")]
    Health(#[from] controller::health::HealthError),
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error("failed to plan")]
    Plan(#[from] PlanError),
    #[error("failed to apply {kind} {name}")]
    Apply {
        kind: String,
        name: String,
        source: Box<kube::Error>,
    },
    #[error("failed to write the status")]
    Status(#[source] Box<kube::Error>),
}

struct Shared {
    seed_client: Client,
    image: String,
    clock: Arc<dyn Clock>,
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let image = ImageVector::from_environment()?.find("etcd", None)?.to_string();
    let seed_client = controller::connect::from_kubeconfig_file_or_in_cluster(arguments.kubeconfig.as_deref()).await?;
    let address = SocketAddr::from(([0, 0, 0, 0], arguments.health_port));
    let _health = controller::health::serve(address, controller::health::Readiness::new()).await?;
    let shared = Arc::new(Shared {
        seed_client,
        image,
        clock: Arc::new(SystemClock),
    });
    passes(shared, shutdown).await;
    Ok(())
}

async fn passes(shared: Arc<Shared>, shutdown: CancellationToken) {
    let client = &shared.seed_client;
    let owned = || watcher::Config::default().labels("app.kubernetes.io/managed-by=etcd-druid");
    Controller::new(Api::<Etcd>::all(client.clone()), watcher::Config::default())
        .owns(Api::<StatefulSet>::all(client.clone()), owned())
        .owns(Api::<Service>::all(client.clone()), owned())
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(pass, on_error, Arc::clone(&shared))
        .for_each(|_| async {})
        .await;
}

async fn pass(etcd: Arc<Etcd>, shared: Arc<Shared>) -> Result<Action, PassError> {
    if etcd.metadata.deletion_timestamp.is_some() {
        // What it owns goes with it, by the garbage collector.
        return Ok(Action::await_change());
    }
    let planned = plan::plan(&etcd, &shared.image)?;
    apply(&shared.seed_client, &planned.client_service).await?;
    apply(&shared.seed_client, &planned.peer_service).await?;
    let applied = apply(&shared.seed_client, &planned.stateful_set).await?;
    let status = status::status(&etcd, Some(&applied), shared.clock.now());
    if status != etcd.status {
        let api: Api<Etcd> = Api::namespaced(shared.seed_client.clone(), &etcd.namespace().unwrap_or_default());
        let patch = Patch::Merge(json!({ "status": status }));
        let written = api
            .patch_status(&etcd.name_any(), &PatchParams::default(), &patch)
            .await;
        written.map_err(|source| PassError::Status(Box::new(source)))?;
    }
    Ok(Action::requeue(PERIOD))
}

async fn apply<K>(client: &Client, object: &K) -> Result<K, PassError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let name = object.name_any();
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api.patch(&name, &parameters, &Patch::Apply(object)).await;
    applied.map_err(|source| PassError::Apply {
        kind: K::kind(&()).into_owned(),
        name,
        source: Box::new(source),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error(etcd: Arc<Etcd>, error: &PassError, _shared: Arc<Shared>) -> Action {
    let namespace = etcd.namespace().unwrap_or_default();
    tracing::warn!(%namespace, name = %etcd.name_any(), error = %ErrorChain(error), "pass failed, will retry");
    match error {
        // Only the object's author can change that.
        PassError::Plan(_) => Action::await_change(),
        PassError::Apply { .. } | PassError::Status(_) => Action::requeue(RETRY),
    }
}
