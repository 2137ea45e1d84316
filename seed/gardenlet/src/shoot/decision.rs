//! What is to be done with a Shoot now. Pure: it looks at the object, the seed's name and the time.

use std::time::Duration;

use api::{
    constants::{FINALIZER_GARDENER, SHOOT_IGNORE},
    core::v1beta1::{LastOperationState, LastOperationType, Shoot},
};
use jiff::Timestamp;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Nothing, and nothing later: the reason.
    Leave(&'static str),
    /// Nothing until this time has passed.
    WaitFor(Duration),
    /// Make it as wished.
    Reconcile(LastOperationType),
    /// Remove it.
    Delete,
}

/// Decides. `generation` rules: a wish that was tried and failed for good is not tried again until it changes.
pub(crate) fn decide(shoot: &Shoot, seed_name: &str, sync_period: Duration, now: Timestamp) -> Decision {
    if shoot.spec.seed_name.as_deref() != Some(seed_name) {
        return Decision::Leave("it is not bound to this seed");
    }
    if shoot.status.seed_name.as_deref().is_some_and(|name| name != seed_name) {
        return Decision::Leave("its control plane is on another seed");
    }
    let annotations = shoot.metadata.annotations.as_ref();
    if annotations
        .and_then(|annotations| annotations.get(SHOOT_IGNORE))
        .is_some_and(|value| value == "true")
    {
        return Decision::Leave("it is to be ignored");
    }
    let last = shoot.status.last_operation.as_ref();
    let seen = shoot.metadata.generation == Some(shoot.status.observed_generation);
    let failed = seen && last.is_some_and(|last| last.state == LastOperationState::Failed);
    if shoot.metadata.deletion_timestamp.is_some() {
        let ours = shoot
            .metadata
            .finalizers
            .iter()
            .flatten()
            .any(|name| name == FINALIZER_GARDENER);
        let deletion_failed = failed && last.is_some_and(|last| last.type_ == LastOperationType::Delete);
        return match (ours, deletion_failed) {
            (false, _) => Decision::Leave("it is deleted, and nothing of it is left here"),
            (true, true) => Decision::Leave("its deletion has failed; ask for a retry"),
            (true, false) => Decision::Delete,
        };
    }
    if failed {
        return Decision::Leave("it has failed; change it, or ask for a retry");
    }
    let Some(last) = last else {
        return Decision::Reconcile(LastOperationType::Create);
    };
    let succeeded = last.state == LastOperationState::Succeeded;
    if last.type_ == LastOperationType::Create && !succeeded {
        return Decision::Reconcile(LastOperationType::Create);
    }
    if !succeeded || !seen {
        return Decision::Reconcile(LastOperationType::Reconcile);
    }
    let ended = last
        .last_update_time
        .as_ref()
        .map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let since = Duration::try_from(now.duration_since(ended)).unwrap_or_default();
    match sync_period.checked_sub(since) {
        Some(left) if !left.is_zero() => Decision::WaitFor(left),
        _ => Decision::Reconcile(LastOperationType::Reconcile),
    }
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::LastOperation;
    use apimachinery::meta::Time;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().unwrap()
    }

    /// Bound to `local`, reconciled a minute ago.
    fn healthy() -> Shoot {
        let mut shoot = Shoot::default();
        shoot.metadata.generation = Some(3);
        shoot.metadata.finalizers = Some(vec!["gardener".to_owned()]);
        shoot.spec.seed_name = Some("local".to_owned());
        shoot.status.seed_name = Some("local".to_owned());
        shoot.status.observed_generation = 3;
        shoot.status.last_operation = Some(LastOperation {
            state: LastOperationState::Succeeded,
            type_: LastOperationType::Create,
            last_update_time: Some(Time("2026-01-01T11:59:00Z".parse().unwrap())),
            ..LastOperation::default()
        });
        shoot
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Shoot), expected: &Decision) {
        let mut shoot = healthy();
        change(&mut shoot);
        assert_eq!(decide(&shoot, "local", HOUR, now()), *expected);
    }

    fn last(shoot: &mut Shoot, type_: LastOperationType, state: LastOperationState) {
        let last = shoot.status.last_operation.as_mut().unwrap();
        (last.type_, last.state) = (type_, state);
    }

    fn delete(shoot: &mut Shoot) {
        shoot.metadata.deletion_timestamp = Some(Time(now()));
    }

    #[test]
    fn a_healthy_shoot_is_left_alone_until_it_is_due() {
        check(|_| (), &Decision::WaitFor(Duration::from_secs(3540)));
        let reconcile = Decision::Reconcile(LastOperationType::Reconcile);
        check(
            |shoot| shoot.status.last_operation.as_mut().unwrap().last_update_time = None,
            &reconcile,
        );
        check(|shoot| shoot.metadata.generation = Some(4), &reconcile);
    }

    #[test]
    fn an_unfinished_operation_goes_on_after_a_restart() {
        use LastOperationState::{Aborted, Error, Pending, Processing};
        for state in [Processing, Error, Pending, Aborted] {
            let create = Decision::Reconcile(LastOperationType::Create);
            check(|shoot| last(shoot, LastOperationType::Create, state.clone()), &create);
            let reconcile = Decision::Reconcile(LastOperationType::Reconcile);
            check(|shoot| last(shoot, LastOperationType::Reconcile, state), &reconcile);
        }
        check(
            |shoot| shoot.status.last_operation = None,
            &Decision::Reconcile(LastOperationType::Create),
        );
    }

    #[test]
    fn what_has_failed_is_not_tried_again_until_it_changes() {
        let fail = |shoot: &mut Shoot| last(shoot, LastOperationType::Create, LastOperationState::Failed);
        check(fail, &Decision::Leave("it has failed; change it, or ask for a retry"));
        let changed = |shoot: &mut Shoot| {
            fail(shoot);
            shoot.metadata.generation = Some(4);
        };
        check(changed, &Decision::Reconcile(LastOperationType::Create));
        let deleted = |shoot: &mut Shoot| {
            fail(shoot);
            delete(shoot);
        };
        check(deleted, &Decision::Delete);
    }

    #[test]
    fn a_deleted_shoot_is_deleted_unless_nothing_is_left_or_it_failed() {
        check(delete, &Decision::Delete);
        let released = |shoot: &mut Shoot| {
            delete(shoot);
            shoot.metadata.finalizers = None;
        };
        check(
            released,
            &Decision::Leave("it is deleted, and nothing of it is left here"),
        );
        let failed = |shoot: &mut Shoot| {
            delete(shoot);
            last(shoot, LastOperationType::Delete, LastOperationState::Failed);
        };
        check(failed, &Decision::Leave("its deletion has failed; ask for a retry"));
    }

    #[test]
    fn other_seeds_shoots_are_theirs() {
        check(
            |shoot| shoot.spec.seed_name = None,
            &Decision::Leave("it is not bound to this seed"),
        );
        let moved = |shoot: &mut Shoot| shoot.status.seed_name = Some("other".to_owned());
        check(moved, &Decision::Leave("its control plane is on another seed"));
        let ignored = |shoot: &mut Shoot| {
            shoot.metadata.annotations = Some([("shoot.gardener.cloud/ignore".to_owned(), "true".to_owned())].into());
        };
        check(ignored, &Decision::Leave("it is to be ignored"));
    }
}
