//! Conditions of Kubernetes (`meta/v1 Condition`): set by type, transition time kept while the status stays.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// What a condition shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCondition<'a> {
    /// Its type, for example `Ready`.
    pub type_: &'a str,
    /// Whether it holds.
    pub status: bool,
    /// One word in camel case.
    pub reason: &'a str,
    /// For people.
    pub message: &'a str,
}

/// Sets the condition in the list; `true` if anything but times changed.
pub fn set(
    conditions: &mut Vec<Condition>,
    new: &NewCondition<'_>,
    observed_generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let status = if new.status { "True" } else { "False" };
    let wished = Condition {
        type_: new.type_.to_owned(),
        status: status.to_owned(),
        reason: new.reason.to_owned(),
        message: new.message.to_owned(),
        observed_generation,
        last_transition_time: Time(now),
    };
    match conditions.iter_mut().find(|condition| condition.type_ == new.type_) {
        None => {
            conditions.push(wished);
            true
        }
        Some(present) => {
            let since = if present.status == status {
                present.last_transition_time.clone()
            } else {
                Time(now)
            };
            let wished = Condition {
                last_transition_time: since,
                ..wished
            };
            let changed = *present != wished;
            *present = wished;
            changed
        }
    }
}

/// Whether the list has the condition, and it holds.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    conditions
        .iter()
        .any(|condition| condition.type_ == type_ && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: NewCondition<'_> = NewCondition {
        type_: "Ready",
        status: true,
        reason: "Running",
        message: "",
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        assert!(set(&mut conditions, &READY, Some(1), at(1)));
        assert!(!set(&mut conditions, &READY, Some(1), at(2)));
        assert!(set(
            &mut conditions,
            &NewCondition {
                reason: "Other",
                ..READY
            },
            Some(1),
            at(3)
        ));
        assert_eq!(conditions[0].last_transition_time, Time(at(1)));
        assert!(is_true(&conditions, "Ready"));
        assert!(set(
            &mut conditions,
            &NewCondition { status: false, ..READY },
            Some(2),
            at(4)
        ));
        assert_eq!(conditions[0].last_transition_time, Time(at(4)));
        assert!(!is_true(&conditions, "Ready"));
        assert_eq!(conditions.len(), 1);
    }
}
