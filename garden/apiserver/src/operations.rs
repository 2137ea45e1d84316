//! The annotation `gardener.cloud/operation`: users ask for an operation, the API server turns it into a generation.
//!
//! In: the object before and after a change. Out: whether its generation goes up; what is done with is taken out of the
//! annotation, so that a controller only ever sees the new generation. Absent: what an operation does.

use std::collections::BTreeMap;

use api::constants;
use api::core::v1beta1::{LastOperationState, Shoot};
use apimachinery::meta::ObjectMeta;

const RECONCILE: &str = constants::OPERATION_RECONCILE;
const RETRY: &str = constants::OPERATION_RETRY;
/// The same as `reconcile`, but the operation stays: gardenlet acts on it and takes it away.
const STAYING_PREFIXES: [&str; 2] = ["rotate-", "rollout-workers="];

/// True when the object is being deleted now and was not before.
pub(crate) fn deletion_begins(new: &ObjectMeta, old: &ObjectMeta) -> bool {
    new.deletion_timestamp.is_some() && old.deletion_timestamp.is_none()
}

/// Takes `operation` out of the annotation; true if it was there.
pub(crate) fn take(metadata: &mut ObjectMeta, operation: &str) -> bool {
    let operations = list(metadata);
    let kept: Vec<&str> = operations
        .iter()
        .map(String::as_str)
        .filter(|other| *other != operation)
        .collect();
    let taken = kept.len() < operations.len();
    if taken {
        let text = kept.join(constants::GARDENER_OPERATIONS_SEPARATOR);
        set(metadata, (!text.is_empty()).then_some(text));
    }
    taken
}

/// The operations asked for, each once, in their order.
pub(crate) fn list(metadata: &ObjectMeta) -> Vec<String> {
    let text = annotation(metadata, constants::GARDENER_OPERATION).unwrap_or_default();
    let mut operations: Vec<String> = Vec::new();
    for operation in text.split(constants::GARDENER_OPERATIONS_SEPARATOR).map(str::trim) {
        if !operation.is_empty() && !operations.iter().any(|known| known == operation) {
            operations.push(operation.to_owned());
        }
    }
    operations
}

/// True if a Shoot's change or annotation makes a new generation. Consumes what needs no more than that.
pub(crate) fn shoot_needs_generation(new: &mut Shoot, old: &Shoot) -> bool {
    let spec = spec_change_rolls_out(new, old);
    let deleted = deletion_begins(&new.metadata, &old.metadata);
    let forced = is_true(&new.metadata, constants::CONFIRMATION_FORCE_DELETION)
        && !is_true(&old.metadata, constants::CONFIRMATION_FORCE_DELETION);
    let operation = shoot_operation(new, old);
    spec || deleted || forced || operation
}

/// A spec change counts, unless its rollout is confined to the maintenance window: then only hibernation does.
fn spec_change_rolls_out(new: &Shoot, old: &Shoot) -> bool {
    if new.spec == old.spec {
        return false;
    }
    let confined = new
        .spec
        .maintenance
        .as_ref()
        .and_then(|maintenance| maintenance.confine_spec_update_rollout);
    confined != Some(true) || hibernated(new) != hibernated(old)
}

fn hibernated(shoot: &Shoot) -> bool {
    shoot
        .spec
        .hibernation
        .as_ref()
        .and_then(|hibernation| hibernation.enabled)
        .unwrap_or(false)
}

fn shoot_operation(new: &mut Shoot, old: &Shoot) -> bool {
    let Some(last) = &old.status.last_operation else {
        return false;
    };
    if last.state == LastOperationState::Failed {
        return take(&mut new.metadata, RETRY);
    }
    let reconcile = take(&mut new.metadata, RECONCILE);
    let before = list(&old.metadata);
    let staying = list(&new.metadata).into_iter().any(|operation| {
        !before.contains(&operation) && STAYING_PREFIXES.iter().any(|prefix| operation.starts_with(prefix))
    });
    reconcile || staying
}

/// An annotation's value.
pub(crate) fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// True if an annotation says so.
pub(crate) fn is_true(metadata: &ObjectMeta, key: &str) -> bool {
    annotation(metadata, key).is_some_and(|value| matches!(value, "true" | "True" | "TRUE" | "1" | "t" | "T"))
}

fn set(metadata: &mut ObjectMeta, operations: Option<String>) {
    let annotations = metadata.annotations.get_or_insert_with(BTreeMap::new);
    match operations {
        Some(text) => drop(annotations.insert(constants::GARDENER_OPERATION.to_owned(), text)),
        None => drop(annotations.remove(constants::GARDENER_OPERATION)),
    }
    if annotations.is_empty() {
        metadata.annotations = None;
    }
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::LastOperation;

    use super::*;

    fn shoot(operations: &str, state: Option<LastOperationState>) -> Shoot {
        let mut shoot = Shoot::default();
        shoot.metadata.annotations = Some(BTreeMap::from([(
            constants::GARDENER_OPERATION.to_owned(),
            operations.to_owned(),
        )]));
        shoot.status.last_operation = state.map(|state| LastOperation {
            state,
            ..LastOperation::default()
        });
        shoot
    }

    /// What stays of `operations`, and whether the generation goes up.
    #[track_caller]
    fn check(operations: &str, state: Option<LastOperationState>, stays: &str, bumped: bool) {
        let old = shoot("", state);
        let mut new = Shoot {
            metadata: shoot(operations, None).metadata,
            ..old.clone()
        };
        assert_eq!(shoot_needs_generation(&mut new, &old), bumped, "{operations}");
        assert_eq!(list(&new.metadata).join(";"), stays, "{operations}");
    }

    #[test]
    fn operations_become_generations() {
        use LastOperationState::{Failed, Processing, Succeeded};
        check("reconcile", None, "reconcile", false);
        check("reconcile", Some(Succeeded), "", true);
        check("reconcile", Some(Processing), "", true);
        check("reconcile", Some(Failed), "reconcile", false);
        check("retry", Some(Failed), "", true);
        check("retry", Some(Succeeded), "retry", false);
        check(
            "rotate-ca-start;reconcile;reconcile",
            Some(Succeeded),
            "rotate-ca-start",
            true,
        );
        check(
            "rotate-rollout-workers=a,b",
            Some(Succeeded),
            "rotate-rollout-workers=a,b",
            true,
        );
        check("maintain", Some(Succeeded), "maintain", false);
        check("force-in-place-update", Some(Succeeded), "force-in-place-update", false);
    }

    #[test]
    fn a_confined_change_waits_but_hibernation_does_not() {
        let old = Shoot::default();
        let mut new = old.clone();
        new.spec.region = "elsewhere".to_owned();
        assert!(shoot_needs_generation(&mut new, &old));
        new.spec.maintenance = Some(api::core::v1beta1::Maintenance {
            confine_spec_update_rollout: Some(true),
            ..Default::default()
        });
        assert!(!shoot_needs_generation(&mut new, &old));
        new.spec.hibernation = Some(api::core::v1beta1::Hibernation {
            enabled: Some(true),
            ..Default::default()
        });
        assert!(shoot_needs_generation(&mut new, &old));
    }

    #[test]
    fn a_deletion_makes_one_generation() {
        let old = Shoot::default();
        let mut new = old.clone();
        let time = serde_json::from_value(serde_json::json!("2026-01-02T03:04:05Z")).unwrap();
        new.metadata.deletion_timestamp = Some(time);
        assert!(shoot_needs_generation(&mut new, &old));
        let again = new.clone();
        assert!(!shoot_needs_generation(&mut new, &again));
    }
}
