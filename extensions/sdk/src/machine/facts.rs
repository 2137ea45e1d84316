//! What can be said of a Machine by looking at it. Pure.

use std::time::Duration;

use api::machine::v1alpha1::{Machine, MachineClass, MachinePhase, MachineState, MachineSummary};
use apimachinery::{
    meta::{LabelSelector, ObjectMeta, annotation, controller_of, label},
    selector::LabelSelection,
};
use jiff::Timestamp;

use super::names::{
    ANNOUNCED_ANNOTATION, DEFAULT_PRIORITY, FORCE_DELETION_LABEL, FORCE_DELETION_VALUE, GIVEN_UP_ANNOTATION,
    GIVEN_UP_ASKED, PRIORITY_ANNOTATION,
};

pub(crate) fn is_deleting(metadata: &ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_some()
}

pub(crate) fn phase(machine: &Machine) -> &MachinePhase {
    &machine.status.current_status.phase
}

/// Whether it counts for its set: neither going nor given up.
pub(crate) fn is_active(machine: &Machine) -> bool {
    !is_deleting(&machine.metadata) && *phase(machine) != MachinePhase::Failed
}

/// Whether its node serves.
pub(crate) fn is_ready(machine: &Machine) -> bool {
    is_active(machine) && *phase(machine) == MachinePhase::Running
}

/// Whether its node has been serving for `min_ready_seconds`.
pub(crate) fn is_available(machine: &Machine, min_ready_seconds: i32, now: Timestamp) -> bool {
    let least = Duration::from_secs(u64::try_from(min_ready_seconds).unwrap_or_default());
    is_ready(machine) && (least.is_zero() || in_phase_for(machine, now) >= least)
}

/// How long it has been in its phase.
pub(crate) fn in_phase_for(machine: &Machine, now: Timestamp) -> Duration {
    let since = machine.status.current_status.last_update_time.as_ref();
    since.map_or(Duration::ZERO, |since| elapsed(since.0, now))
}

/// Whether its bootstrap token was made valid in the shoot, whatever became of it.
pub(crate) fn is_announced(machine: &Machine) -> bool {
    annotation(&machine.metadata, ANNOUNCED_ANNOTATION).is_some()
}

/// How long it could join: since it was made, and since its token has been valid.
pub(crate) fn could_join_for(machine: &Machine, now: Timestamp) -> Duration {
    let announced = annotation(&machine.metadata, ANNOUNCED_ANNOTATION).and_then(|text| text.parse::<Timestamp>().ok());
    let made = in_phase_for(machine, now);
    announced.map_or(made, |since| made.min(elapsed(since, now)))
}

/// Never negative: clocks differ.
pub(crate) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// Whether it goes without draining its node.
pub(crate) fn is_forced(machine: &Machine) -> bool {
    label(&machine.metadata, FORCE_DELETION_LABEL) == Some(FORCE_DELETION_VALUE)
}

/// Whether the machines of a class are given up to another seed, or are about to be.
pub(crate) fn is_given_up(class: &MachineClass) -> bool {
    annotation(&class.metadata, GIVEN_UP_ANNOTATION).is_some()
}

/// Whether somebody waits for the answer that the machines of a class are left alone.
pub(crate) fn is_rest_asked_for(class: &MachineClass) -> bool {
    annotation(&class.metadata, GIVEN_UP_ANNOTATION) == Some(GIVEN_UP_ASKED)
}

/// The lower, the earlier it goes.
pub(crate) fn priority(machine: &Machine) -> i32 {
    let text = annotation(&machine.metadata, PRIORITY_ANNOTATION);
    text.and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_PRIORITY)
}

/// In its owner's status, if its last operation failed.
pub(crate) fn failure(machine: &Machine) -> Option<MachineSummary> {
    let last = &machine.status.last_operation;
    (last.state == MachineState::Failed).then(|| MachineSummary {
        name: name(&machine.metadata).to_owned(),
        provider_id: machine.spec.provider_id.clone(),
        last_operation: last.clone(),
        owner_ref: controller_of(&machine.metadata)
            .map(|owner| owner.name.clone())
            .unwrap_or_default(),
    })
}

pub(crate) fn name(metadata: &ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}

pub(crate) fn uid(metadata: &ObjectMeta) -> &str {
    metadata.uid.as_deref().unwrap_or_default()
}

/// Whether `owner` controls the object.
pub(crate) fn is_controlled_by(object: &ObjectMeta, owner: &ObjectMeta) -> bool {
    controller_of(object).is_some_and(|reference| reference.uid == uid(owner))
}

/// Whether nobody controls the object though the selector means it: a set or deployment of before, or a hand, made it.
pub(crate) fn is_orphan_of(object: &ObjectMeta, selector: Option<&LabelSelector>) -> bool {
    let Ok(selection) = LabelSelection::from_selector(selector) else {
        return false;
    };
    // An empty selector means everything, which nobody wants here.
    let wide = selector.is_none_or(|selector| {
        selector
            .match_labels
            .as_ref()
            .is_none_or(std::collections::BTreeMap::is_empty)
            && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
    });
    !wide
        && controller_of(object).is_none()
        && !is_deleting(object)
        && selection.matches_optional(object.labels.as_ref())
}
