//! The cloud controllers of all shoots of a seed: they run in one process, and each shoot has clients and queues of its own, so that
//! a dead shoot delays no other.
//!
//! In: ControlPlanes of this provider, which say that there is a shoot with a cloud. Out: per shoot, nodes and routes ([`super::nodes`])
//! and Services ([`super::services`]), from when its API server can be asked until its ControlPlane goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api::{
    constants::GENERIC_TOKEN_KUBECONFIG_SECRET_NAME,
    core::v1beta1::LastOperationType,
    extensions::v1alpha1::{Cluster, ControlPlane},
};
use controller::{finalizers, watch::WatchBackoff};
use extensions_sdk::{ExtensionKind as _, shoot_client};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watch_object, watcher},
    },
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    node_view::NodeView,
    nodes::{self, NodeReconciler},
    reconcile::Reconciler,
    services,
};
use crate::{
    cloud::{Cloud, Clouds},
    extension::TYPE,
    provider::network_name,
};

/// Who the controllers are in a shoot: the ServiceAccount in `kube-system`, and the end of the access Secret's name.
pub const SERVICE_ACCOUNT: &str = "cloud-controller-manager";

/// How often a shoot is tried whose tokens or credentials are not there yet.
const CONNECT_RETRY: Duration = Duration::from_secs(1);
/// What the controllers have begun is finished in this time, or given up.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// What the controllers of one shoot work by.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    namespace: String,
    /// Of the ControlPlane.
    uid: String,
    region: String,
    /// Namespace and name of the Secret with the cloud's credentials.
    credentials: (String, String),
    /// Name of the Secret that says where the shoot's API server is; it changes with its content.
    kubeconfig: Option<String>,
}

struct Running {
    settings: Settings,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shoots {
    running: BTreeMap<String, Running>,
    /// ControlPlanes whose controllers were stopped for good, by uid: a late event must not start them again.
    ended: BTreeSet<String>,
}

/// The cloud controllers of all shoots.
pub struct ShootControllers {
    seed: Client,
    clouds: Arc<dyn Clouds>,
    clock: Arc<dyn Clock>,
    shoots: Mutex<Shoots>,
}

impl ShootControllers {
    /// None runs yet.
    pub fn new(seed: Client, clouds: Arc<dyn Clouds>, clock: Arc<dyn Clock>) -> Self {
        Self {
            seed,
            clouds,
            clock,
            shoots: Mutex::default(),
        }
    }

    /// Runs the controllers of every shoot that has a ControlPlane of this provider, until `shutdown`.
    pub async fn supervise(&self, shutdown: CancellationToken) {
        let events = watcher(Api::<ControlPlane>::all(self.seed.clone()), watcher::Config::default())
            .backoff(WatchBackoff::default());
        let mut events = std::pin::pin!(events);
        let mut listed = BTreeSet::new();
        while let Some(Some(event)) = shutdown.run_until_cancelled(events.next()).await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.extend(object.uid());
                    self.consider(&object).await;
                }
                Ok(Event::InitDone) => self.stop_all_but(&listed).await,
                Ok(Event::Apply(object)) => self.consider(&object).await,
                Ok(Event::Delete(object)) => self.forget(&object),
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "the watch of ControlPlanes broke, and will be opened again");
                }
            }
        }
        self.stop_all_but(&BTreeSet::new()).await;
    }

    /// Stops the controllers of a shoot, waits for what they have begun, and never starts them for this ControlPlane again.
    pub async fn stop(&self, control_plane: &ControlPlane) {
        if let Some(running) = self.take(control_plane) {
            end(running).await;
        }
    }

    fn take(&self, control_plane: &ControlPlane) -> Option<Running> {
        let uid = control_plane.uid().unwrap_or_default();
        let namespace = control_plane.namespace().unwrap_or_default();
        let mut shoots = self.shoots.lock();
        shoots.ended.insert(uid.clone());
        let present = shoots.running.get(&namespace);
        let is_its = present.is_some_and(|running| running.settings.uid == uid);
        if is_its {
            shoots.running.remove(&namespace)
        } else {
            None
        }
    }

    /// The object is gone: nothing of it comes any more.
    fn forget(&self, control_plane: &ControlPlane) {
        if let Some(running) = self.take(control_plane) {
            // Not waited for: other shoots' news come after this.
            tokio::spawn(end(running));
        }
        let uid = control_plane.uid().unwrap_or_default();
        self.shoots.lock().ended.remove(&uid);
    }

    async fn stop_all_but(&self, uids: &BTreeSet<String>) {
        let gone: Vec<Running> = {
            let mut shoots = self.shoots.lock();
            let (kept, gone) = std::mem::take(&mut shoots.running)
                .into_iter()
                .partition(|(_, running)| uids.contains(&running.settings.uid));
            shoots.running = kept;
            shoots.ended.retain(|uid| uids.contains(uid));
            BTreeMap::into_values(gone).collect()
        };
        futures::future::join_all(gone.into_iter().map(end)).await;
    }

    async fn consider(&self, control_plane: &ControlPlane) {
        if !wants_controllers(control_plane) {
            return;
        }
        let namespace = control_plane.namespace().unwrap_or_default();
        let spec = &control_plane.spec;
        let reference = spec.secret_ref.clone();
        let settings = Settings {
            uid: control_plane.uid().unwrap_or_default(),
            region: spec.region.clone(),
            credentials: (
                reference.namespace.unwrap_or_else(|| namespace.clone()),
                reference.name.unwrap_or_default(),
            ),
            kubeconfig: self.kubeconfig_name(&namespace).await,
            namespace,
        };
        self.ensure(settings);
    }

    async fn kubeconfig_name(&self, namespace: &str) -> Option<String> {
        let clusters: Api<Cluster> = Api::all(self.seed.clone());
        let cluster = clusters.get_opt(namespace).await.ok().flatten()?;
        cluster.annotations().get(GENERIC_TOKEN_KUBECONFIG_SECRET_NAME).cloned()
    }

    fn ensure(&self, settings: Settings) {
        let mut shoots = self.shoots.lock();
        if shoots.ended.contains(&settings.uid) {
            return;
        }
        let present = shoots.running.get(&settings.namespace);
        if present.is_some_and(|running| running.settings == settings && !running.task.is_finished()) {
            return;
        }
        let before = shoots.running.remove(&settings.namespace);
        let (stop, namespace) = (CancellationToken::new(), settings.namespace.clone());
        let shoot = Shoot {
            seed: self.seed.clone(),
            clouds: Arc::clone(&self.clouds),
            clock: Arc::clone(&self.clock),
            settings: settings.clone(),
        };
        let token = stop.clone();
        let span = tracing::info_span!("shoot", %namespace);
        let run = async move {
            if let Some(before) = before {
                end(before).await;
            }
            shoot.run(&token).await;
        };
        let task = tokio::spawn(run.instrument(span));
        shoots.running.insert(namespace, Running { settings, stop, task });
    }
}

