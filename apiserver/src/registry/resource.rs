//! How a kind is registered: one [`Resource`] with its strategy, its versions and its subresources.

use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

use apimachinery::{ApiObject, openapi::Components, protobuf::Protobuf, status::Status, versioning::GroupVersionKind};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use crate::{
    admission::{Attributes, Chain},
    cache::{Limits, WatchCache},
    ids::IdSource,
    storage::{Encryption, Store},
};

use super::{
    Action, Body, Caches, Column, Description, Endpoint, ServedVersion, Strategy, Subresource, UpdateStrategy,
    WriteRequest,
    codec::Codec,
    create::check_body,
    pipeline::{Registry, SubresourceHandler},
    versions::{Converted, Stored, Version},
};

/// What all resources of a server share.
pub(crate) struct Environment {
    pub(crate) store: Arc<dyn Store>,
    /// `/registry-gardener`, without a slash at the end.
    pub(crate) prefix: String,
    pub(crate) encryption: Encryption,
    pub(crate) admission: Chain,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) caches: Caches,
    pub(crate) limits: Limits,
}

/// One kind, as it is served.
///
/// ```text
/// Resource::new(ShootStrategy)
///     .status(ShootStatusStrategy)
///     .update_subresource("binding", ShootBindingStrategy)
///     .action("adminkubeconfig", AdminKubeconfig { .. })
/// ```
pub struct Resource<S: Strategy> {
    strategy: S,
    versions: Vec<Box<dyn Version<S::Object>>>,
    subresources: BTreeMap<String, SubresourceHandler<S::Object>>,
}

impl<S: Strategy> Resource<S> {
    /// A kind served in its storage version.
    pub fn new(strategy: S) -> Self {
        let stored: Box<dyn Version<S::Object>> = Box::new(Stored::<S::Object>(PhantomData));
        Self {
            strategy,
            versions: vec![stored],
            subresources: BTreeMap::new(),
        }
    }

    /// Serves it in version `V` as well. Conversion can't fail: what one version can't say must be kept in annotations.
    #[must_use]
    pub fn also_served<V: ApiObject + Protobuf>(mut self, from: fn(V) -> S::Object, to: fn(&S::Object) -> V) -> Self {
        self.versions.push(Box::new(Converted { from, to }));
        self
    }

    /// Serves `/status` (GET, PUT, PATCH).
    #[must_use]
    pub fn status(self, strategy: impl UpdateStrategy<Object = S::Object>) -> Self {
        self.update_subresource("status", strategy)
    }

    /// Serves a subresource that is the object itself (GET, PUT, PATCH), changed by other rules.
    #[must_use]
    pub fn update_subresource(mut self, name: &str, strategy: impl UpdateStrategy<Object = S::Object>) -> Self {
        self.subresources
            .insert(name.to_owned(), SubresourceHandler::Update(Box::new(strategy)));
        self
    }

    /// Serves a subresource to which the object itself is posted (POST, PUT, PATCH), changed by other rules.
    #[must_use]
    pub fn post_subresource(mut self, name: &str, strategy: impl UpdateStrategy<Object = S::Object>) -> Self {
        self.subresources
            .insert(name.to_owned(), SubresourceHandler::Post(Box::new(strategy)));
        self
    }

    /// Serves a subresource that answers to POST with something of its own.
    #[must_use]
    pub fn action(mut self, name: &str, action: impl Action<Object = S::Object>) -> Self {
        self.subresources
            .insert(name.to_owned(), SubresourceHandler::Action(Box::new(action)));
        self
    }

    fn describe(&self) -> Description {
        let served = |version: &dyn Version<S::Object>| ServedVersion {
            kind: version.group_version_kind(),
            list_kind: version.list_kind(),
        };
        let subresources = self.subresources.iter().map(|(name, handler)| {
            let (kind, verbs) = match handler {
                SubresourceHandler::Update(_) => (None, vec!["get", "patch", "update"]),
                SubresourceHandler::Post(_) => (None, vec!["create", "patch", "update"]),
                SubresourceHandler::Action(action) => (Some(action.kind()), vec!["create"]),
            };
            Subresource {
                name: name.clone(),
                kind,
                verbs,
            }
        });
        Description {
            resource: S::Object::group_resource(),
            singular: S::Object::SINGULAR,
            short_names: S::Object::SHORT_NAMES,
            categories: S::Object::CATEGORIES,
            namespaced: S::Object::NAMESPACED,
            versions: self.versions.iter().map(|version| served(&**version)).collect(),
            columns: self.strategy.columns().into_iter().map(Column::definition).collect(),
            fields: self
                .strategy
                .selectable_fields(&S::Object::default())
                .into_keys()
                .collect(),
            subresources: subresources.collect(),
        }
    }
}

