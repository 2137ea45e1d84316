//! Writes the status of the GatewayClass, the Gateways and the TLSRoutes: what differs from what they say already.
//!
//! `status.parents` of a route is shared with other controllers and replaced as a whole: the resource version of the
//! object that the new list was made from guards it. After a conflict the object comes again by the watch.

use std::sync::Arc;

use controller::error::{is_conflict, is_not_found};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams},
    core::ApiResource,
};
use lib_error_chain::ErrorChain;
use serde_json::{Value, json};

/// One object whose status shall be written.
#[derive(Debug)]
pub(crate) struct StatusUpdate {
    pub(crate) resource: ApiResource,
    pub(crate) object: Arc<DynamicObject>,
    /// The parts of the status to replace.
    pub(crate) status: Value,
}

impl StatusUpdate {
    /// `None` when the object says all that already.
    pub(crate) fn new(resource: &ApiResource, object: &Arc<DynamicObject>, status: Value) -> Option<Self> {
        let present = object.data.get("status").unwrap_or(&Value::Null);
        let same = status.as_object()?.iter().all(|(key, value)| {
            let present = present.get(key).unwrap_or(&Value::Null);
            // An empty list and none are the same to a reader.
            present == value || (present.is_null() && value.as_array().is_some_and(Vec::is_empty))
        });
        (!same).then(|| Self {
            resource: resource.clone(),
            object: Arc::clone(object),
            status,
        })
    }
}

/// Writes them one after the other; returns whether all that failed will come again by itself.
pub(crate) async fn write(client: &Client, updates: Vec<StatusUpdate>) -> bool {
    let mut complete = true;
    for update in updates {
        let name = update.object.name_any();
        let api: Api<DynamicObject> = match update.object.namespace() {
            Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &update.resource),
            None => Api::all_with(client.clone(), &update.resource),
        };
        let body = json!({
            "metadata": { "resourceVersion": update.object.resource_version() },
            "status": update.status,
        });
        match api
            .patch_status(&name, &PatchParams::default(), &Patch::Merge(body))
            .await
        {
            Ok(_) => tracing::debug!(kind = %update.resource.kind, %name, "wrote the status"),
            Err(error) if is_conflict(&error) || is_not_found(&error) => {}
            Err(error) => {
                complete = false;
                tracing::warn!(kind = %update.resource.kind, %name, error = %ErrorChain(&error), "failed to write the status");
            }
        }
    }
    complete
}
