//! The typed registry of one kind: what all writes share.

use std::{collections::BTreeMap, sync::Arc};

use apimachinery::{
    ApiObject as _,
    field::FieldErrors,
    status::Status,
    versioning::{GroupKind, GroupResource},
};
use lib_error_chain::ErrorChain;

use crate::{
    admission::{Attributes, Chain, Operation},
    cache::{CachedObject, WatchCache},
    context::RequestContext,
    ids::IdSource,
    storage::{Item, Store, StoreError},
};

use super::{
    Description, Strategy, UpdateStrategy,
    codec::{Codec, CodecError, Decoded},
    resource::ErasedAction,
};

/// How an object may be reached below its own path.
pub(super) enum SubresourceHandler<O> {
    /// GET, PUT, PATCH of the object.
    Update(Box<dyn UpdateStrategy<Object = O>>),
    /// POST of the object.
    Post(Box<dyn UpdateStrategy<Object = O>>),
    /// POST of something else.
    Action(Box<dyn ErasedAction<O>>),
}

/// One kind on one store.
pub(super) struct Registry<S: Strategy> {
    pub(super) strategy: Arc<S>,
    pub(super) codec: Arc<Codec<S>>,
    pub(super) cache: Arc<WatchCache>,
    pub(super) store: Arc<dyn Store>,
    pub(super) admission: Chain,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) subresources: BTreeMap<String, SubresourceHandler<S::Object>>,
    pub(super) description: Description,
}

impl<S: Strategy> Registry<S> {
    pub(super) fn resource() -> GroupResource {
        S::Object::group_resource()
    }

    pub(super) fn kind() -> GroupKind {
        S::Object::group_kind()
    }

    /// What the store holds, decoded; 404 when it holds nothing.
    pub(super) async fn stored(
        &self,
        context: &RequestContext,
        name: &str,
    ) -> Result<(Item, Decoded<S::Object>), Status> {
        let key = self.codec.key(&context.namespace, name);
        let found = self
            .store
            .get(&key)
            .await
            .map_err(|error| self.store_failure(&error, name))?;
        let item = found.item.ok_or_else(|| Status::not_found(&Self::resource(), name))?;
        let decoded = self.codec.decode(&item).map_err(|error| codec_failure(&error))?;
        Ok((item, decoded))
    }

    /// What to answer with.
    pub(super) fn render(&self, object: S::Object, revision: u64) -> Result<Arc<CachedObject>, Status> {
        self.codec
            .render(object, revision)
            .map(Arc::new)
            .map_err(|error| codec_failure(&error))
    }

    /// Runs the mutating plugins over a new object.
    pub(super) async fn admit(
        &self,
        context: &RequestContext,
        (operation, subresource, name): (Operation, &str, &str),
        new: Option<&mut S::Object>,
        old: Option<&S::Object>,
    ) -> Result<(), Status> {
        let mut attributes = self.attributes(context, operation, subresource, name);
        attributes.new = new.map(|new| new as _);
        attributes.old = old.map(|old| old as _);
        self.admission.mutate(&mut attributes).await
    }

    /// Runs the validating plugins over what is about to be stored.
    pub(super) async fn validate_admission(
        &self,
        context: &RequestContext,
        (operation, subresource, name): (Operation, &str, &str),
        new: Option<&mut S::Object>,
        old: Option<&S::Object>,
    ) -> Result<(), Status> {
        let mut attributes = self.attributes(context, operation, subresource, name);
        attributes.new = new.map(|new| new as _);
        attributes.old = old.map(|old| old as _);
        self.admission.validate(&attributes).await
    }

    pub(super) fn attributes<'a>(
        &self,
        context: &'a RequestContext,
        operation: Operation,
        subresource: &'a str,
        name: &'a str,
    ) -> Attributes<'a> {
        let (resource, namespace) = (Self::resource(), context.namespace.as_str());
        Attributes {
            operation,
            resource,
            subresource,
            namespace,
            name,
            context,
            new: None,
            old: None,
        }
    }

    /// 422 when something is wrong.
    pub(super) fn check(name: &str, errors: &FieldErrors) -> Result<(), Status> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Status::invalid(&Self::kind(), name, errors))
        }
    }

    /// What the client is told when the store did not do as asked.
    pub(super) fn store_failure(&self, error: &StoreError, name: &str) -> Status {
        let resource = Self::resource();
        match error {
            StoreError::AlreadyExists { .. } => Status::already_exists(&resource, name),
            StoreError::Conflict { current: None, .. } => Status::not_found(&resource, name),
            StoreError::Conflict { .. } => Status::modified(&resource, name),
            StoreError::Expired { .. } => Status::expired(error.to_string()),
            StoreError::Timeout { .. } => Status::timeout(&error.to_string(), 1),
            StoreError::Unavailable { .. } | StoreError::Protocol { .. } => {
                tracing::error!(%resource, name, error = %ErrorChain(error), "storage failed");
                Status::internal_error(&ErrorChain(error).to_string())
            }
        }
    }
}

/// What the client is told when an object can't be decoded or encoded.
pub(super) fn codec_failure(error: &CodecError) -> Status {
    tracing::error!(error = %ErrorChain(error), "an object is not readable");
    Status::internal_error(&ErrorChain(error).to_string())
}
