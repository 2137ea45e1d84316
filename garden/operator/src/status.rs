//! What the Garden's status says of an operation: how far it is, and why it did not succeed.
//!
//! In: progress and reports of a flow. Out: [`LastOperation`]s, and writes of them.

use api::core::v1beta1::{LastOperation, LastOperationState, LastOperationType};
use api::operator::v1alpha1::{AdvertisedAddress, Garden, GardenStatus};
use apimachinery::meta::Time;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use lib_error_chain::ErrorChain;
use lib_flow::{Outcome, Progress, Report};
use serde_json::json;

use crate::settings::Settings;
use crate::steps::StepError;

/// An operation at work.
pub(crate) fn processing(type_: LastOperationType, progress: &Progress, now: Timestamp) -> LastOperation {
    let running = progress.to_string();
    LastOperation {
        description: if running.is_empty() {
            "Beginning.".to_owned()
        } else {
            running
        },
        last_update_time: Some(Time(now)),
        progress: i32::from(progress.percent),
        state: LastOperationState::Processing,
        type_,
    }
}

/// An operation that came to its end.
pub(crate) fn succeeded(type_: LastOperationType, now: Timestamp) -> LastOperation {
    LastOperation {
        description: "Garden cluster has been successfully reconciled.".to_owned(),
        last_update_time: Some(Time(now)),
        progress: 100,
        state: LastOperationState::Succeeded,
        type_,
    }
}

/// An operation that failed; it is tried again.
pub(crate) fn failed(type_: LastOperationType, progress: i32, reason: String, now: Timestamp) -> LastOperation {
    LastOperation {
        description: reason,
        last_update_time: Some(Time(now)),
        progress,
        state: LastOperationState::Error,
        type_,
    }
}

/// What went wrong in a flow, task by task; `None` when nothing did.
pub(crate) fn failure(report: &Report<StepError>) -> Option<String> {
    let problems: Vec<String> = report
        .tasks
        .iter()
        .filter_map(|task| match &task.outcome {
            Outcome::Failed(error) => Some(format!("{}: {}", task.id, ErrorChain(error))),
            Outcome::TimedOut(deadline) => Some(format!("{}: timed out after {} s", task.id, deadline.as_secs())),
            Outcome::Cancelled => Some(format!("{}: interrupted", task.id)),
            Outcome::Succeeded | Outcome::Skipped | Outcome::Blocked => None,
        })
        .collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// Which kind of operation a Garden needs.
pub(crate) fn operation_type(garden: &Garden) -> LastOperationType {
    if garden.metadata.deletion_timestamp.is_some() {
        return LastOperationType::Delete;
    }
    match &garden.status.last_operation {
        None => LastOperationType::Create,
        Some(last) if last.type_ == LastOperationType::Create && last.state != LastOperationState::Succeeded => {
            LastOperationType::Create
        }
        Some(_) => LastOperationType::Reconcile,
    }
}

/// Where the garden can be reached.
pub(crate) fn advertised_addresses(settings: &Settings) -> Vec<AdvertisedAddress> {
    let address = |name: String| AdvertisedAddress {
        name: api::constants::ADVERTISED_ADDRESS_VIRTUAL_GARDEN.to_owned(),
        url: format!("https://{name}"),
    };
    settings.host_names().into_iter().take(1).map(address).collect()
}

/// Writes an operation; other parts of the status are left alone.
pub(crate) async fn write_operation(
    api: &Api<Garden>,
    garden: &Garden,
    operation: &LastOperation,
) -> Result<(), kube::Error> {
    write(api, garden, &json!({ "lastOperation": operation })).await
}

/// Writes what holds once an operation has succeeded.
pub(crate) async fn write_success(
    api: &Api<Garden>,
    garden: &Garden,
    status: &GardenStatus,
) -> Result<(), kube::Error> {
    let part = json!({
        "lastOperation": status.last_operation,
        "observedGeneration": status.observed_generation,
        "gardener": status.gardener,
        "advertisedAddresses": status.advertised_addresses,
    });
    write(api, garden, &part).await
}

/// Two controllers write different parts: a merge patch without the object's version lets both.
async fn write(api: &Api<Garden>, garden: &Garden, part: &serde_json::Value) -> Result<(), kube::Error> {
    let body = json!({ "metadata": { "uid": garden.metadata.uid }, "status": part });
    api.patch_status(&garden.name_any(), &PatchParams::default(), &Patch::Merge(&body))
        .await
        .map(drop)
}
