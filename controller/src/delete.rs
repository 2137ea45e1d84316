//! Deletion: what is gone already is deleted, and who needs it waits until it is gone.

use std::{fmt::Debug, time::Duration};

use kube::{
    Api, Client, Resource,
    api::{DeleteParams, DynamicObject, Preconditions},
    core::Request,
};
use serde::de::DeserializeOwned;

use crate::{
    apply::describe,
    error::is_not_found,
    mapper::{MapError, RestMapper},
    wait::{Progress, WaitError, until},
};

/// Why an object is not gone.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// The object's kind has no path.
    #[error("failed to delete {object}")]
    Map {
        /// Kind, namespace and name.
        object: String,
        /// What went wrong.
        source: MapError,
    },
    /// The API server refused, or did not answer.
    #[error("failed to delete {object}")]
    Delete {
        /// Kind, namespace and name.
        object: String,
        /// What went wrong.
        source: Box<kube::Error>,
    },
    /// It was asked to go and did not in time.
    #[error("failed to delete {object}")]
    Wait {
        /// Kind and name.
        object: String,
        /// What it was still waiting for.
        source: WaitError,
    },
}

/// Asks for the object's deletion; `true` if it was there. Its dependents go in the background.
pub async fn delete<K>(api: &Api<K>, name: &str) -> Result<bool, DeleteError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    delete_as(api, name, &DeleteParams::background()).await
}

async fn delete_as<K>(api: &Api<K>, name: &str, parameters: &DeleteParams) -> Result<bool, DeleteError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    match api.delete(name, parameters).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => {
            let object = describe(&K::kind(&()), api.namespace(), name);
            Err(DeleteError::Delete {
                object,
                source: Box::new(error),
            })
        }
    }
}

/// Asks for the object's deletion if it is still the one with this `uid`; a successor of the same name is left alone.
pub async fn delete_uid<K>(api: &Api<K>, name: &str, uid: &str) -> Result<bool, DeleteError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let preconditions = Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: None,
    };
    let parameters = DeleteParams::background().preconditions(preconditions);
    match api.delete(name, &parameters).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) || crate::error::is_conflict(&error) => Ok(false),
        Err(error) => {
            let object = describe(&K::kind(&()), api.namespace(), name);
            Err(DeleteError::Delete {
                object,
                source: Box::new(error),
            })
        }
    }
}

/// Deletes the object and waits until it is gone, finalizers and all.
pub async fn delete_and_wait<K>(api: &Api<K>, name: &str, deadline: Duration) -> Result<(), DeleteError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    delete_as_and_wait(api, name, &DeleteParams::background(), deadline).await
}

/// The same with the caller's parameters: in the foreground, dependents go before the object, of a Deployment all pods.
pub async fn delete_as_and_wait<K>(
    api: &Api<K>,
    name: &str,
    parameters: &DeleteParams,
    deadline: Duration,
) -> Result<(), DeleteError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    if delete_as(api, name, parameters).await? {
        until_gone(api, name, deadline).await
    } else {
        Ok(())
    }
}

/// Waits until the object is gone; the error tells which finalizers it still had.
pub async fn until_gone<K>(api: &Api<K>, name: &str, deadline: Duration) -> Result<(), DeleteError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let gone = |object: Option<&K>| match object {
        None => Progress::Done,
        Some(object) => Progress::Waiting(format!(
            "finalizers {:?}",
            object.meta().finalizers.as_deref().unwrap_or(&[])
        )),
    };
    until(api, name, "to be gone", deadline, gone)
        .await
        .map(|_| ())
        .map_err(|source| DeleteError::Wait {
            object: describe(&K::kind(&()), api.namespace(), name),
            source,
        })
}

/// Asks for the deletion of an object of any kind; `true` if it was there. An unknown kind has no objects.
pub async fn delete_dynamic(
    client: &Client,
    mapper: &RestMapper,
    (api_version, kind): (&str, &str),
    namespace: Option<&str>,
    name: &str,
) -> Result<bool, DeleteError> {
    let object = || describe(kind, namespace, name);
    let mapping = match mapper.find(client, api_version, kind).await {
        Ok(mapping) => mapping,
        Err(MapError::UnknownKind { .. }) => return Ok(false),
        Err(MapError::Discover { source, .. }) if is_not_found(&source) => return Ok(false),
        Err(source) => {
            return Err(DeleteError::Map {
                object: object(),
                source,
            });
        }
    };
    let parameters = DeleteParams::background();
    let failed = |error| DeleteError::Delete {
        object: object(),
        source: Box::new(error),
    };
    let request = Request::new(mapping.collection_path(namespace))
        .delete(name, &parameters)
        .map_err(kube::Error::BuildRequest)
        .map_err(failed)?;
    match client.request_status::<DynamicObject>(request).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