/// Whether the shoot of the ControlPlane has cloud controllers of ours.
fn wants_controllers(control_plane: &ControlPlane) -> bool {
    let last = control_plane.status.default_status.last_operation.as_ref();
    let leaves = last.is_some_and(|last| last.type_ == LastOperationType::Migrate);
    control_plane.spec.default_spec.type_ == TYPE
        && control_plane.metadata.deletion_timestamp.is_none()
        && finalizers::has(control_plane, &ControlPlane::finalizer())
        && !leaves
}

async fn end(running: Running) {
    running.stop.cancel();
    let abort = running.task.abort_handle();
    if tokio::time::timeout(STOP_DEADLINE, running.task).await.is_err() {
        tracing::warn!(namespace = %running.settings.namespace, "the cloud controllers did not end in time and were given up");
        abort.abort();
    }
}

/// One shoot's controllers.
struct Shoot {
    seed: Client,
    clouds: Arc<dyn Clouds>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl Shoot {
    /// Runs until `stop`; begins anew with other credentials of the cloud.
    async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let Some((client, cloud, secret)) = stop.run_until_cancelled(self.connect()).await else {
                return;
            };
            tracing::info!("the cloud controllers begin");
            let ended = stop.child_token();
            let watching = async {
                self.other_credentials(&secret).await;
                ended.cancel();
            };
            tokio::join!(self.control(client, cloud, &ended), ended.run_until_cancelled(watching));
        }
    }

    /// Waits until there is a token for the shoot and credentials for the cloud.
    async fn connect(&self) -> (Client, Arc<dyn Cloud>, Secret) {
        loop {
            match self.try_connect().await {
                Ok(connected) => return connected,
                Err(reason) => tracing::debug!(reason, "the cloud controllers cannot begin yet"),
            }
            tokio::time::sleep(CONNECT_RETRY).await;
        }
    }

    async fn try_connect(&self) -> Result<(Client, Arc<dyn Cloud>, Secret), String> {
        let (namespace, name) = &self.settings.credentials;
        let secrets: Api<Secret> = Api::namespaced(self.seed.clone(), namespace);
        let secret = secrets
            .get(name)
            .await
            .map_err(|error| ErrorChain(&error).to_string())?;
        let cloud = self.clouds.cloud_of(Some(&secret)).await;
        let cloud = cloud.map_err(|error| ErrorChain(&error).to_string())?;
        let client = shoot_client(&self.seed, &self.settings.namespace, SERVICE_ACCOUNT).await;
        let client = client.map_err(|error| ErrorChain(&error).to_string())?;
        Ok((client, Arc::from(cloud), secret))
    }

    /// Returns when the credentials are not those of `secret` any more.
    async fn other_credentials(&self, secret: &Secret) {
        let (namespace, name) = &self.settings.credentials;
        let secrets: Api<Secret> = Api::namespaced(self.seed.clone(), namespace);
        let mut seen = std::pin::pin!(watch_object(secrets, name).backoff(WatchBackoff::default()));
        while let Some(event) = seen.next().await {
            // Without a Secret the old credentials are all there is.
            if let Ok(Some(current)) = event
                && current.data != secret.data
            {
                return;
            }
        }
        std::future::pending().await
    }

    async fn control(&self, client: Client, cloud: Arc<dyn Cloud>, stop: &CancellationToken) {
        let (view, watching) = NodeView::watch(&client);
        let settings = &self.settings;
        let network = network_name(&settings.namespace);
        let nodes = NodeReconciler {
            client: client.clone(),
            cloud: Arc::clone(&cloud),
            clock: Arc::clone(&self.clock),
            namespace: settings.namespace.clone(),
            network: network.clone(),
            region: settings.region.clone(),
        };
        let services = Reconciler {
            client,
            cloud,
            nodes: view.store.clone(),
            cluster: settings.namespace.clone(),
            network,
        };
        let working = async {
            if stop.run_until_cancelled(view.store.wait_until_ready()).await.is_some() {
                tokio::join!(
                    nodes::work(nodes, view.clone(), stop.clone()),
                    services::work(services, view.changes.clone(), stop.clone()),
                );
            }
        };
        tokio::select! {
            () = watching => {}
            () = working => {}
        }
    }
}
