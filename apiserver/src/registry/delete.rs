//! Deletion: at once, or when the last finalizer is gone.

use apimachinery::{ApiObject, status::Status};

use crate::{admission::Operation, storage::StoreError};

use super::{DeleteRequest, Deleted, Strategy, WriteRequest, metadata, pipeline::Registry};

/// Rounds before a busy object is given up.
const ATTEMPTS: usize = 5;

impl<S: Strategy> Registry<S> {
    pub(super) async fn delete_object(
        &self,
        request: &WriteRequest<'_>,
        delete: &DeleteRequest,
    ) -> Result<Deleted, Status> {
        let step = (Operation::Delete, "", request.name);
        self.admit(request.context, step, None, None).await?;
        for _ in 0..ATTEMPTS {
            if let Some(deleted) = self.delete_round(request, delete).await? {
                return Ok(deleted);
            }
        }
        Err(Status::modified(&Self::resource(), request.name))
    }

    async fn delete_round(
        &self,
        request: &WriteRequest<'_>,
        delete: &DeleteRequest,
    ) -> Result<Option<Deleted>, Status> {
        let (item, stored) = self.stored(request.context, request.name).await?;
        let old = &stored.object;
        self.check_deletion(request, delete, old)?;
        self.validate_admission(request.context, (Operation::Delete, "", request.name), None, Some(old))
            .await?;
        let mut new = old.clone();
        let finalizers = new.metadata_mut().finalizers.get_or_insert_default();
        if let Some(finalizer) = delete.finalizer
            && !finalizers.iter().any(|known| known == finalizer)
            && old.metadata().deletion_timestamp.is_none()
        {
            finalizers.push(finalizer.to_owned());
        }
        let kept = !finalizers.is_empty();
        let result = if !kept {
            self.delete_now(request, &item.key, item.revision).await
        } else if old.metadata().deletion_timestamp.is_some() {
            return Ok(Some(Deleted::Pending(self.render(new, item.revision)?)));
        } else {
            let metadata = new.metadata_mut();
            metadata.deletion_timestamp = Some(metadata::now(request.context));
            metadata.deletion_grace_period_seconds = Some(0);
            metadata.generation = metadata.generation.map(|generation| generation + 1);
            self.mark(request, &new, &item.key, item.revision).await
        };
        match result {
            Ok(revision) if kept => Ok(Some(Deleted::Pending(self.render(new, revision)?))),
            Ok(revision) => {
                let uid = old.metadata().uid.clone().unwrap_or_default();
                Ok(Some(Deleted::Gone {
                    last: self.render(old.clone(), revision)?,
                    uid,
                }))
            }
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(self.store_failure(&error, request.name)),
        }
    }

    async fn delete_now(&self, request: &WriteRequest<'_>, key: &str, revision: u64) -> Result<u64, StoreError> {
        if request.context.dry_run {
            Ok(revision)
        } else {
            self.store.delete(key, revision).await
        }
    }

    /// Stores an object that waits for its finalizers.
    async fn mark(
        &self,
        request: &WriteRequest<'_>,
        new: &S::Object,
        key: &str,
        revision: u64,
    ) -> Result<u64, StoreError> {
        if request.context.dry_run {
            return Ok(revision);
        }
        let operation = "encode an object";
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Unavailable { operation, source };
        let plain = self.codec.encode_stored(new).map_err(|error| failed(error.into()))?;
        let sealed = self
            .codec
            .transformer
            .seal(key, plain)
            .map_err(|error| failed(error.into()))?;
        self.store.update(key, revision, sealed).await
    }

    fn check_deletion(
        &self,
        request: &WriteRequest<'_>,
        delete: &DeleteRequest,
        old: &S::Object,
    ) -> Result<(), Status> {
        let metadata = old.metadata();
        let conflict = |what: &str, asked: &str, found: &str| {
            let cause = format!("Precondition failed: {what} in precondition: {asked}, {what} in object meta: {found}");
            Status::conflict(&Self::resource(), request.name, &cause)
        };
        let checks = [
            ("UID", &delete.uid, &metadata.uid),
            ("ResourceVersion", &delete.resource_version, &metadata.resource_version),
        ];
        for (what, asked, found) in checks {
            if let Some(asked) = asked
                && Some(asked) != found.as_ref()
            {
                return Err(conflict(what, asked, found.as_deref().unwrap_or_default()));
            }
        }
        Ok(())
    }
}
