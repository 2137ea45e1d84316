//! Metadata rules that hold for every kind.
//!
//! Pure: objects in, objects or errors out.

use apimachinery::{
    ApiObject,
    field::{FieldError, FieldErrors, Path},
    meta::{ObjectMeta, Time},
    names,
    status::Status,
};

use crate::{context::RequestContext, ids::IdSource};

/// Longest beginning of a generated name: with five more characters it is still a label.
const MAX_GENERATED_BASE: usize = 58;
/// What all annotations of an object may take, keys included.
const MAX_ANNOTATIONS: usize = 256 * 1024;
const IMMUTABLE: &str = "field is immutable";

/// Sets the namespace that the path says, or refuses another one.
pub(super) fn place(context: &RequestContext, namespaced: bool, metadata: &mut ObjectMeta) -> Result<(), Status> {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    if !namespaced {
        if !namespace.is_empty() {
            return Err(Status::bad_request(
                "namespace must be empty for a cluster-scoped resource",
            ));
        }
        metadata.namespace = None;
        return Ok(());
    }
    if !namespace.is_empty() && namespace != context.namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    metadata.namespace = Some(context.namespace.clone());
    Ok(())
}

/// Refuses a body whose name is not the one in the path.
pub(super) fn check_name(metadata: &ObjectMeta, name: &str) -> Result<(), Status> {
    let found = metadata.name.as_deref().unwrap_or_default();
    if found == name {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "the name of the object ({found}) does not match the name on the URL ({name})"
    )))
}

/// Sets what the system knows about a new object, and clears what clients may not set.
pub(super) fn begin(metadata: &mut ObjectMeta, context: &RequestContext, ids: &dyn IdSource) {
    metadata.uid = Some(ids.uid());
    metadata.creation_timestamp = Some(now(context));
    metadata.generation = None;
    metadata.resource_version = None;
    metadata.self_link = None;
    metadata.managed_fields = None;
    metadata.deletion_timestamp = None;
    metadata.deletion_grace_period_seconds = None;
}

/// The present moment, in whole seconds as Kubernetes writes it.
pub(super) fn now(context: &RequestContext) -> Time {
    let whole = jiff::Timestamp::from_second(context.now.as_second());
    Time(whole.unwrap_or(context.now))
}

/// Gives a name to an object that has only the beginning of one.
pub(super) fn generate_name(metadata: &mut ObjectMeta, ids: &dyn IdSource) {
    let (Some(base), true) = (
        &metadata.generate_name,
        metadata.name.as_deref().unwrap_or_default().is_empty(),
    ) else {
        return;
    };
    let base: String = base.chars().take(MAX_GENERATED_BASE).collect();
    if !base.is_empty() {
        metadata.name = Some(format!("{base}{}", ids.suffix()));
    }
}

/// Carries over what an update may leave out, and what it can't change anyway.
pub(super) fn carry_over(new: &mut ObjectMeta, old: &ObjectMeta) {
    fn keep<T: Clone>(new: &mut Option<T>, old: &Option<T>) {
        if new.is_none() {
            new.clone_from(old);
        }
    }
    new.generation = old.generation;
    new.self_link = None;
    new.managed_fields = None;
    new.generate_name.clone_from(&old.generate_name);
    if new.uid.as_deref().unwrap_or_default().is_empty() {
        new.uid.clone_from(&old.uid);
    }
    keep(&mut new.creation_timestamp, &old.creation_timestamp);
    keep(&mut new.deletion_timestamp, &old.deletion_timestamp);
    keep(
        &mut new.deletion_grace_period_seconds,
        &old.deletion_grace_period_seconds,
    );
}

/// What is wrong with the metadata of a new or changed object.
pub(super) fn validate<O: ApiObject>(object: &O) -> FieldErrors {
    let (metadata, path) = (object.metadata(), Path::new("metadata"));
    let mut errors = FieldErrors::new();
    match metadata.name.as_deref().unwrap_or_default() {
        "" => errors.push(FieldError::required(
            &path.child("name"),
            "name or generateName is required",
        )),
        name => errors.invalid_for_each(&path.child("name"), name, names::path_segment(name)),
    }
    if O::NAMESPACED && metadata.namespace.as_deref().unwrap_or_default().is_empty() {
        errors.push(FieldError::required(&path.child("namespace"), ""));
    }
    for (key, value) in metadata.labels.iter().flatten() {
        let labels = path.child("labels");
        errors.invalid_for_each(&labels, key, names::qualified_name(key));
        errors.invalid_for_each(&labels, value, names::label_value(value));
    }
    let mut size = 0;
    for (key, value) in metadata.annotations.iter().flatten() {
        size += key.len() + value.len();
        errors.invalid_for_each(
            &path.child("annotations"),
            key,
            names::qualified_name(&key.to_lowercase()),
        );
    }
    if size > MAX_ANNOTATIONS {
        errors.push(FieldError::too_long(&path.child("annotations"), MAX_ANNOTATIONS));
    }
    for finalizer in metadata.finalizers.iter().flatten() {
        errors.invalid_for_each(&path.child("finalizers"), finalizer, names::qualified_name(finalizer));
    }
    for (index, owner) in metadata.owner_references.iter().flatten().enumerate() {
        let path = path.child("ownerReferences").index(index);
        for (field, value) in [
            ("apiVersion", &owner.api_version),
            ("kind", &owner.kind),
            ("name", &owner.name),
            ("uid", &owner.uid),
        ] {
            if value.is_empty() {
                errors.push(FieldError::required(&path.child(field), "must not be empty"));
            }
        }
    }
    errors
}

/// What is wrong with a change of metadata.
pub(super) fn validate_update(new: &ObjectMeta, old: &ObjectMeta) -> FieldErrors {
    let path = Path::new("metadata");
    let mut errors = FieldErrors::new();
    let mut immutable = |field: &str, same: bool, value: serde_json::Value| {
        if !same {
            errors.push(FieldError::invalid(&path.child(field), value, IMMUTABLE));
        }
    };
    immutable("name", new.name == old.name, new.name.clone().into());
    immutable(
        "namespace",
        new.namespace == old.namespace,
        new.namespace.clone().into(),
    );
    immutable("uid", new.uid == old.uid, new.uid.clone().into());
    let shown = |time: &Option<Time>| time.as_ref().map(|time| time.0.to_string()).into();
    let same = new.creation_timestamp == old.creation_timestamp;
    immutable("creationTimestamp", same, shown(&new.creation_timestamp));
    let same = new.deletion_timestamp == old.deletion_timestamp;
    immutable("deletionTimestamp", same, shown(&new.deletion_timestamp));
    let same = new.deletion_grace_period_seconds == old.deletion_grace_period_seconds;
    immutable(
        "deletionGracePeriodSeconds",
        same,
        new.deletion_grace_period_seconds.into(),
    );
    let before: Vec<&String> = old.finalizers.iter().flatten().collect();
    let added: Vec<&String> = new
        .finalizers
        .iter()
        .flatten()
        .filter(|finalizer| !before.contains(finalizer))
        .collect();
    if old.deletion_timestamp.is_some() && !added.is_empty() {
        let detail =
            format!("no new finalizers can be added if the object is being deleted, found new finalizers {added:?}");
        errors.push(FieldError::forbidden(&path.child("finalizers"), detail));
    }
    errors
}

/// Whether nothing keeps a deleted object any more.
pub(super) fn may_go(metadata: &ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_some() && metadata.finalizers.iter().flatten().next().is_none()
}
