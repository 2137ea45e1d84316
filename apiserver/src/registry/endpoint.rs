//! A kind without its type: what the HTTP layer sees of a resource.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use apimachinery::{
    openapi::Components,
    status::Status,
    table::TableColumnDefinition,
    versioning::{GroupResource, GroupVersionKind},
};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    cache::{CachedObject, WatchCache},
    context::RequestContext,
    patch::Patch,
};

use super::{
    Body, FieldValidation, Strategy,
    pipeline::{Registry, SubresourceHandler, codec_failure},
    update::Change,
};

/// A version in which a resource is served.
#[derive(Clone, Debug)]
pub(crate) struct ServedVersion {
    pub(crate) kind: GroupVersionKind,
    pub(crate) list_kind: &'static str,
}

/// A subresource, as discovery shows it.
#[derive(Clone, Debug)]
pub(crate) struct Subresource {
    pub(crate) name: String,
    /// `None`: the parent's own kind, in the version asked for.
    pub(crate) kind: Option<GroupVersionKind>,
    pub(crate) verbs: Vec<&'static str>,
}

/// Names and properties of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) resource: GroupResource,
    pub(crate) singular: &'static str,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) categories: &'static [&'static str],
    pub(crate) namespaced: bool,
    /// In the order of [`CachedObject::encoded`].
    pub(crate) versions: Vec<ServedVersion>,
    pub(crate) columns: Vec<TableColumnDefinition>,
    /// What field selectors may ask for beside name and namespace.
    pub(crate) fields: BTreeSet<&'static str>,
    pub(crate) subresources: Vec<Subresource>,
}

/// How an OpenAPI document refers to the types of a resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct References {
    pub(crate) object: Value,
    pub(crate) list: Value,
    /// What each action takes and answers with, by the name of its subresource.
    pub(crate) actions: BTreeMap<String, Value>,
}

/// Circumstances of a write.
pub(crate) struct WriteRequest<'a> {
    pub(crate) context: &'a RequestContext,
    /// Index of the version that body and answer are in.
    pub(crate) version: usize,
    pub(crate) validation: FieldValidation,
    /// Empty for the object itself.
    pub(crate) subresource: &'a str,
    /// Empty on creation.
    pub(crate) name: &'a str,
}

/// What to be careful about in a deletion.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteRequest {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    /// `Orphan` and `Foreground` leave a finalizer for the garbage collector.
    pub(crate) finalizer: Option<&'static str>,
}

/// The object after a write.
pub(crate) struct Written {
    pub(crate) object: Arc<CachedObject>,
    pub(crate) created: bool,
}

/// What became of an object that was to be deleted.
pub(crate) enum Deleted {
    /// It is gone.
    Gone { last: Arc<CachedObject>, uid: String },
    /// Finalizers keep it.
    Pending(Arc<CachedObject>),
}

/// A resource, as the HTTP layer sees it.
#[async_trait]
pub(crate) trait Endpoint: Send + Sync {
    fn description(&self) -> &Description;

    fn cache(&self) -> &Arc<WatchCache>;

    /// Cells of the object's row in a table.
    fn cells(&self, object: &CachedObject, now: Timestamp) -> Result<Vec<Value>, Status>;

    /// Adds the types of a version (and of what its subresources take) to an OpenAPI document; returns how to refer to
    /// them.
    fn components(&self, version: usize, components: &mut Components) -> References;

    async fn create(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Written, Status>;

    async fn update(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Written, Status>;

    async fn patch(&self, request: &WriteRequest<'_>, patch: &Patch) -> Result<Written, Status>;

    async fn delete(&self, request: &WriteRequest<'_>, delete: &DeleteRequest) -> Result<Deleted, Status>;

    /// Runs an action of the object; the answer is JSON of the action's kind.
    async fn act(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Bytes, Status>;
}

#[async_trait]
impl<S: Strategy> Endpoint for Registry<S> {
    fn description(&self) -> &Description {
        &self.description
    }

    fn cache(&self) -> &Arc<WatchCache> {
        &self.cache
    }

    fn cells(&self, object: &CachedObject, now: Timestamp) -> Result<Vec<Value>, Status> {
        let object = self.codec.typed(object).map_err(|error| codec_failure(&error))?;
        Ok(self.strategy.cells(&object, now))
    }

    fn components(&self, version: usize, components: &mut Components) -> References {
        let Some(version) = self.codec.versions.get(version) else {
            return References::default();
        };
        let (object, list) = version.components(components);
        let mut actions = BTreeMap::new();
        for (name, handler) in &self.subresources {
            if let SubresourceHandler::Action(action) = handler {
                actions.insert(name.clone(), action.reference(components));
            }
        }
        References { object, list, actions }
    }

    async fn create(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Written, Status> {
        self.create_body(request, body).await
    }

    async fn update(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Written, Status> {
        self.update_body(request, body).await
    }

    async fn patch(&self, request: &WriteRequest<'_>, patch: &Patch) -> Result<Written, Status> {
        self.change(request, Change::Patch(patch)).await
    }

    async fn delete(&self, request: &WriteRequest<'_>, delete: &DeleteRequest) -> Result<Deleted, Status> {
        self.delete_object(request, delete).await
    }

    async fn act(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Bytes, Status> {
        self.run_action(request, body).await
    }
}
