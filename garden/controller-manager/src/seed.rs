//! Seeds whose gardenlet has gone silent.
//!
//! In: Seeds and the leases of their gardenlets. Out: the condition `GardenletReady` becomes Unknown when the lease has
//! expired, and after a longer time all conditions of the seed's shoots. Absent: the way back, which gardenlet does itself.

use std::sync::Arc;

use api::constants;
use api::core::v1beta1::{Condition, ConditionStatus, Seed, Shoot};
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use crate::config::SeedPeriods;
use crate::context::{Context, ReconcileError, key, on_error};

/// Where gardenlets keep their leases, each by its seed's name.
const LEASE_NAMESPACE: &str = constants::SEED_LEASE_NAMESPACE;
const GARDENLET_READY: &str = constants::SEED_GARDENLET_READY;
/// Conditions that gardenlet keeps on every shoot.
const SHOOT_CONDITIONS: [&str; 4] = [
    "APIServerAvailable",
    "ControlPlaneHealthy",
    "ObservabilityComponentsHealthy",
    "SystemComponentsHealthy",
];

/// Runs the controller until `end`.
pub(crate) async fn run(context: Arc<Context>, end: CancellationToken) {
    Controller::new(
        Api::<Seed>::all(context.garden_client.clone()),
        watcher::Config::default(),
    )
    .graceful_shutdown_on(async move { end.cancelled().await })
    .run(reconcile, on_error, context)
    .for_each(|_| async {})
    .await;
}

/// What the silence of a gardenlet means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// It is alive, or was never there.
    None,
    /// It is gone.
    Seed,
    /// It has been gone for so long that nobody can tell how its shoots are.
    Shoots,
}

async fn reconcile(seed: Arc<Seed>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let leases = Api::<Lease>::namespaced(context.garden_client.clone(), LEASE_NAMESPACE);
    let lease = leases
        .get_opt(&seed.name_any())
        .await
        .map_err(ReconcileError::request("read the seed's lease"))?;
    let now = context.clock.now();
    match silence(&seed, lease.as_ref(), context.seed_periods, now) {
        Silence::None => {}
        Silence::Seed => mark_seed(&seed, &context, now).await?,
        Silence::Shoots => {
            mark_seed(&seed, &context, now).await?;
            mark_shoots(&seed, &context, now).await?;
        }
    }
    context.failures.succeeded(&key(seed.as_ref()));
    Ok(Action::requeue(context.seed_periods.sync))
}

/// Judges by the lease; a seed that gardenlet never reported is left alone.
fn silence(seed: &Seed, lease: Option<&Lease>, periods: SeedPeriods, now: Timestamp) -> Silence {
    let Some(ready) = seed
        .status
        .conditions
        .iter()
        .find(|condition| condition.type_ == GARDENLET_READY)
    else {
        return Silence::None;
    };
    let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref().map(|time| time.0));
    let within = |period| renewed.is_some_and(|renewed| now.duration_since(renewed) < signed(period));
    if within(periods.monitor) {
        return Silence::None;
    }
    let since: Timestamp = transition(ready).unwrap_or(now);
    let unknown_for_long =
        ready.status == ConditionStatus::Unknown && now.duration_since(since) >= signed(periods.shoot_monitor);
    if unknown_for_long {
        Silence::Shoots
    } else {
        Silence::Seed
    }
}

fn signed(period: std::time::Duration) -> SignedDuration {
    SignedDuration::try_from(period).unwrap_or(SignedDuration::MAX)
}

fn transition(condition: &Condition) -> Option<Timestamp> {
    condition.last_transition_time.as_ref().map(|time| time.0)
}

async fn mark_seed(seed: &Seed, context: &Context, now: Timestamp) -> Result<(), ReconcileError> {
    let mut status = seed.status.clone();
    let message = "Gardenlet stopped posting seed status.";
    set_unknown(
        &mut status.conditions,
        GARDENLET_READY,
        "SeedStatusUnknown",
        message,
        now,
    );
    let seeds = Api::<Seed>::all(context.garden_client.clone());
    if controller::status::update(&seeds, seed, &seed.status, &status)
        .await?
        .is_some()
    {
        tracing::info!(seed = %seed.name_any(), "gardenlet is silent");
    }
    Ok(())
}

