//! Whether the machines of a MachineDeployment are there. Pure.

use api::{
    core::v1beta1::ErrorCode,
    machine::v1alpha1::{MachineDeployment, MachineOperationType, MachineSummary},
};
use controller::wait::Progress;
use jiff::Timestamp;

use crate::machine::{DriverErrorCode, describe, newest_set_name};

/// From when on failures count, in seconds: what failed before may have been corrected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since(i64);

impl Since {
    /// From `now` on. Times in statuses have no fractions: what failed in the second that has begun may have failed before.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(now.as_second() + i64::from(now.subsec_nanosecond() > 0))
    }

    fn includes(self, summary: &MachineSummary) -> bool {
        let time = summary.last_operation.last_update_time.as_ref();
        time.is_some_and(|time| time.0.as_second() >= self.0)
    }
}

/// Whether all wished machines are of the newest class and available, and no other is left.
pub(crate) fn deployment_progress(deployment: Option<&MachineDeployment>, since: Since) -> Progress {
    let Some(deployment) = deployment else {
        return Progress::Waiting("it does not exist".to_owned());
    };
    let (spec, status) = (&deployment.spec, &deployment.status);
    if status.observed_generation < deployment.metadata.generation.unwrap_or_default() {
        return Progress::Waiting("the machine controller has not seen the newest version".to_owned());
    }
    if let Some(failure) = final_failure(deployment, since) {
        return Progress::Failed(describe(failure));
    }
    let wished = spec.replicas;
    if status.available_replicas >= wished && status.updated_replicas >= wished && status.replicas <= wished {
        return Progress::Done;
    }
    let failure = failures(deployment, since)
        .next()
        .map(|failure| format!("; {}", describe(failure)));
    Progress::Waiting(format!(
        "{} of {wished} machines are available, {} are up to date, {} are there{}",
        status.available_replicas,
        status.updated_replicas,
        status.replicas,
        failure.unwrap_or_default()
    ))
}

/// Failures of the newest set since then, the newest first. What machines of another class could not is past: they go.
fn failures(deployment: &MachineDeployment, since: Since) -> impl Iterator<Item = &MachineSummary> {
    let newest = newest_set_name(deployment);
    let counts = move |summary: &&MachineSummary| summary.owner_ref == newest && since.includes(summary);
    deployment.status.failed_machines.iter().rev().filter(counts)
}

/// A machine that could not be made, or did not join, though the cloud answered: somebody has to know.
fn final_failure(deployment: &MachineDeployment, since: Since) -> Option<&MachineSummary> {
    let is_final = |summary: &&MachineSummary| {
        let last = &summary.last_operation;
        let code = DriverErrorCode::parse(&last.error_code);
        last.type_ == MachineOperationType::Create
            && (last.error_code.is_empty() || code.and_then(DriverErrorCode::cause).is_some())
    };
    failures(deployment, since).find(is_final)
}

/// What the failure that is told means to the shoot's owner.
pub(crate) fn cause(deployment: &MachineDeployment, since: Since) -> Option<ErrorCode> {
    let told = final_failure(deployment, since).or_else(|| failures(deployment, since).next())?;
    DriverErrorCode::parse(&told.last_operation.error_code)?.cause()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Failures count from second 10 on.
    fn since() -> Since {
        Since::at(Timestamp::from_second(10).unwrap())
    }

    fn deployment(status: &Value) -> MachineDeployment {
        serde_json::from_value(json!({
            "metadata": { "name": "d", "generation": 2 }, "spec": { "replicas": 2 }, "status": status,
        }))
        .unwrap()
    }

    /// A status with one failure of a machine of this set.
    fn failed(set: &str, second: i64, type_: &str, code: &str) -> Value {
        let time = Timestamp::from_second(second).unwrap();
        let last = json!({
            "type": type_, "state": "Failed", "errorCode": code, "description": "oh", "lastUpdateTime": time,
        });
        json!({ "observedGeneration": 2, "failedMachines": [{ "name": "m", "ownerRef": set, "lastOperation": last }] })
    }

    #[track_caller]
    fn check(status: &Value, expected: &str) {
        let text = match deployment_progress(Some(&deployment(status)), since()) {
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
        let newest = newest_set_name(&deployment(&json!({})));
        let failed = |type_: &str, code: &str| failed(&newest, 10, type_, code);
        check(&failed("Create", "QuotaExceeded"), "failed: machine m failed: oh");
        check(&failed("Create", ""), "failed: machine m failed: oh");
        let waiting = "0 of 2 machines are available, 0 are up to date, 0 are there; machine m failed: oh";
        check(&failed("Create", "Unavailable"), waiting);
        check(&failed("HealthCheck", ""), waiting);
    }

    #[test]
    fn what_is_past_does_not_count() {
        let newest = newest_set_name(&deployment(&json!({})));
        let waiting = "0 of 2 machines are available, 0 are up to date, 0 are there";
        for status in [
            failed(&newest, 9, "Create", "InvalidArgument"),
            failed("d-other", 11, "Create", "InvalidArgument"),
            failed("d-other", 11, "Create", "Unavailable"),
        ] {
            check(&status, waiting);
            assert_eq!(cause(&deployment(&status), since()), None);
        }
        let present = failed(&newest, 10, "Create", "Unauthenticated");
        assert_eq!(
            cause(&deployment(&present), since()),
            Some(ErrorCode::InfraUnauthenticated)
        );
    }

    #[test]
    fn a_second_that_has_begun_is_past() {
        let newest = newest_set_name(&deployment(&json!({})));
        let begun = Since::at(Timestamp::from_millisecond(10_001).unwrap());
        let at = |second| deployment(&failed(&newest, second, "Create", "QuotaExceeded"));
        assert_eq!(cause(&at(10), begun), None);
        assert_eq!(cause(&at(11), begun), Some(ErrorCode::InfraQuotaExceeded));
    }
}
