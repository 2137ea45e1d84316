//! The label that sums up a shoot's health: `shoot.gardener.cloud/status`.
//!
//! In: a Shoot's conditions, last operation and errors. Out: `healthy`, `progressing`, `unknown` or `unhealthy`.

use std::sync::Arc;

use api::constants;
use api::core::v1beta1::{ConditionStatus, LastOperationState, LastOperationType, Shoot};
use futures::StreamExt as _;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, ReconcileError, key, on_error};

/// From good to bad: of several the worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Healthy,
    Progressing,
    Unknown,
    Unhealthy,
}

impl Health {
    fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// Runs the controller until `end`.
pub(crate) async fn run_status_label(context: Arc<Context>, end: CancellationToken) {
    Controller::new(
        Api::<Shoot>::all(context.garden_client.clone()),
        watcher::Config::default(),
    )
    .graceful_shutdown_on(async move { end.cancelled().await })
    .run(reconcile, on_error, context)
    .for_each(|_| async {})
    .await;
}

async fn reconcile(shoot: Arc<Shoot>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let health = health(&shoot).as_str();
    if shoot.labels().get(constants::SHOOT_STATUS).map(String::as_str) == Some(health) {
        return Ok(Action::await_change());
    }
    let api = Api::<Shoot>::namespaced(context.garden_client.clone(), &shoot.namespace().unwrap_or_default());
    let patch = json!({ "metadata": { "uid": shoot.metadata.uid, "labels": { constants::SHOOT_STATUS: health } } });
    match api
        .patch_metadata(&shoot.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
        .await
    {
        Ok(_) => {}
        Err(error) if controller::error::is_not_found(&error) => {}
        Err(error) => return Err(ReconcileError::request("label the shoot")(error)),
    }
    context.failures.succeeded(&key(shoot.as_ref()));
    Ok(Action::await_change())
}

/// The worst of conditions and the last operation. Before its first operation a shoot is as healthy as can be.
fn health(shoot: &Shoot) -> Health {
    let Some(last) = &shoot.status.last_operation else {
        return Health::Healthy;
    };
    if last.type_ == LastOperationType::Create && last.state != LastOperationState::Succeeded {
        let failed = matches!(last.state, LastOperationState::Error | LastOperationState::Failed);
        return if failed || !shoot.status.last_errors.is_empty() {
            Health::Unhealthy
        } else {
            Health::Progressing
        };
    }
    let operation = match last.state {
        LastOperationState::Error | LastOperationState::Failed => Health::Unhealthy,
        _ if !shoot.status.last_errors.is_empty() => Health::Unhealthy,
        _ => Health::Healthy,
    };
    let conditions = shoot.status.conditions.iter().map(|condition| match condition.status {
        ConditionStatus::True => Health::Healthy,
        ConditionStatus::Progressing => Health::Progressing,
        ConditionStatus::False => Health::Unhealthy,
        ConditionStatus::Unknown | ConditionStatus::Other(_) => Health::Unknown,
    });
    conditions.fold(operation, Health::max)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(status: &Value, expected: &str) {
        let shoot: Shoot = serde_json::from_value(json!({ "status": status })).unwrap();
        assert_eq!(health(&shoot).as_str(), expected);
    }

    fn operation(type_: &str, state: &str) -> Value {
        json!({ "type": type_, "state": state, "progress": 40 })
    }

    fn condition(status: &str) -> Value {
        json!({ "type": "APIServerAvailable", "status": status })
    }

    #[test]
    fn the_worst_counts() {
        check(&json!({}), "healthy");
        check(
            &json!({ "lastOperation": operation("Create", "Processing"), "conditions": [condition("Unknown")] }),
            "progressing",
        );
        check(&json!({ "lastOperation": operation("Create", "Error") }), "unhealthy");
        let succeeded = operation("Create", "Succeeded");
        check(
            &json!({ "lastOperation": succeeded, "conditions": [condition("True"), condition("Progressing")] }),
            "progressing",
        );
        check(
            &json!({ "lastOperation": succeeded, "conditions": [condition("Unknown"), condition("Progressing")] }),
            "unknown",
        );
        check(
            &json!({ "lastOperation": succeeded, "conditions": [condition("False"), condition("Unknown")] }),
            "unhealthy",
        );
        check(
            &json!({ "lastOperation": operation("Reconcile", "Processing"), "conditions": [condition("True")] }),
            "healthy",
        );
        check(
            &json!({ "lastOperation": operation("Reconcile", "Failed"), "conditions": [condition("True")] }),
            "unhealthy",
        );
    }
}
