//! Whether the machines of a MachineDeployment are there. Pure.

use api::{
    core::v1beta1::ErrorCode,
    machine::v1alpha1::{MachineDeployment, MachineOperationType, MachineSummary},
};
use controller::wait::Progress;

use crate::machine::{DriverErrorCode, describe};

/// Whether all wished machines are of the newest class and available, and no other is left.
pub(crate) fn deployment_progress(deployment: Option<&MachineDeployment>) -> Progress {
    let Some(deployment) = deployment else {
        return Progress::Waiting("it does not exist".to_owned());
    };
    let (spec, status) = (&deployment.spec, &deployment.status);
    if status.observed_generation < deployment.metadata.generation.unwrap_or_default() {
        return Progress::Waiting("the machine controller has not seen the newest version".to_owned());
    }
    if let Some(failure) = final_failure(deployment) {
        return Progress::Failed(describe(failure));
    }
    let wished = spec.replicas;
    if status.available_replicas >= wished && status.updated_replicas >= wished && status.replicas <= wished {
        return Progress::Done;
    }
    let failure = status
        .failed_machines
        .last()
        .map(|failure| format!("; {}", describe(failure)));
    Progress::Waiting(format!(
        "{} of {wished} machines are available, {} are up to date, {} are there{}",
        status.available_replicas,
        status.updated_replicas,
        status.replicas,
        failure.unwrap_or_default()
    ))
}

/// A machine that could not be made, or did not join, though the cloud answered: somebody has to know.
pub(crate) fn final_failure(deployment: &MachineDeployment) -> Option<&MachineSummary> {
    let is_final = |summary: &&MachineSummary| {
        let last = &summary.last_operation;
        let code = DriverErrorCode::parse(&last.error_code);
        last.type_ == MachineOperationType::Create
            && (last.error_code.is_empty() || code.and_then(DriverErrorCode::cause).is_some())
    };
    deployment.status.failed_machines.iter().rev().find(is_final)
}

/// What the failure means to the shoot's owner.
pub(crate) fn cause(summary: &MachineSummary) -> Option<ErrorCode> {
    DriverErrorCode::parse(&summary.last_operation.error_code)?.cause()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(status: &Value, expected: &str) {
        let deployment: MachineDeployment = serde_json::from_value(json!({
            "metadata": { "generation": 2 }, "spec": { "replicas": 2 }, "status": status,
        }))
        .unwrap();
        let text = match deployment_progress(Some(&deployment)) {
            Progress::Done => "done".to_owned(),
            Progress::Waiting(text) => text,
            Progress::Failed(text) => format!("failed: {text}"),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn machines_are_there_when_all_are_new_and_available() {
        check(
            &json!({ "observedGeneration": 1 }),
            "the machine controller has not seen the newest version",
        );
        let counts = |replicas, updated, available| json!({ "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available });
        check(&counts(2, 2, 2), "done");
        check(
            &counts(3, 2, 2),
            "2 of 2 machines are available, 2 are up to date, 3 are there",
        );
        check(
            &counts(2, 1, 2),
            "2 of 2 machines are available, 1 are up to date, 2 are there",
        );
    }

    #[test]
    fn only_what_waiting_does_not_help_against_ends_the_wait() {
        let failed = |type_: &str, code: &str| {
            let last = json!({ "type": type_, "state": "Failed", "errorCode": code, "description": "oh" });
            json!({ "observedGeneration": 2, "failedMachines": [{ "name": "m", "lastOperation": last }] })
        };
        check(&failed("Create", "QuotaExceeded"), "failed: machine m failed: oh");
        check(&failed("Create", ""), "failed: machine m failed: oh");
        let waiting = "0 of 2 machines are available, 0 are up to date, 0 are there; machine m failed: oh";
        check(&failed("Create", "Unavailable"), waiting);
        check(&failed("HealthCheck", ""), waiting);
    }
}
