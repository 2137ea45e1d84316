//! Extensions: which of those that are registered are installed on which seed.
//!
//! In: ControllerRegistrations, ControllerDeployments, Seeds and the Shoots on them. Out: a ControllerInstallation per registration
//! and seed that needs it, of which the seed's gardenlet makes pods. Registrations and deployments stay while they are used, and a
//! Seed while something is installed on it. Absent: installations on self-hosted shoots.

mod kinds; // which kinds and types a seed needs
mod plan; // which installations that makes
mod wishes; // which changes of a shoot matter

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::core::v1::ControllerDeployment;
use api::core::v1beta1::{ControllerInstallation, ControllerRegistration, Seed, Shoot};
use controller::retry::Failures;
use controller::watch::WatchBackoff;
use futures::StreamExt as _;
use futures::future::{try_join, try_join3};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use lib_error_chain::ErrorChain;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::plan::{Decision, Situation, decide};
use self::wishes::Wishes;
use crate::context::{Context, ReconcileError, on_error};
use crate::references::keep_while_used;

/// Finalizers of Gardener's. A Seed carries the first one, too, while something is installed on it.
const REGISTRATION_FINALIZER: &str = "core.gardener.cloud/controllerregistration";
const DEPLOYMENT_FINALIZER: &str = "core.gardener.cloud/controllerdeployment";

/// Changes come in bursts: one decision for each.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How often a decision is made again, if nothing changes.
const RESYNC: Duration = Duration::from_secs(600);
/// How soon it is looked again whether what shall go is gone.
const RETRY_GOING: Duration = Duration::from_secs(5);

struct Queue {
    context: Arc<Context>,
    failures: Failures,
}

/// Runs the controller of installations until `end`.
pub(crate) async fn run_installations(context: Arc<Context>, end: CancellationToken) {
    let client = context.garden_client.clone();
    let controller = Controller::new(Api::<Seed>::all(client.clone()), watcher::Config::default());
    let seeds = controller.store();
    let queue = Arc::new(Queue {
        context,
        failures: Failures::default(),
    });
    let wishes = Wishes::default();
    controller
        .with_config(Config::default().debounce(DEBOUNCE))
        .trigger_backoff(WatchBackoff::default())
        .watches(
            Api::<ControllerRegistration>::all(client.clone()),
            watcher::Config::default(),
            all_of::<ControllerRegistration>(seeds.clone()),
        )
        .watches(
            Api::<ControllerDeployment>::all(client.clone()),
            watcher::Config::default(),
            all_of::<ControllerDeployment>(seeds),
        )
        .watches(
            Api::<ControllerInstallation>::all(client.clone()),
            watcher::Config::default(),
            |installation| {
                let seed = installation.spec.seed_ref.and_then(|reference| reference.name);
                seed.map(|name| ObjectRef::new(&name))
            },
        )
        .watches(Api::<Shoot>::all(client), watcher::Config::default(), move |shoot| {
            let seeds = wishes.seeds_to_look_at(&shoot);
            seeds.into_iter().map(|name| ObjectRef::new(&name))
        })
        .graceful_shutdown_on(end.cancelled_owned())
        .run(reconcile_seed, on_seed_error, queue)
        .for_each(|_| async {})
        .await;
}