async fn mark_shoots(seed: &Seed, context: &Context, now: Timestamp) -> Result<(), ReconcileError> {
    let shoots = Api::<Shoot>::all(context.garden_client.clone());
    let on_seed = ListParams::default().fields(&format!("status.seedName={}", seed.name_any()));
    let shoots = shoots
        .list(&on_seed)
        .await
        .map_err(ReconcileError::request("list the seed's shoots"))?;
    for shoot in shoots.items {
        let mut status = shoot.status.clone();
        let message = format!("Gardenlet on seed {:?} stopped posting shoot status.", seed.name_any());
        for condition in SHOOT_CONDITIONS {
            set_unknown(&mut status.conditions, condition, "StatusUnknown", &message, now);
        }
        let api = Api::<Shoot>::namespaced(context.garden_client.clone(), &shoot.namespace().unwrap_or_default());
        controller::status::update(&api, &shoot, &shoot.status, &status).await?;
    }
    Ok(())
}

/// Times move only when the status does: a silent gardenlet must not cause a write every few seconds.
fn set_unknown(conditions: &mut Vec<Condition>, condition_type: &str, reason: &str, message: &str, now: Timestamp) {
    let wished = Condition {
        type_: condition_type.to_owned(),
        status: ConditionStatus::Unknown,
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: Some(Time(now)),
        last_update_time: Some(Time(now)),
        codes: Vec::new(),
    };
    match conditions
        .iter_mut()
        .find(|condition| condition.type_ == condition_type)
    {
        None => conditions.push(wished),
        Some(present) if present.status == ConditionStatus::Unknown && present.reason == reason => {}
        Some(present) => *present = wished,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const PERIODS: SeedPeriods = SeedPeriods {
        monitor: Duration::from_secs(40),
        shoot_monitor: Duration::from_secs(600),
        sync: Duration::from_secs(10),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn seed(status: &str, since: Timestamp) -> Seed {
        let condition = json!({ "type": "GardenletReady", "status": status, "lastTransitionTime": since.to_string() });
        serde_json::from_value(json!({ "metadata": { "name": "one" }, "status": { "conditions": [condition] } }))
            .unwrap()
    }

    fn lease(renewed: Timestamp) -> Lease {
        serde_json::from_value(
            json!({ "spec": { "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string() } }),
        )
        .unwrap()
    }

    #[test]
    fn silence_is_judged_by_the_lease() {
        let alive = seed("True", at(0));
        assert_eq!(silence(&alive, Some(&lease(at(0))), PERIODS, at(39)), Silence::None);
        assert_eq!(silence(&alive, Some(&lease(at(0))), PERIODS, at(40)), Silence::Seed);
        assert_eq!(silence(&alive, None, PERIODS, at(0)), Silence::Seed);
        let silent = seed("Unknown", at(40));
        assert_eq!(silence(&silent, Some(&lease(at(0))), PERIODS, at(639)), Silence::Seed);
        assert_eq!(silence(&silent, Some(&lease(at(0))), PERIODS, at(640)), Silence::Shoots);
        assert_eq!(silence(&silent, Some(&lease(at(630))), PERIODS, at(640)), Silence::None);
    }

    #[test]
    fn a_seed_that_never_reported_is_left_alone() {
        assert_eq!(silence(&Seed::default(), None, PERIODS, at(10_000)), Silence::None);
    }

    #[test]
    fn the_condition_is_written_once() {
        let mut conditions = seed("True", at(0)).status.conditions;
        set_unknown(&mut conditions, GARDENLET_READY, "SeedStatusUnknown", "silent", at(40));
        let first = conditions.clone();
        set_unknown(&mut conditions, GARDENLET_READY, "SeedStatusUnknown", "silent", at(50));
        assert_eq!(conditions, first);
        assert_eq!(conditions[0].status, ConditionStatus::Unknown);
    }
}
