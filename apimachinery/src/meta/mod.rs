//! Kubernetes' metadata types under one roof, and what everyone does with them.
//!
//! In: an object's metadata, or a list of conditions. Out: the same, changed. Times come in as arguments.

mod conditions;

pub use k8s_openapi::{
    ByteString,
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{
            Condition, FieldsV1, LabelSelector, LabelSelectorRequirement, ListMeta, ManagedFieldsEntry, MicroTime,
            ObjectMeta, OwnerReference, Time,
        },
        util::intstr::IntOrString,
    },
};

pub use self::conditions::{find_condition, is_condition_true, remove_condition, set_condition};
use crate::ApiObject;

/// Metadata with a name and, if it is not empty, a namespace.
pub fn object_meta(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        ..ObjectMeta::default()
    }
}

/// Whether somebody asked to delete the object.
pub fn is_deleting(metadata: &ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_some()
}

/// The value of a label.
pub fn label<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// Sets a label.
pub fn set_label(metadata: &mut ObjectMeta, key: &str, value: &str) {
    metadata
        .labels
        .get_or_insert_default()
        .insert(key.to_owned(), value.to_owned());
}

/// The value of an annotation.
pub fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Sets an annotation.
pub fn set_annotation(metadata: &mut ObjectMeta, key: &str, value: &str) {
    metadata
        .annotations
        .get_or_insert_default()
        .insert(key.to_owned(), value.to_owned());
}

/// Removes an annotation. Whether it was there.
pub fn remove_annotation(metadata: &mut ObjectMeta, key: &str) -> bool {
    metadata
        .annotations
        .as_mut()
        .is_some_and(|annotations| annotations.remove(key).is_some())
}

/// Whether the object has a finalizer.
pub fn has_finalizer(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata.finalizers.iter().flatten().any(|present| present == finalizer)
}

/// Adds a finalizer. Whether it was missing.
pub fn add_finalizer(metadata: &mut ObjectMeta, finalizer: &str) -> bool {
    if has_finalizer(metadata, finalizer) {
        return false;
    }
    metadata.finalizers.get_or_insert_default().push(finalizer.to_owned());
    true
}

/// Removes a finalizer. Whether it was there.
pub fn remove_finalizer(metadata: &mut ObjectMeta, finalizer: &str) -> bool {
    let Some(finalizers) = &mut metadata.finalizers else {
        return false;
    };
    let before = finalizers.len();
    finalizers.retain(|present| present != finalizer);
    let removed = finalizers.len() != before;
    if finalizers.is_empty() {
        metadata.finalizers = None;
    }
    removed
}

/// A reference to an owner, by which the garbage collector deletes what it owns.
pub fn owner_reference<T: ApiObject>(owner: &T) -> OwnerReference {
    OwnerReference {
        api_version: T::API_VERSION.to_owned(),
        kind: T::KIND.to_owned(),
        name: owner.name_or_empty().to_owned(),
        uid: owner.metadata().uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    }
}

/// A reference to the one owner that controls the object.
pub fn controller_reference<T: ApiObject>(owner: &T) -> OwnerReference {
    OwnerReference {
        controller: Some(true),
        block_owner_deletion: Some(true),
        ..owner_reference(owner)
    }
}

/// The owner that controls the object.
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

/// Adds an owner, or replaces the reference to the same owner.
pub fn set_owner(metadata: &mut ObjectMeta, owner: OwnerReference) {
    let owners = metadata.owner_references.get_or_insert_default();
    match owners.iter_mut().find(|present| present.uid == owner.uid) {
        Some(present) => *present = owner,
        None => owners.push(owner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalizers_are_added_once_and_removed() {
        let mut metadata = object_meta("", "a");
        assert_eq!(metadata.namespace, None);
        assert!(add_finalizer(&mut metadata, "f"));
        assert!(!add_finalizer(&mut metadata, "f"));
        assert!(has_finalizer(&metadata, "f"));
        assert!(remove_finalizer(&mut metadata, "f"));
        assert!(!remove_finalizer(&mut metadata, "f"));
        assert_eq!(metadata.finalizers, None);
    }

    #[test]
    fn an_owner_is_there_once() {
        let mut metadata = ObjectMeta::default();
        let owner = OwnerReference {
            uid: "u".to_owned(),
            ..OwnerReference::default()
        };
        set_owner(&mut metadata, owner.clone());
        set_owner(
            &mut metadata,
            OwnerReference {
                controller: Some(true),
                ..owner
            },
        );
        assert_eq!(metadata.owner_references.as_ref().map(Vec::len), Some(1));
        assert_eq!(controller_of(&metadata).map(|owner| owner.uid.as_str()), Some("u"));
    }

    #[test]
    fn annotations_come_and_go() {
        let mut metadata = ObjectMeta::default();
        set_annotation(&mut metadata, "a", "1");
        set_label(&mut metadata, "b", "2");
        assert_eq!(
            (annotation(&metadata, "a"), label(&metadata, "b"), label(&metadata, "a")),
            (Some("1"), Some("2"), None)
        );
        assert!(remove_annotation(&mut metadata, "a"));
        assert!(!remove_annotation(&mut metadata, "a"));
    }
}
