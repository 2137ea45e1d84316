//! Keeps the conditions of the seed's shoots up to date.
//!
//! In: Shoots of this seed, and their objects in the seed. Out: the conditions `APIServerAvailable`,
//! `ControlPlaneHealthy` and `SystemComponentsHealthy`. A change of an object in the seed wakes its shoot's pass; else each
//! shoot is looked at periodically. Absent: any repair; that is the shoot's own flow.

mod judge; // what it means
mod observe; // what is

use std::{sync::Arc, time::Duration};

use api::{
    core::v1beta1::{LastOperationType, Shoot},
    druid::v1alpha1::Etcd,
    resources::v1alpha1::ManagedResource,
};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        controller::{Action, Controller},
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

/// How often a healthy shoot is looked at.
const PERIOD: Duration = Duration::from_secs(15);
/// How often a shoot is looked at that is not healthy.
const IMPATIENT: Duration = Duration::from_secs(2);

/// Why a pass failed; what is wrong with the shoot itself is no failure.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to write the conditions")]
    Status(#[from] controller::status::StatusError),
}

/// What all passes share.
pub struct Care {
    /// Client of the garden cluster.
    pub garden_client: Client,
    /// Client of the seed cluster.
    pub seed_client: Client,
    /// Name of the seed whose shoots are looked after.
    pub seed_name: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Looks after the seed's shoots until `shutdown`.
pub async fn run(care: Arc<Care>, shutdown: CancellationToken) {
    let shoots: Api<Shoot> = Api::all(care.garden_client.clone());
    let selector = watcher::Config::default().fields(&format!("spec.seedName={}", care.seed_name));
    let controller = Controller::new(shoots, selector);
    let known = controller.store();
    let seed = &care.seed_client;
    let controller = controller
        .watches(
            Api::<Deployment>::all(seed.clone()),
            watcher::Config::default(),
            wakes(&known),
        )
        .watches(
            Api::<Etcd>::all(seed.clone()),
            watcher::Config::default(),
            wakes(&known),
        )
        .watches(
            Api::<ManagedResource>::all(seed.clone()),
            watcher::Config::default(),
            wakes(&known),
        );
    controller
        .graceful_shutdown_on(async move { shutdown.cancelled().await })
        .run(pass, on_error, care)
        .for_each(|_| async {})
        .await;
}

/// The shoot whose control plane an object of the seed belongs to.
fn wakes<K: kube::Resource>(known: &Store<Shoot>) -> impl Fn(K) -> Option<ObjectRef<Shoot>> + Send + 'static {
    let known = known.clone();
    move |object: K| {
        let namespace = object.meta().namespace.clone()?;
        let shoots = known.state();
        let shoot = shoots.iter().find(|shoot| shoot.status.technical_id == namespace)?;
        Some(ObjectRef::from_obj(&**shoot))
    }
}

async fn pass(shoot: Arc<Shoot>, care: Arc<Care>) -> Result<Action, Error> {
    let being_deleted = shoot.metadata.deletion_timestamp.is_some()
        || shoot
            .status
            .last_operation
            .as_ref()
            .is_some_and(|last| last.type_ == LastOperationType::Delete);
    if shoot.status.technical_id.is_empty() || being_deleted {
        return Ok(Action::requeue(PERIOD));
    }
    let observed = observe::observe(&care.seed_client, &shoot.status.technical_id).await;
    let healthy =
        observed.api_server.is_none() && observed.control_plane.is_empty() && observed.system_components.is_empty();
    let mut status = shoot.status.clone();
    status.conditions = judge::conditions(&shoot.status.conditions, &observed, care.clock.now());
    let api: Api<Shoot> = Api::namespaced(care.garden_client.clone(), &shoot.namespace().unwrap_or_default());
    match controller::status::update(&api, &*shoot, &shoot.status, &status).await {
        Ok(_) => Ok(Action::requeue(if healthy { PERIOD } else { IMPATIENT })),
        // Somebody else wrote; the change wakes the next pass.
        Err(error) if error.is_conflict() => Ok(Action::requeue(IMPATIENT)),
        Err(error) => Err(error.into()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error(shoot: Arc<Shoot>, error: &Error, _care: Arc<Care>) -> Action {
    let namespace = shoot.namespace().unwrap_or_default();
    tracing::warn!(%namespace, shoot = %shoot.name_any(), error = %ErrorChain(error), "care failed, will retry");
    Action::requeue(IMPATIENT)
}
