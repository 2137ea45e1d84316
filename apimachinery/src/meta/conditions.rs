//! Lists of `metav1.Condition`.

use super::{Condition, Time};

/// The condition of a type.
pub fn find_condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of a type is `True`.
pub fn is_condition_true(conditions: &[Condition], type_: &str) -> bool {
    find_condition(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// Sets a condition. Its transition time is `now` if its status is new, else what it was. Whether anything changed.
pub fn set_condition(conditions: &mut Vec<Condition>, mut condition: Condition, now: &Time) -> bool {
    let Some(present) = conditions.iter_mut().find(|present| present.type_ == condition.type_) else {
        condition.last_transition_time = now.clone();
        conditions.push(condition);
        return true;
    };
    condition.last_transition_time = if present.status == condition.status {
        present.last_transition_time.clone()
    } else {
        now.clone()
    };
    let changed = *present != condition;
    *present = condition;
    changed
}

/// Removes the condition of a type. Whether it was there.
pub fn remove_condition(conditions: &mut Vec<Condition>, type_: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| condition.type_ != type_);
    conditions.len() != before
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn ready(status: &str, message: &str) -> Condition {
        Condition {
            type_: "Ready".to_owned(),
            status: status.to_owned(),
            message: message.to_owned(),
            reason: "R".to_owned(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        }
    }

    #[test]
    fn transition_time_follows_the_status() {
        let time = |seconds| Time(Timestamp::from_second(seconds).expect("in range"));
        let mut conditions = Vec::new();
        for (condition, now, changed, transition) in [
            (ready("False", "a"), 1, true, 1),
            (ready("False", "a"), 2, false, 1),
            (ready("False", "b"), 3, true, 1),
            (ready("True", "b"), 4, true, 4),
        ] {
            assert_eq!(set_condition(&mut conditions, condition, &time(now)), changed);
            assert_eq!(
                find_condition(&conditions, "Ready").map(|c| c.last_transition_time.clone()),
                Some(time(transition))
            );
        }
        assert!(is_condition_true(&conditions, "Ready"));
        assert!(remove_condition(&mut conditions, "Ready"));
        assert!(!is_condition_true(&conditions, "Ready"));
    }
}
