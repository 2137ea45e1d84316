//! Deletions that need a word of confirmation, or that others stand against.
//!
//! In: the object that is to be deleted. Out: nothing, or why not and what to do. Absent: the deletion.

use api::constants;
use api::core::v1beta1::{LastOperationState, LastOperationType, Shoot};
use apimachinery::meta::ObjectMeta;

use crate::operations::is_true;

/// Refuses to delete an object whose owner has not confirmed it.
///
/// # Errors
/// The message for the user, with the command that confirms.
pub(crate) fn require_confirmation(resource: &str, metadata: &ObjectMeta) -> Result<(), String> {
    if is_true(metadata, constants::CONFIRMATION_DELETION) {
        return Ok(());
    }
    let name = metadata.name.as_deref().unwrap_or("<name>");
    let namespace = metadata
        .namespace
        .as_deref()
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();
    let key = constants::CONFIRMATION_DELETION;
    Err(format!(
        "must have a {key:?} annotation to delete; confirm with: kubectl{namespace} annotate {resource} {name} {key}=true"
    ))
}

/// Refuses to take the finalizer of a Shoot whose control plane is still there.
///
/// # Errors
/// The message for the user.
pub(crate) fn keep_finalizer(new: &Shoot, old: &Shoot) -> Result<(), String> {
    let has = |metadata: &ObjectMeta| {
        metadata
            .finalizers
            .iter()
            .flatten()
            .any(|finalizer| finalizer == FINALIZER)
    };
    if !has(&old.metadata) || has(&new.metadata) {
        return Ok(());
    }
    let deleted = new.status.last_operation.as_ref().is_some_and(|last| {
        last.type_ == LastOperationType::Delete && last.state == LastOperationState::Succeeded && last.progress == 100
    });
    if deleted {
        return Ok(());
    }
    Err(format!(
        "finalizer {FINALIZER:?} cannot be removed because shoot {:?} has not been deleted successfully yet",
        new.metadata.name.as_deref().unwrap_or_default()
    ))
}

/// gardenlet's finalizer on Shoots.
const FINALIZER: &str = "gardener";
