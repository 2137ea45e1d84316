//! Judges a shoot from what was observed: three conditions and the label that sums them up. Pure.

use api::core::v1beta1::{Condition, ConditionStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A shoot as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Why its API server is not ready; nothing when it is.
    pub(crate) api_server: Option<String>,
    /// What is wrong with its control plane in the seed.
    pub(crate) control_plane: Vec<String>,
    /// What is wrong with what runs inside of it for the cluster itself.
    pub(crate) system_components: Vec<String>,
}

/// One judgement.
struct Verdict<'a> {
    kind: &'a str,
    status: ConditionStatus,
    reason: &'a str,
    message: String,
}

/// The conditions after `observed`; those of other types stay as they are.
pub(crate) fn conditions(old: &[Condition], observed: &Observed, now: Timestamp) -> Vec<Condition> {
    let verdicts = [
        api_server(observed),
        control_plane(observed),
        system_components(observed),
    ];
    let mut conditions = old.to_vec();
    for verdict in verdicts {
        let condition = condition(old, verdict, now);
        match conditions.iter_mut().find(|known| known.type_ == condition.type_) {
            Some(known) => *known = condition,
            None => conditions.push(condition),
        }
    }
    conditions
}

fn api_server(observed: &Observed) -> Verdict<'_> {
    let kind = "APIServerAvailable";
    match &observed.api_server {
        None => Verdict {
            kind,
            status: ConditionStatus::True,
            reason: "HealthzRequestSucceeded",
            message: "API server /readyz endpoint responded with success status code.".to_owned(),
        },
        Some(why) => Verdict {
            kind,
            status: ConditionStatus::False,
            reason: "HealthzRequestFailed",
            message: why.clone(),
        },
    }
}

fn control_plane(observed: &Observed) -> Verdict<'_> {
    let kind = "ControlPlaneHealthy";
    if observed.control_plane.is_empty() {
        let message = "All control plane components are healthy.".to_owned();
        return Verdict {
            kind,
            status: ConditionStatus::True,
            reason: "ControlPlaneRunning",
            message,
        };
    }
    let message = observed.control_plane.join("; ");
    Verdict {
        kind,
        status: ConditionStatus::False,
        reason: "ControlPlaneUnhealthy",
        message,
    }
}

fn system_components(observed: &Observed) -> Verdict<'_> {
    let kind = "SystemComponentsHealthy";
    if observed.api_server.is_some() {
        let message = "The API server does not answer, so its system components can't be judged.".to_owned();
        return Verdict {
            kind,
            status: ConditionStatus::Unknown,
            reason: "ConditionCheckError",
            message,
        };
    }
    if observed.system_components.is_empty() {
        let message = "All system components are healthy.".to_owned();
        return Verdict {
            kind,
            status: ConditionStatus::True,
            reason: "SystemComponentsRunning",
            message,
        };
    }
    let message = observed.system_components.join("; ");
    Verdict {
        kind,
        status: ConditionStatus::False,
        reason: "SystemComponentsUnhealthy",
        message,
    }
}

fn condition(old: &[Condition], verdict: Verdict<'_>, now: Timestamp) -> Condition {
    let before = old.iter().find(|condition| condition.type_ == verdict.kind);
    let same = before.filter(|condition| condition.status == verdict.status);
    let unchanged = same.filter(|condition| condition.reason == verdict.reason && condition.message == verdict.message);
    Condition {
        type_: verdict.kind.to_owned(),
        last_transition_time: same.map_or(Some(Time(now)), |condition| condition.last_transition_time.clone()),
        last_update_time: unchanged.map_or(Some(Time(now)), |condition| condition.last_update_time.clone()),
        status: verdict.status,
        reason: verdict.reason.to_owned(),
        message: verdict.message,
        codes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(observed: &Observed, expected: [(&str, &str); 3]) {
        let conditions = conditions(&[], observed, Timestamp::UNIX_EPOCH);
        let found: Vec<(&str, &str)> = conditions
            .iter()
            .map(|condition| (condition.type_.as_str(), condition.status.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn all_is_well() {
        check(
            &Observed::default(),
            [
                ("APIServerAvailable", "True"),
                ("ControlPlaneHealthy", "True"),
                ("SystemComponentsHealthy", "True"),
            ],
        );
    }

    #[test]
    fn a_dead_api_server_says_nothing_of_what_runs_inside() {
        let observed = Observed {
            api_server: Some("connection refused".to_owned()),
            control_plane: vec!["Deployment kube-apiserver has 0 of 1 replicas available".to_owned()],
            ..Observed::default()
        };
        check(
            &observed,
            [
                ("APIServerAvailable", "False"),
                ("ControlPlaneHealthy", "False"),
                ("SystemComponentsHealthy", "Unknown"),
            ],
        );
    }

    #[test]
    fn times_move_only_with_what_they_tell_of() {
        let before = conditions(&[], &Observed::default(), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(60).unwrap();
        assert_eq!(conditions(&before, &Observed::default(), later), before);
        let broken = Observed {
            control_plane: vec!["x".to_owned()],
            ..Observed::default()
        };
        let after = conditions(&before, &broken, later);
        assert_eq!(after[0], before[0]);
        assert_eq!(after[1].last_transition_time.as_ref().unwrap().0, later);
    }

    #[test]
    fn conditions_of_others_stay() {
        let other = Condition {
            type_: "HibernationPossible".to_owned(),
            ..Condition::default()
        };
        let all = conditions(
            std::slice::from_ref(&other),
            &Observed::default(),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!((all.len(), &all[0]), (4, &other));
    }
}
