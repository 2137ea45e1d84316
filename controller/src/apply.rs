//! Server-side apply: of typed objects, and of JSON whose kind is only known at run time.
//!
//! **Invariant:** what is applied is owned: conflicts with other field managers are decided for us (`force`), because a
//! field that we state is one that we are responsible for. Fields that we do not state are left to others.

use std::fmt::Debug;

use kube::{
    Client, Resource,
    api::{DynamicObject, Patch, PatchParams},
    core::Request,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::mapper::{MapError, RestMapper};

/// Why an object was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The object lacks what its path is made of.
    #[error("an object without {0} cannot be applied")]
    Incomplete(&'static str),
    /// The object cannot be written as JSON.
    #[error("failed to encode {object}")]
    Encode {
        /// Kind, namespace and name.
        object: String,
        /// What went wrong.
        source: serde_json::Error,
    },
    /// The object's kind has no path.
    #[error("failed to apply {object}")]
    Map {
        /// Kind, namespace and name.
        object: String,
        /// What went wrong.
        source: MapError,
    },
    /// The API server refused, or did not answer.
    #[error("failed to apply {object}")]
    Apply {
        /// Kind, namespace and name.
        object: String,
        /// What went wrong.
        source: Box<kube::Error>,
    },
}

impl ApplyError {
    /// What the API server said, if it was asked.
    pub fn api_error(&self) -> Option<&kube::Error> {
        match self {
            Self::Apply { source, .. } => Some(source),
            Self::Map {
                source: MapError::Discover { source, .. },
                ..
            } => Some(source),
            _ => None,
        }
    }
}

/// Applies objects to one cluster under one field manager; cheap to clone.
#[derive(Clone)]
pub struct Applier {
    client: Client,
    field_manager: String,
    mapper: RestMapper,
}

impl Debug for Applier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Applier")
            .field("field_manager", &self.field_manager)
            .finish_non_exhaustive()
    }
}

impl Applier {
    /// Applies to the cluster of `client` as `field_manager`, which is the process' name.
    pub fn new(client: Client, field_manager: impl Into<String>) -> Self {
        Self {
            client,
            field_manager: field_manager.into(),
            mapper: RestMapper::new(),
        }
    }

    /// The client that is applied with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The mapper that knows the cluster's kinds.
    pub fn mapper(&self) -> &RestMapper {
        &self.mapper
    }

    /// Applies a typed object and returns it as the cluster has it now.
    pub async fn apply<K>(&self, object: &K) -> Result<K, ApplyError>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug,
    {
        self.patch(object, None).await
    }

    /// Applies the status of a typed object, its subresource; `object` must state nothing but metadata and status.
    pub async fn apply_status<K>(&self, object: &K) -> Result<K, ApplyError>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug,
    {
        self.patch(object, Some("status")).await
    }

    async fn patch<K>(&self, object: &K, subresource: Option<&str>) -> Result<K, ApplyError>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug,
    {
        let meta = object.meta();
        let name = meta.name.as_deref().ok_or(ApplyError::Incomplete("metadata.name"))?;
        let described = describe(&K::kind(&()), meta.namespace.as_deref(), name);
        let body = serde_json::to_value(object).map_err(|source| ApplyError::Encode {
            object: described.clone(),
            source,
        })?;
        let path = K::url_path(&(), meta.namespace.as_deref());
        self.send(path, name, subresource, body, described).await
    }

    /// Applies an object of any kind, given as JSON, and returns it as the cluster has it now.
    pub async fn apply_value(&self, object: &Value) -> Result<DynamicObject, ApplyError> {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let api_version = text("/apiVersion").ok_or(ApplyError::Incomplete("apiVersion"))?;
        let kind = text("/kind").ok_or(ApplyError::Incomplete("kind"))?;
        let name = text("/metadata/name").ok_or(ApplyError::Incomplete("metadata.name"))?;
        let namespace = text("/metadata/namespace");
        let described = describe(kind, namespace, name);
        let mapping = self
            .mapper
            .find(&self.client, api_version, kind)
            .await
            .map_err(|source| ApplyError::Map {
                object: described.clone(),
                source,
            })?;
        if mapping.namespaced && namespace.is_none() {
            return Err(ApplyError::Incomplete("metadata.namespace"));
        }
        self.send(
            mapping.collection_path(namespace),
            name,
            None,
            object.clone(),
            described,
        )
        .await
    }

    async fn send<K: DeserializeOwned>(
        &self,
        path: String,
        name: &str,
        subresource: Option<&str>,
        mut body: Value,
        object: String,
    ) -> Result<K, ApplyError> {
        prune_for_apply(&mut body);
        let parameters = PatchParams::apply(&self.field_manager).force();
        let request = Request::new(path);
        let patch = Patch::Apply(body);
        let built = match subresource {
            None => request.patch(name, &parameters, &patch),
            Some(subresource) => request.patch_subresource(subresource, name, &parameters, &patch),
        };
        let failed = |error| ApplyError::Apply {
            object: object.clone(),
            source: Box::new(error),
        };
        let built = built.map_err(kube::Error::BuildRequest).map_err(failed)?;
        self.client.request(built).await.map_err(failed)
    }
}

/// What an API server refuses in an apply, or what would claim ownership of nothing: managed fields, and nulls.
fn prune_for_apply(body: &mut Value) {
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        metadata.retain(|_, value| !value.is_null());
    }
    if let Some(object) = body.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
}

/// An object in an error's text: `Deployment garden/gateway`.
pub fn describe(kind: &str, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}
