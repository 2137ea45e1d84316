//! What is written: conditions with their times. Pure.

use api::{
    constants,
    core::v1beta1::{Condition, ConditionStatus, LastOperationState, LastOperationType, ShootStatus},
};
use apimachinery::meta::Time;
use jiff::Timestamp;

use super::checks::Finding;

/// The findings of one look.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Findings {
    pub(crate) api_server: Finding,
    pub(crate) control_plane: Finding,
    /// Absent in a shoot without machines.
    pub(crate) every_node: Option<Finding>,
    pub(crate) system_components: Finding,
}

impl Findings {
    /// True when there is nothing to complain of.
    pub(crate) fn are_healthy(&self) -> bool {
        let all = [&self.api_server, &self.control_plane, &self.system_components];
        let mut all = all.into_iter().chain(&self.every_node);
        all.all(|finding| finding.status == ConditionStatus::True)
    }
}

/// Writes the findings; what says the same as before keeps its times.
pub(crate) fn write(status: &mut ShootStatus, findings: &Findings, now: Timestamp) {
    let creating = is_being_created(status);
    let Findings {
        api_server,
        control_plane,
        every_node,
        system_components,
    } = findings;
    let all = [
        (constants::SHOOT_API_SERVER_AVAILABLE, Some(api_server)),
        (constants::SHOOT_CONTROL_PLANE_HEALTHY, Some(control_plane)),
        (constants::SHOOT_EVERY_NODE_READY, every_node.as_ref()),
        (constants::SHOOT_SYSTEM_COMPONENTS_HEALTHY, Some(system_components)),
    ];
    for (type_, finding) in all {
        let Some(finding) = finding else { continue };
        let mut finding = finding.clone();
        if creating && finding.status == ConditionStatus::False {
            // What was never healthy is not ill: it is on its way.
            finding.status = ConditionStatus::Progressing;
        }
        set(&mut status.conditions, type_, finding, now);
    }
}

/// Sets one condition of a list.
pub(crate) fn set(conditions: &mut Vec<Condition>, type_: &str, finding: Finding, now: Timestamp) {
    let now = Some(Time(now));
    let Finding {
        status,
        reason,
        message,
    } = finding;
    match conditions.iter_mut().find(|condition| condition.type_ == type_) {
        None => conditions.push(Condition {
            type_: type_.to_owned(),
            status,
            reason: reason.to_owned(),
            message,
            last_transition_time: now.clone(),
            last_update_time: now,
            ..Condition::default()
        }),
        Some(present) => {
            let moved = present.status != status;
            if !moved && present.reason == reason && present.message == message {
                return;
            }
            if moved {
                present.last_transition_time.clone_from(&now);
            }
            (present.status, present.reason, present.message) = (status, reason.to_owned(), message);
            present.last_update_time = now;
        }
    }
}

fn is_being_created(status: &ShootStatus) -> bool {
    status
        .last_operation
        .as_ref()
        .is_none_or(|last| last.type_ == LastOperationType::Create && last.state != LastOperationState::Succeeded)
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::LastOperation;

    use super::*;

    fn finding(status: ConditionStatus) -> Finding {
        Finding {
            status,
            reason: "Reason",
            message: "message".to_owned(),
        }
    }

    fn findings(status: &ConditionStatus) -> Findings {
        let finding = || finding(status.clone());
        Findings {
            api_server: finding(),
            control_plane: finding(),
            every_node: None,
            system_components: finding(),
        }
    }

    fn status(type_: LastOperationType, state: LastOperationState) -> ShootStatus {
        ShootStatus {
            last_operation: Some(LastOperation {
                type_,
                state,
                ..LastOperation::default()
            }),
            ..ShootStatus::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_says_the_same_keeps_its_times() {
        let mut status = status(LastOperationType::Create, LastOperationState::Succeeded);
        write(&mut status, &findings(&ConditionStatus::True), at(1));
        let before = status.clone();
        write(&mut status, &findings(&ConditionStatus::True), at(2));
        assert_eq!(status, before);
        write(&mut status, &findings(&ConditionStatus::False), at(3));
        assert_eq!(status.conditions[0].last_transition_time, Some(Time(at(3))));
        assert_eq!(status.conditions.len(), 3);
    }

    #[test]
    fn nodes_are_told_of_only_where_there_are_any() {
        let mut status = status(LastOperationType::Create, LastOperationState::Succeeded);
        let mut findings = findings(&ConditionStatus::True);
        findings.every_node = Some(finding(ConditionStatus::False));
        assert!(!findings.are_healthy());
        write(&mut status, &findings, at(1));
        let types: Vec<&str> = status
            .conditions
            .iter()
            .map(|condition| condition.type_.as_str())
            .collect();
        let expected = [
            "APIServerAvailable",
            "ControlPlaneHealthy",
            "EveryNodeReady",
            "SystemComponentsHealthy",
        ];
        assert_eq!(types, expected);
    }

    #[test]
    fn a_shoot_in_creation_is_on_its_way_and_not_ill() {
        let mut creating = status(LastOperationType::Create, LastOperationState::Processing);
        write(&mut creating, &findings(&ConditionStatus::False), at(1));
        assert_eq!(creating.conditions[0].status, ConditionStatus::Progressing);
        let mut made = status(LastOperationType::Reconcile, LastOperationState::Processing);
        write(&mut made, &findings(&ConditionStatus::False), at(1));
        assert_eq!(made.conditions[0].status, ConditionStatus::False);
    }
}