/// A [`Resource`] of any kind.
pub(crate) trait Install: Send {
    fn group(&self) -> &'static str;
    fn install(self: Box<Self>, environment: &Environment) -> Arc<dyn Endpoint>;
}

impl<S: Strategy> Install for Resource<S> {
    fn group(&self) -> &'static str {
        S::Object::GROUP
    }

    fn install(self: Box<Self>, environment: &Environment) -> Arc<dyn Endpoint> {
        let description = self.describe();
        let resource = S::Object::group_resource();
        let prefix = format!("{}/{}/{}/", environment.prefix, resource.group, resource.resource);
        let strategy = Arc::new(self.strategy);
        let hub = 0;
        let codec = Arc::new(Codec {
            strategy: Arc::clone(&strategy),
            versions: self.versions,
            hub,
            transformer: environment.encryption.transformer(&resource.group, &resource.resource),
            prefix: prefix.clone(),
        });
        let store = Arc::clone(&environment.store);
        let cache = WatchCache::new(Arc::clone(&store), prefix, codec.clone(), environment.limits);
        environment.caches.register(resource, Arc::clone(&cache), hub);
        Arc::new(Registry {
            strategy,
            codec,
            cache,
            store,
            admission: environment.admission.clone(),
            ids: Arc::clone(&environment.ids),
            subresources: self.subresources,
            description,
        })
    }
}

/// A group of resources; the group's name is the resources' own.
#[derive(Default)]
pub struct ApiGroup {
    pub(crate) resources: Vec<Box<dyn Install>>,
    pub(crate) preferred: Option<&'static str>,
}

impl ApiGroup {
    /// A group without resources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource<S: Strategy>(mut self, resource: Resource<S>) -> Self {
        self.resources.push(Box::new(resource));
        self
    }

    /// Which version clients should use; without this, the most stable and newest.
    #[must_use]
    pub fn preferred_version(mut self, version: &'static str) -> Self {
        self.preferred = Some(version);
        self
    }
}

/// An [`Action`] whose body has any kind.
#[async_trait]
pub(super) trait ErasedAction<O>: Send + Sync {
    fn kind(&self) -> GroupVersionKind;

    /// Adds the body's type to an OpenAPI document, and returns how to refer to it.
    fn reference(&self, components: &mut Components) -> Value;

    async fn run(
        &self,
        request: &WriteRequest<'_>,
        body: &Body,
        parent: O,
        attributes: Attributes<'_>,
        admission: &Chain,
    ) -> Result<Bytes, Status>;
}

#[async_trait]
impl<O: ApiObject, A: Action<Object = O>> ErasedAction<O> for A {
    fn kind(&self) -> GroupVersionKind {
        A::Body::group_version_kind()
    }

    fn reference(&self, components: &mut Components) -> Value {
        components.reference::<A::Body>()
    }

    async fn run(
        &self,
        request: &WriteRequest<'_>,
        body: &Body,
        parent: O,
        mut attributes: Attributes<'_>,
        admission: &Chain,
    ) -> Result<Bytes, Status> {
        let mut posted: A::Body = body.decode(request.validation, request.context)?;
        self.default(&mut posted);
        attributes.new = Some(&mut posted);
        admission.mutate(&mut attributes).await?;
        admission.validate(&attributes).await?;
        check_body::<A::Body>(request.name, &self.validate(request.context, &posted))?;
        let answer = Action::run(self, request.context, parent, posted).await?;
        let json = serde_json::to_vec(&answer).map_err(|error| Status::internal_error(&error.to_string()))?;
        Ok(json.into())
    }
}
