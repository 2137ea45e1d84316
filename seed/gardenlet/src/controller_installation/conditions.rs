//! What is told of an installation: its conditions, with Gardener's reasons. Pure.

use api::{
    constants,
    core::v1beta1::{Condition, ConditionStatus},
    resources::v1alpha1::ManagedResource,
};

use crate::care::CareFinding;

pub(super) const VALID: &str = constants::CONTROLLER_INSTALLATION_VALID;
pub(super) const INSTALLED: &str = constants::CONTROLLER_INSTALLATION_INSTALLED;
pub(super) const HEALTHY: &str = constants::CONTROLLER_INSTALLATION_HEALTHY;
pub(super) const PROGRESSING: &str = constants::CONTROLLER_INSTALLATION_PROGRESSING;
pub(super) const REQUIRED: &str = constants::CONTROLLER_INSTALLATION_REQUIRED;

/// A condition's type and what it says.
pub(super) type Told = (&'static str, CareFinding);

pub(super) fn told(type_: &'static str, holds: bool, reason: &'static str, message: impl Into<String>) -> Told {
    let status = if holds {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    let message = message.into();
    (
        type_,
        CareFinding {
            status,
            reason,
            message,
        },
    )
}

/// What the ManagedResource makes of the installation.
pub(super) fn of_resource(resource: Option<&ManagedResource>) -> Vec<Told> {
    let Some(resource) = resource else {
        return vec![told(
            INSTALLED,
            false,
            "InstallationPending",
            "There is no ManagedResource yet.",
        )];
    };
    if resource.status.observed_generation < resource.metadata.generation.unwrap_or_default() {
        let message = "resource-manager has not seen the newest version of the ManagedResource.";
        return vec![told(INSTALLED, false, "InstallationPending", message)];
    }
    [applied(resource), healthy(resource), progressing(resource)]
        .into_iter()
        .flatten()
        .collect()
}

fn condition<'a>(resource: &'a ManagedResource, type_: &str) -> Option<&'a Condition> {
    resource
        .status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}

fn applied(resource: &ManagedResource) -> Option<Told> {
    let message = "resource-manager has not applied the ManagedResource yet.";
    Some(match condition(resource, "ResourcesApplied") {
        None => told(INSTALLED, false, "InstallationPending", message),
        Some(applied) if applied.status == ConditionStatus::True => told(
            INSTALLED,
            true,
            "InstallationSuccessful",
            "The extension's objects are applied.",
        ),
        Some(applied) => told(INSTALLED, false, "InstallationFailed", applied.message.as_str()),
    })
}

fn healthy(resource: &ManagedResource) -> Option<Told> {
    let healthy = condition(resource, "ResourcesHealthy")?;
    Some(if healthy.status == ConditionStatus::True {
        told(HEALTHY, true, "ControllerHealthy", "The extension is healthy.")
    } else {
        told(HEALTHY, false, "ControllerNotHealthy", healthy.message.as_str())
    })
}

fn progressing(resource: &ManagedResource) -> Option<Told> {
    let progressing = condition(resource, "ResourcesProgressing")?;
    Some(if progressing.status == ConditionStatus::True {
        told(
            PROGRESSING,
            true,
            "ControllerNotRolledOut",
            progressing.message.as_str(),
        )
    } else {
        told(
            PROGRESSING,
            false,
            "ControllerRolledOut",
            "The extension is rolled out.",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(status: &Value, expected: &[&str]) {
        let resource = json!({ "metadata": { "generation": 2 }, "status": status });
        let found = of_resource(Some(&serde_json::from_value(resource).unwrap()));
        let texts: Vec<String> = found
            .iter()
            .map(|(type_, finding)| format!("{type_}={:?} {}", finding.status, finding.reason))
            .collect();
        assert_eq!(texts, expected);
    }

    fn condition(type_: &str, status: &str) -> Value {
        json!({ "type": type_, "status": status, "message": "why" })
    }

    #[test]
    fn an_installation_is_what_its_managed_resource_is() {
        check(
            &json!({ "observedGeneration": 1 }),
            &["Installed=False InstallationPending"],
        );
        check(
            &json!({ "observedGeneration": 2 }),
            &["Installed=False InstallationPending"],
        );
        let failed = json!([condition("ResourcesApplied", "False")]);
        check(
            &json!({ "observedGeneration": 2, "conditions": failed }),
            &["Installed=False InstallationFailed"],
        );
        let rolling = json!([
            condition("ResourcesApplied", "True"),
            condition("ResourcesHealthy", "False"),
            condition("ResourcesProgressing", "True"),
        ]);
        check(
            &json!({ "observedGeneration": 2, "conditions": rolling }),
            &[
                "Installed=True InstallationSuccessful",
                "Healthy=False ControllerNotHealthy",
                "Progressing=True ControllerNotRolledOut",
            ],
        );
        let good = json!([
            condition("ResourcesApplied", "True"),
            condition("ResourcesHealthy", "True"),
            condition("ResourcesProgressing", "False"),
        ]);
        check(
            &json!({ "observedGeneration": 2, "conditions": good }),
            &[
                "Installed=True InstallationSuccessful",
                "Healthy=True ControllerHealthy",
                "Progressing=False ControllerRolledOut",
            ],
        );
        assert_eq!(of_resource(None)[0].1.reason, "InstallationPending");
    }
}
