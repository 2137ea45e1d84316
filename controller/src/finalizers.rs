//! Finalizers: set before the first thing is made that needs removal, removed after the last.

use std::fmt::Debug;

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Whether the object has the finalizer.
pub fn has<K: Resource>(object: &K, finalizer: &str) -> bool {
    object
        .meta()
        .finalizers
        .iter()
        .flatten()
        .any(|present| present == finalizer)
}

/// Makes sure that the object has the finalizer, and returns the object.
///
/// A conflict (somebody else wrote in between) is an error: reconcile again from what is there.
pub async fn ensure<K>(api: &Api<K>, object: &K, finalizer: &str) -> Result<K, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if has(object, finalizer) {
        return Ok(object.clone());
    }
    let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
    finalizers.push(finalizer.to_owned());
    patch(api, object, finalizers).await
}

/// Makes sure that the object does not have the finalizer; that it is gone already is fine.
pub async fn remove<K>(api: &Api<K>, object: &K, finalizer: &str) -> Result<(), kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if !has(object, finalizer) {
        return Ok(());
    }
    let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
    finalizers.retain(|present| present != finalizer);
    match patch(api, object, finalizers).await {
        Ok(_) => Ok(()),
        Err(error) if crate::error::is_not_found(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The whole list is replaced, so the resource version guards the finalizers of others.
async fn patch<K>(api: &Api<K>, object: &K, finalizers: Vec<String>) -> Result<K, kube::Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let meta = object.meta();
    let name = meta.name.as_deref().unwrap_or_default();
    let body =
        json!({ "metadata": { "resourceVersion": meta.resource_version, "uid": meta.uid, "finalizers": finalizers } });
    api.patch(name, &PatchParams::default(), &Patch::Merge(body)).await
}