/// Any of them may matter to any seed.
fn all_of<K>(seeds: Store<Seed>) -> impl Fn(K) -> Vec<ObjectRef<Seed>> {
    move |_| {
        seeds
            .state()
            .iter()
            .map(|seed| ObjectRef::from_obj(seed.as_ref()))
            .collect()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_seed_error(seed: Arc<Seed>, error: &ReconcileError, queue: Arc<Queue>) -> Action {
    tracing::warn!(seed = %seed.name_any(), error = %ErrorChain(error), "installations were not decided, will retry");
    queue.failures.failed(&seed.name_any(), error.retry())
}

async fn reconcile_seed(seed: Arc<Seed>, queue: Arc<Queue>) -> Result<Action, ReconcileError> {
    let context = &queue.context;
    let Some(observed) = Observed::of(&seed.name_any(), context).await? else {
        return Ok(Action::await_change());
    };
    let decision = decide(observed.situation());
    if !decision.unsupported.is_empty() {
        let kinds: Vec<String> = decision.unsupported.iter().map(ToString::to_string).collect();
        tracing::debug!(seed = %seed.name_any(), kinds = kinds.join(", "), "no extension is registered for these");
    }
    keep_seed(&observed, &decision, context).await?;
    let going = !decision.unneeded.is_empty();
    carry_out(&observed, decision, context).await?;
    queue.failures.succeeded(&seed.name_any());
    Ok(Action::requeue(if going { RETRY_GOING } else { RESYNC }))
}

/// What is read before a decision.
struct Observed {
    seed: Seed,
    shoots: Vec<Shoot>,
    registrations: Vec<ControllerRegistration>,
    deployments: Vec<ControllerDeployment>,
    installations: Vec<ControllerInstallation>,
}

impl Observed {
    /// `None`: the seed is gone. A shoot that moves is on two seeds: each needs what it takes.
    async fn of(seed: &str, context: &Context) -> Result<Option<Self>, ReconcileError> {
        let client = &context.garden_client;
        let seeds = Api::<Seed>::all(client.clone());
        let read = seeds.get_opt(seed).await;
        let Some(found) = read.map_err(ReconcileError::request("read the seed"))? else {
            return Ok(None);
        };
        let all = ListParams::default();
        let on_seed = |field: &str| ListParams::default().fields(&format!("{field}={seed}"));
        let (scheduled, running) = (on_seed("spec.seedName"), on_seed("status.seedName"));
        let registrations = Api::<ControllerRegistration>::all(client.clone());
        let deployments = Api::<ControllerDeployment>::all(client.clone());
        let installations = Api::<ControllerInstallation>::all(client.clone());
        let shoots = Api::<Shoot>::all(client.clone());
        let on_seed = on_seed("spec.seedRef.name");
        let parts = try_join3(
            registrations.list(&all),
            deployments.list(&all),
            installations.list(&on_seed),
        );
        let shoots = try_join(shoots.list(&scheduled), shoots.list(&running));
        let read = try_join(parts, shoots).await;
        let ((registrations, deployments, installations), (scheduled, running)) =
            read.map_err(ReconcileError::request("list extensions and shoots"))?;
        let moving = running
            .items
            .into_iter()
            .filter(|shoot| shoot.spec.seed_name.as_deref() != Some(seed));
        Ok(Some(Self {
            seed: found,
            shoots: scheduled.items.into_iter().chain(moving).collect(),
            registrations: registrations.items,
            deployments: deployments.items,
            installations: installations.items,
        }))
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            seed: &self.seed,
            shoots: &self.shoots,
            registrations: &self.registrations,
            deployments: &self.deployments,
            installations: &self.installations,
        }
    }
}

/// Only its gardenlet can remove what is installed on a seed: it stays until that is done.
async fn keep_seed(observed: &Observed, decision: &Decision, context: &Context) -> Result<(), ReconcileError> {
    let seeds = Api::<Seed>::all(context.garden_client.clone());
    let seed = &observed.seed;
    let is_used = !observed.installations.is_empty() || !decision.wished.is_empty();
    if is_used && seed.metadata.deletion_timestamp.is_none() {
        let kept = controller::finalizers::ensure(&seeds, seed, REGISTRATION_FINALIZER).await;
        return kept
            .map(drop)
            .map_err(ReconcileError::request("set the seed's finalizer"));
    }
    if is_used {
        return Ok(());
    }
    let freed = controller::finalizers::remove(&seeds, seed, REGISTRATION_FINALIZER).await;
    freed.map_err(ReconcileError::request("remove the seed's finalizer"))
}

async fn carry_out(observed: &Observed, decision: Decision, context: &Context) -> Result<(), ReconcileError> {
    let installations = Api::<ControllerInstallation>::all(context.garden_client.clone());
    for wished in decision.wished {
        let present = observed
            .installations
            .iter()
            .find(|present| present.name_any() == wished.name_any());
        match present {
            None => create(&installations, &wished).await?,
            Some(present) if is_as_wished(present, &wished) => {}
            Some(_) => update(&installations, &wished).await?,
        }
    }
    for name in decision.unneeded {
        if controller::delete::delete(&installations, &name).await? {
            tracing::info!(installation = %name, "no longer needed");
        }
    }
    Ok(())
}

async fn create(
    installations: &Api<ControllerInstallation>,
    wished: &ControllerInstallation,
) -> Result<(), ReconcileError> {
    match installations.create(&PostParams::default(), wished).await {
        Ok(_) => tracing::info!(installation = %wished.name_any(), "needed"),
        // Another look made it a moment ago.
        Err(error) if controller::error::is_conflict(&error) => {}
        Err(error) => return Err(ReconcileError::request("create the installation")(error)),
    }
    Ok(())
}

fn is_as_wished(present: &ControllerInstallation, wished: &ControllerInstallation) -> bool {
    let name = |installation: &ControllerInstallation| installation.spec.deployment_ref.clone()?.name;
    let has = |wished: &BTreeMap<String, String>, present: &BTreeMap<String, String>| {
        wished.iter().all(|(key, value)| present.get(key) == Some(value))
    };
    name(present) == name(wished)
        && has(wished.labels(), present.labels())
        && has(wished.annotations(), present.annotations())
}

async fn update(
    installations: &Api<ControllerInstallation>,
    wished: &ControllerInstallation,
) -> Result<(), ReconcileError> {
    let patch = json!({
        "metadata": { "labels": wished.labels(), "annotations": wished.annotations() },
        "spec": { "deploymentRef": wished.spec.deployment_ref },
    });
    let patched = installations
        .patch(&wished.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    patched
        .map(drop)
        .map_err(ReconcileError::request("update the installation"))
}

/// Runs the controller of registrations' finalizers until `end`.
pub(crate) async fn run_registrations(context: Arc<Context>, end: CancellationToken) {
    let registrations = Api::<ControllerRegistration>::all(context.garden_client.clone());
    Controller::new(registrations, watcher::Config::default())
        .graceful_shutdown_on(end.cancelled_owned())
        .run(reconcile_registration, on_error, context)
        .for_each(|_| async {})
        .await;
}

async fn reconcile_registration(
    registration: Arc<ControllerRegistration>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let api = Api::<ControllerRegistration>::all(context.garden_client.clone());
    let installations = Api::<ControllerInstallation>::all(context.garden_client.clone());
    let name = registration.metadata.name.clone();
    let uses = |installation: &ControllerInstallation| installation.spec.registration_ref.name == name;
    keep_while_used(
        &api,
        registration.as_ref(),
        REGISTRATION_FINALIZER,
        &installations,
        uses,
        &context,
    )
    .await
    .map(|(action, _)| action)
}

/// Runs the controller of deployments' finalizers until `end`.
pub(crate) async fn run_deployments(context: Arc<Context>, end: CancellationToken) {
    let deployments = Api::<ControllerDeployment>::all(context.garden_client.clone());
    Controller::new(deployments, watcher::Config::default())
        .graceful_shutdown_on(end.cancelled_owned())
        .run(reconcile_deployment, on_error, context)
        .for_each(|_| async {})
        .await;
}

async fn reconcile_deployment(
    deployment: Arc<ControllerDeployment>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let api = Api::<ControllerDeployment>::all(context.garden_client.clone());
    let registrations = Api::<ControllerRegistration>::all(context.garden_client.clone());
    let name = deployment.name_any();
    let uses = |registration: &ControllerRegistration| {
        let deployment = registration.spec.deployment.iter();
        deployment
            .flat_map(|deployment| &deployment.deployment_refs)
            .any(|reference| reference.name == name)
    };
    keep_while_used(
        &api,
        deployment.as_ref(),
        DEPLOYMENT_FINALIZER,
        &registrations,
        uses,
        &context,
    )
    .await
    .map(|(action, _)| action)
}
