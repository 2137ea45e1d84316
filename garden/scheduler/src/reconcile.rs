//! Decides about one shoot.
//!
//! In: a shoot without a seed, and the caches. Out: its binding, or its status. Absent: when this is called.

use std::sync::Arc;
use std::time::Duration;

use api::core::v1beta1::{CloudProfile, Seed, Shoot};
use controller::retry::{Failures, Retry};
use kube::api::PostParams;
use kube::runtime::controller::Action;
use kube::runtime::events::Recorder;
use kube::runtime::reflector::Store;
use kube::{Api, Client, ResourceExt as _};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use plan_placement::{Placement, Request, Strategy, count_shoots, place};

use crate::assumed::Assumed;
use crate::report;

/// A shoot that found no seed is looked at again after this time, even if no seed changed: a shoot that went away has
/// made room.
const RETRY_UNPLACED: Duration = Duration::from_secs(30);
/// Name of the scheduler in `spec.schedulerName` that is this one.
const DEFAULT_SCHEDULER: &str = "default-scheduler";

/// What decisions need.
pub(crate) struct Context {
    pub(crate) garden_client: Client,
    pub(crate) shoots: Store<Shoot>,
    pub(crate) seeds: Store<Seed>,
    pub(crate) cloud_profiles: Store<CloudProfile>,
    pub(crate) assumed: Assumed,
    pub(crate) recorder: Recorder,
    pub(crate) strategy: Strategy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failures: Failures,
}

/// Why a decision did not come about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("failed to bind the shoot to seed {seed}")]
    Bind { seed: String, source: Box<kube::Error> },
    #[error("failed to write the shoot's status")]
    Status(#[source] Box<kube::Error>),
}

impl ReconcileError {
    fn retry(&self) -> Retry {
        match self {
            Self::Bind { source, .. } | Self::Status(source) if controller::error::is_conflict(source) => Retry::Now,
            Self::Bind { .. } | Self::Status(_) => Retry::Backoff,
        }
    }
}

/// True for shoots that wait for this scheduler.
pub(crate) fn is_ours(shoot: &Shoot) -> bool {
    shoot.spec.seed_name.is_none()
        && shoot.metadata.deletion_timestamp.is_none()
        && shoot
            .spec
            .scheduler_name
            .as_deref()
            .is_none_or(|name| name.is_empty() || name == DEFAULT_SCHEDULER)
}

/// Binds the shoot, or says why not.
pub(crate) async fn reconcile(shoot: Arc<Shoot>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    if !is_ours(&shoot) {
        return Ok(Action::await_change());
    }
    wait_for_caches(&context).await;
    let action = match decide(&shoot, &context) {
        Ok(placement) => bind(&shoot, &placement, &context).await,
        Err(reason) => refuse(&shoot, &reason, &context).await,
    }?;
    context.failures.succeeded(&key(&shoot));
    Ok(action)
}

/// An empty cache is no landscape without seeds. It fills as soon as the garden answers, so there is no deadline but the
/// process's own end.
async fn wait_for_caches(context: &Context) {
    // An error means that the watch has ended with the process.
    let _ = context.seeds.wait_until_ready().await;
    let _ = context.cloud_profiles.wait_until_ready().await;
}

/// Reads the caches and decides; a seed that is chosen counts at once.
fn decide(shoot: &Shoot, context: &Context) -> Result<Placement, String> {
    let name = profile_name(shoot).ok_or_else(|| "it names no CloudProfile".to_owned())?;
    let profiles = context.cloud_profiles.state();
    let profile = profiles
        .iter()
        .find(|profile| profile.metadata.name.as_deref() == Some(name));
    let profile = profile.ok_or_else(|| format!("CloudProfile {name:?} does not exist"))?;
    let (seeds, shoots) = (context.seeds.state(), context.shoots.state());
    let mut counts = count_shoots(shoots.iter().map(Arc::as_ref));
    context.assumed.complete(&mut counts, shoots.iter().map(Arc::as_ref));
    let request = Request {
        shoot,
        cloud_profile: &profile.spec,
        seeds: &seeds.iter().map(Arc::as_ref).collect::<Vec<_>>(),
        shoots_per_seed: &counts,
        strategy: context.strategy,
    };
    let placement = place(&request).map_err(|unplaceable| unplaceable.to_string())?;
    context.assumed.add(shoot, &placement.seed);
    Ok(placement)
}

fn profile_name(shoot: &Shoot) -> Option<&str> {
    let reference = shoot
        .spec
        .cloud_profile
        .as_ref()
        .map(|reference| reference.name.as_str());
    reference.or(shoot.spec.cloud_profile_name.as_deref())
}

/// The subresource takes the whole shoot; its resource version guards against a change in between.
async fn bind(shoot: &Shoot, placement: &Placement, context: &Context) -> Result<Action, ReconcileError> {
    let mut bound = shoot.clone();
    bound.spec.seed_name = Some(placement.seed.clone());
    let result = api(shoot, context)
        .replace_subresource("binding", &shoot.name_any(), &PostParams::default(), &bound)
        .await;
    if let Err(error) = result {
        context.assumed.remove(shoot);
        let conflict = controller::error::is_conflict(&error);
        if !conflict && !controller::error::is_not_found(&error) {
            report::publish_failure(&context.recorder, shoot, &error.to_string()).await;
        }
        return Err(ReconcileError::Bind {
            seed: placement.seed.clone(),
            source: Box::new(error),
        });
    }
    tracing::info!(shoot = %key(shoot), seed = %placement.seed, candidates = placement.candidates, "bound");
    report::publish_success(&context.recorder, shoot, &placement.seed).await;
    Ok(Action::await_change())
}

async fn refuse(shoot: &Shoot, reason: &str, context: &Context) -> Result<Action, ReconcileError> {
    if let Some(operation) = report::waiting(shoot, reason, context.clock.now()) {
        tracing::info!(shoot = %key(shoot), reason, "no seed");
        let written = report::write_waiting(&api(shoot, context), shoot, &operation).await;
        written.map_err(|error| ReconcileError::Status(Box::new(error)))?;
        report::publish_failure(&context.recorder, shoot, reason).await;
    }
    Ok(Action::requeue(RETRY_UNPLACED))
}

/// Logs an error once, and says when to try again.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
pub(crate) fn on_error(shoot: Arc<Shoot>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let key = key(&shoot);
    tracing::warn!(shoot = %key, error = %ErrorChain(error), "scheduling failed, will retry");
    context.failures.failed(&key, error.retry())
}

fn api(shoot: &Shoot, context: &Context) -> Api<Shoot> {
    Api::namespaced(context.garden_client.clone(), &shoot.namespace().unwrap_or_default())
}

fn key(shoot: &Shoot) -> String {
    format!("{}/{}", shoot.namespace().unwrap_or_default(), shoot.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waiting_shoots_of_this_scheduler_are_ours() {
        let mut shoot = Shoot::default();
        assert!(is_ours(&shoot));
        shoot.spec.scheduler_name = Some("default-scheduler".to_owned());
        assert!(is_ours(&shoot));
        shoot.spec.scheduler_name = Some("mine".to_owned());
        assert!(!is_ours(&shoot));
        shoot.spec.scheduler_name = None;
        shoot.spec.seed_name = Some("one".to_owned());
        assert!(!is_ours(&shoot));
    }
}
