//! What users see of a decision: an event, and on the shoot why it waits.
//!
//! In: the shoot and the outcome. Out: requests to the garden. A repeated outcome writes nothing.

use api::core::v1beta1::{LastOperation, LastOperationState, LastOperationType, Shoot};
use apimachinery::meta::Time;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Api, Resource as _};
use lib_error_chain::ErrorChain;
use serde_json::json;

/// The status that tells why the shoot waits; `None` if it says so already.
pub(crate) fn waiting(shoot: &Shoot, reason: &str, now: Timestamp) -> Option<LastOperation> {
    let description = format!("Failed to schedule Shoot: {reason}");
    let same = shoot
        .status
        .last_operation
        .as_ref()
        .is_some_and(|last| last.state == LastOperationState::Pending && last.description == description);
    let operation = || LastOperation {
        description,
        last_update_time: Some(Time(now)),
        progress: 0,
        state: LastOperationState::Pending,
        type_: LastOperationType::Create,
    };
    (!same).then(operation)
}

/// Writes the operation into the shoot's status.
pub(crate) async fn write_waiting(
    shoots: &Api<Shoot>,
    shoot: &Shoot,
    operation: &LastOperation,
) -> Result<(), kube::Error> {
    let patch = json!({
        "metadata": { "resourceVersion": shoot.metadata.resource_version },
        "status": { "lastOperation": operation },
    });
    let name = shoot.metadata.name.as_deref().unwrap_or_default();
    shoots
        .patch_status(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .map(drop)
}

/// Publishes the event `SchedulingSuccessful`.
pub(crate) async fn publish_success(recorder: &Recorder, shoot: &Shoot, seed: &str) {
    publish(
        recorder,
        shoot,
        EventType::Normal,
        "SchedulingSuccessful",
        format!("Scheduled to seed '{seed}'"),
    )
    .await;
}

/// Publishes the event `SchedulingFailed`.
pub(crate) async fn publish_failure(recorder: &Recorder, shoot: &Shoot, reason: &str) {
    publish(
        recorder,
        shoot,
        EventType::Warning,
        "SchedulingFailed",
        reason.to_owned(),
    )
    .await;
}

async fn publish(recorder: &Recorder, shoot: &Shoot, type_: EventType, reason: &str, note: String) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: "Schedule".to_owned(),
        secondary: None,
    };
    // The decision stands without its event.
    if let Err(error) = recorder.publish(&event, &shoot.object_ref(&())).await {
        tracing::debug!(error = %ErrorChain(&error), "failed to publish an event");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_written_once() {
        let mut shoot = Shoot::default();
        let now = Timestamp::UNIX_EPOCH;
        let operation = waiting(&shoot, "there is no seed", now).unwrap();
        assert_eq!(operation.description, "Failed to schedule Shoot: there is no seed");
        shoot.status.last_operation = Some(operation);
        assert_eq!(waiting(&shoot, "there is no seed", now), None);
        assert!(waiting(&shoot, "seed a is full", now).is_some());
    }
}
