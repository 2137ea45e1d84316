//! Which operation an object asks for. Pure.

use api::{
    constants::{GARDENER_OPERATION, OPERATION_MIGRATE, OPERATION_RECONCILE, OPERATION_RESTORE},
    core::v1beta1::{LastOperationState, LastOperationType},
};

use crate::ExtensionKind;

/// What to do with an object now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Nothing: it is as wished, or nobody asked yet.
    None,
    /// Make it (`Create` until it succeeded once, `Reconcile` from then on).
    Reconcile(LastOperationType),
    /// Take it over from another seed.
    Restore,
    /// Give it up.
    Migrate,
    /// Remove it.
    Delete,
}

impl Operation {
    /// As `lastOperation.type` has it.
    pub(crate) fn last_operation_type(&self) -> LastOperationType {
        match self {
            Self::None => LastOperationType::Reconcile,
            Self::Reconcile(kind) => kind.clone(),
            Self::Restore => LastOperationType::Restore,
            Self::Migrate => LastOperationType::Migrate,
            Self::Delete => LastOperationType::Delete,
        }
    }
}

/// Decides by deletion, annotation and the last operation, in this order.
///
/// A change of the spec alone asks for nothing: gardenlet annotates when it wants the change carried out.
pub(crate) fn operation_of<K: ExtensionKind>(object: &K) -> Operation {
    let metadata = object.metadata();
    let last = K::default_status(object.status()).last_operation.as_ref();
    let annotation = metadata
        .annotations
        .iter()
        .flatten()
        .find(|(key, _)| *key == GARDENER_OPERATION);
    let annotation = annotation.map(|(_, value)| value.as_str());
    if metadata.deletion_timestamp.is_some() {
        return if controller::finalizers::has(object, &K::finalizer()) {
            Operation::Delete
        } else {
            Operation::None
        };
    }
    let unfinished = last.filter(|last| last.state != LastOperationState::Succeeded);
    match (annotation, last) {
        (Some(OPERATION_MIGRATE), _) => Operation::Migrate,
        (Some(OPERATION_RESTORE), _) => Operation::Restore,
        (Some(OPERATION_RECONCILE), None) | (None, None) => Operation::Reconcile(LastOperationType::Create),
        (_, Some(last)) if annotation == Some(OPERATION_RECONCILE) || unfinished.is_some() => match last.type_ {
            LastOperationType::Migrate if annotation.is_none() => Operation::Migrate,
            LastOperationType::Restore if unfinished.is_some() => Operation::Restore,
            LastOperationType::Create if unfinished.is_some() => Operation::Reconcile(LastOperationType::Create),
            _ => Operation::Reconcile(LastOperationType::Reconcile),
        },
        _ => Operation::None,
    }
}

#[cfg(test)]
mod tests {
    use api::{core::v1beta1::LastOperation, extensions::v1alpha1::DnsRecord};
    use apimachinery::meta::Time;
    use jiff::Timestamp;

    use super::*;

    fn record(annotation: Option<&str>, last: Option<(LastOperationType, LastOperationState)>) -> DnsRecord {
        let mut record = DnsRecord::default();
        let annotation = annotation.map(|value| (GARDENER_OPERATION.to_owned(), value.to_owned()));
        record.metadata.annotations = Some(annotation.into_iter().collect());
        record.metadata.finalizers = Some(vec!["extensions.gardener.cloud/dnsrecord".to_owned()]);
        let operation = |(type_, state)| LastOperation {
            type_,
            state,
            ..LastOperation::default()
        };
        record.status.default_status.last_operation = last.map(operation);
        record
    }

    #[test]
    fn annotation_and_last_operation_decide() {
        use LastOperationState::{Error, Processing, Succeeded};
        use LastOperationType::{Create, Migrate, Reconcile, Restore};
        for (annotation, last, expected) in [
            (None, None, Operation::Reconcile(Create)),
            (Some("reconcile"), None, Operation::Reconcile(Create)),
            (None, Some((Create, Succeeded)), Operation::None),
            (None, Some((Create, Error)), Operation::Reconcile(Create)),
            (None, Some((Create, Processing)), Operation::Reconcile(Create)),
            (
                Some("reconcile"),
                Some((Create, Succeeded)),
                Operation::Reconcile(Reconcile),
            ),
            (None, Some((Reconcile, Error)), Operation::Reconcile(Reconcile)),
            (Some("migrate"), Some((Reconcile, Succeeded)), Operation::Migrate),
            (None, Some((Migrate, Error)), Operation::Migrate),
            (None, Some((Migrate, Succeeded)), Operation::None),
            (Some("restore"), None, Operation::Restore),
            (None, Some((Restore, Error)), Operation::Restore),
            (Some("wait-for-state"), None, Operation::None),
            (Some("wait-for-state"), Some((Reconcile, Succeeded)), Operation::None),
        ] {
            assert_eq!(
                operation_of(&record(annotation, last.clone())),
                expected,
                "{annotation:?} {last:?}"
            );
        }
    }

    #[test]
    fn deletion_comes_first_and_only_while_the_finalizer_is_there() {
        let mut record = record(Some("migrate"), None);
        record.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        assert_eq!(operation_of(&record), Operation::Delete);
        record.metadata.finalizers = None;
        assert_eq!(operation_of(&record), Operation::None);
    }
}
