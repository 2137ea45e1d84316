//! A cluster of the landscape: objects are applied to it, and whether that changed anything is known afterwards.

use std::time::Duration;

use controller::apply::{Applier, ApplyError};
use controller::connect::from_kubeconfig_str;
use futures::{StreamExt, TryStreamExt};
use kube::Client;
use lib_error_chain::ErrorChain;
use serde_json::Value;
use tokio::time::Instant;

use super::context::Phase;
use super::error::UpError;

/// The name under which bring-up owns fields.
const FIELD_MANAGER: &str = "kubeception-up";

/// Objects that are applied at the same time.
const CONCURRENCY: usize = 8;

/// How long an API server that has just started may refuse what it will accept: its roles, kinds and webhooks come one by one.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

/// A cluster and the right to change it.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    applier: Applier,
}

impl Cluster {
    /// The cluster of a kubeconfig. `name` is for messages.
    pub(crate) async fn connect(name: &'static str, kubeconfig: &str) -> Result<Self, UpError> {
        let client =
            from_kubeconfig_str(kubeconfig).await.map_err(|source| UpError::Connect { cluster: name, source })?;
        Ok(Self { applier: Applier::new(client, FIELD_MANAGER) })
    }

    pub(crate) fn client(&self) -> Client {
        self.applier.client().clone()
    }

    /// Applies objects: namespaces first, then all others, several at a time. The phase is told when anything changed.
    pub(crate) async fn apply_all(&self, phase: &Phase, objects: Vec<Value>) -> Result<(), UpError> {
        let (namespaces, others): (Vec<Value>, Vec<Value>) =
            objects.into_iter().partition(|object| object["kind"] == "Namespace");
        for objects in [namespaces, others] {
            futures::stream::iter(objects.into_iter().map(|object| self.apply(phase, object)))
                .buffer_unordered(CONCURRENCY)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    /// Applies one object, patiently.
    pub(crate) async fn apply(&self, phase: &Phase, object: Value) -> Result<(), UpError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.find(&object).await;
            match self.applier.apply_value(&object).await {
                Ok(after) => {
                    if before.is_none_or(|before| is_different(&before, &serde_json::to_value(after).unwrap_or_default())) {
                        phase.changed();
                    }
                    return Ok(());
                }
                Err(error) if is_final(&error) || Instant::now() > deadline => return Err(error.into()),
                Err(error) => phase.detail(ErrorChain(&error).to_string()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The object as it is in the cluster. Errors count as its absence: the apply that follows will tell them.
    async fn find(&self, object: &Value) -> Option<Value> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let client = self.applier.client();
        let mapping = self.applier.mapper().find(client, text("/apiVersion")?, text("/kind")?).await.ok()?;
        let path = format!("{}/{}", mapping.collection_path(text("/metadata/namespace")), text("/metadata/name")?);
        let request = http::Request::get(path).body(Vec::new()).ok()?;
        client.request(request).await.ok()
    }
}

/// Whether waiting cannot help: the server understood, and refused what was asked.
fn is_final(error: &ApplyError) -> bool {
    match error.api_error() {
        Some(kube::Error::Api(status)) => matches!(status.code, 400 | 405 | 409 | 422),
        _ => matches!(error, ApplyError::Incomplete(_) | ApplyError::Encode { .. }),
    }
}

/// Whether two versions of an object differ in what users wish, not in what controllers report.
fn is_different(before: &Value, after: &Value) -> bool {
    wish(before) != wish(after)
}

fn wish(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        metadata.remove("resourceVersion");
        metadata.remove("generation");
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_controllers_write_is_no_change() {
        let before = json!({"metadata": {"name": "a", "resourceVersion": "1", "generation": 1}, "spec": {"a": 1}});
        let reported = json!({"metadata": {"name": "a", "resourceVersion": "2"}, "spec": {"a": 1}, "status": {"ready": true}});
        let wished = json!({"metadata": {"name": "a", "resourceVersion": "2"}, "spec": {"a": 2}});
        assert!(!is_different(&before, &reported));
        assert!(is_different(&before, &wished));
    }
}
