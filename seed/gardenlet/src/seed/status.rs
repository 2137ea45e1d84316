//! Tells what the seed is like.
//!
//! In: what was observed in the seed. Out: the Seed's status; [`status`] is pure.

use std::collections::BTreeMap;

use api::{
    constants,
    core::v1beta1::{
        Condition, ConditionStatus, Gardener, LastOperation, LastOperationState, LastOperationType, Seed, SeedStatus,
    },
};
use jiff::Timestamp;
use k8s_openapi::{
    api::apps::v1::{Deployment, StatefulSet},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time},
};
use kube::{Api, api::ListParams};

use super::{Error, SeedAgent, failed, health};

/// Namespace of the seed's own components.
const GARDEN: &str = "garden";
/// Shoots that a seed takes when its configuration does not say (Gardener's chart).
const CAPACITY: &str = "250";

/// The seed as it is.
pub(crate) struct Observed {
    pub(crate) kubernetes_version: String,
    pub(crate) complaints: Vec<String>,
}

/// Looks at the seed cluster.
pub(crate) async fn observe(agent: &SeedAgent) -> Result<Observed, Error> {
    let deployments: Api<Deployment> = Api::namespaced(agent.seed_client.clone(), GARDEN);
    let stateful_sets: Api<StatefulSet> = Api::namespaced(agent.seed_client.clone(), GARDEN);
    let all = ListParams::default();
    let (version, deployments, stateful_sets) = futures::join!(
        agent.seed_client.apiserver_version(),
        deployments.list(&all),
        stateful_sets.list(&all),
    );
    let version = version.map_err(failed("ask the seed's API server for its version"))?;
    let deployments = deployments.map_err(failed("list the seed's Deployments"))?;
    let stateful_sets = stateful_sets.map_err(failed("list the seed's StatefulSets"))?;
    Ok(Observed {
        kubernetes_version: version.git_version,
        complaints: health::complaints(&deployments.items, &stateful_sets.items),
    })
}

/// The status of `seed` after `observed`.
pub(crate) fn status(seed: &Seed, observed: &Observed, gardener: &Gardener, now: Timestamp) -> SeedStatus {
    let mut status = seed.status.clone();
    let healthy = observed.complaints.is_empty();
    let complaint = observed.complaints.join("; ");
    set(
        &mut status.conditions,
        constants::SEED_GARDENLET_READY,
        true,
        "GardenletReady",
        "gardenlet is posting status",
        now,
    );
    let (reason, message) = match healthy {
        true => ("SystemComponentsRunning", "All system components are healthy"),
        false => ("SystemComponentsUnhealthy", complaint.as_str()),
    };
    set(
        &mut status.conditions,
        constants::SEED_SYSTEM_COMPONENTS_HEALTHY,
        healthy,
        reason,
        message,
        now,
    );
    status.gardener = Some(gardener.clone());
    status.kubernetes_version = Some(observed.kubernetes_version.clone());
    status.observed_generation = seed.metadata.generation.unwrap_or_default();
    status.cluster_identity = status.cluster_identity.or_else(|| seed.metadata.name.clone());
    let shoots = BTreeMap::from([("shoots".to_owned(), Quantity(CAPACITY.to_owned()))]);
    status.capacity = shoots.clone();
    status.allocatable = shoots;
    status.last_operation = Some(last_operation(status.last_operation.take(), healthy, &complaint, now));
    status
}

fn last_operation(old: Option<LastOperation>, healthy: bool, complaint: &str, now: Timestamp) -> LastOperation {
    let (state, progress, description) = match healthy {
        true => (
            LastOperationState::Succeeded,
            100,
            "Seed cluster has been reconciled successfully.".to_owned(),
        ),
        false => (
            LastOperationState::Processing,
            50,
            format!("Waiting for the system components: {complaint}"),
        ),
    };
    let type_ = LastOperationType::Reconcile;
    match old {
        Some(old) if old.state == state && old.description == description => old,
        _ => LastOperation {
            description,
            last_update_time: Some(Time(now)),
            progress,
            state,
            type_,
        },
    }
}

fn set(conditions: &mut Vec<Condition>, kind: &str, holds: bool, reason: &str, message: &str, now: Timestamp) {
    let status = if holds {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    let old = conditions.iter().position(|condition| condition.type_ == kind);
    let old = old.map(|index| conditions.remove(index));
    let same_status = old.as_ref().filter(|old| old.status == status);
    let unchanged = same_status.filter(|old| old.reason == reason && old.message == message);
    let condition = Condition {
        type_: kind.to_owned(),
        last_transition_time: same_status.map_or(Some(Time(now)), |old| old.last_transition_time.clone()),
        last_update_time: unchanged.map_or(Some(Time(now)), |old| old.last_update_time.clone()),
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
        codes: Vec::new(),
    };
    conditions.push(condition);
    conditions.sort_by(|left, right| left.type_.cmp(&right.type_));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(complaints: &[&str]) -> Observed {
        let complaints = complaints.iter().map(|complaint| (*complaint).to_owned()).collect();
        Observed {
            kubernetes_version: "v1.35.4".to_owned(),
            complaints,
        }
    }

    #[test]
    fn nothing_changes_while_nothing_changes() {
        let mut seed = Seed::default();
        seed.status = status(&seed, &observed(&[]), &Gardener::default(), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(60).unwrap();
        assert_eq!(status(&seed, &observed(&[]), &Gardener::default(), later), seed.status);
    }

    #[test]
    fn complaints_reach_the_condition() {
        let status = status(
            &Seed::default(),
            &observed(&["x is missing"]),
            &Gardener::default(),
            Timestamp::UNIX_EPOCH,
        );
        let kind = constants::SEED_SYSTEM_COMPONENTS_HEALTHY;
        let condition = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == kind)
            .unwrap();
        assert_eq!(
            (&condition.status, condition.message.as_str()),
            (&ConditionStatus::False, "x is missing")
        );
    }
}
