//! A cluster of the landscape: objects are applied to it, and whether that changed anything is known afterwards.

use std::time::Duration;

use controller::apply::{Applier, ApplyError, describe};
use controller::connect::from_kubeconfig_str;
use futures::{StreamExt, TryStreamExt};
use http::header::CONTENT_TYPE;
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
        let client = from_kubeconfig_str(kubeconfig)
            .await
            .map_err(|source| UpError::Connect { cluster: name, source })?;
        Ok(Self {
            applier: Applier::new(client, FIELD_MANAGER),
        })
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
            match self.try_apply(&object).await {
                Ok(changed) => {
                    if changed {
                        phase.changed();
                    }
                    return Ok(());
                }
                Err(error) if is_final(&error) || Instant::now() > deadline => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "not applied yet");
                    phase.waiting(format!("{} is not accepted yet", name_of(&object)));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Applies one object, and says whether that changed anything.
    async fn try_apply(&self, object: &Value) -> Result<bool, ApplyError> {
        let before = self.find(object).await;
        if is_aggregated(object) {
            return self.upsert(object, before).await;
        }
        let after = self.applier.apply_value(object).await?;
        let after = serde_json::to_value(after).unwrap_or_default();
        Ok(before.is_none_or(|before| is_different(&before, &after)))
    }

    /// Creates the object, or merges it into the one that is there, for servers that know no server-side apply.
    async fn upsert(&self, object: &Value, before: Option<Value>) -> Result<bool, ApplyError> {
        if before.as_ref().is_some_and(|before| is_within(object, before)) {
            return Ok(false);
        }
        let name = name_of(object);
        let collection = self
            .collection(object)
            .await
            .ok_or(ApplyError::Incomplete("a known kind"))?;
        let own_name = object
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let request = match before {
            None => http::Request::post(collection).header(CONTENT_TYPE, "application/json"),
            Some(_) => http::Request::patch(format!("{collection}/{own_name}"))
                .header(CONTENT_TYPE, "application/merge-patch+json"),
        };
        let failed = |source| ApplyError::Apply {
            object: name.clone(),
            source: Box::new(source),
        };
        let request = request
            .body(object.to_string().into_bytes())
            .map_err(kube::Error::HttpError)
            .map_err(failed)?;
        self.applier.client().request::<Value>(request).await.map_err(failed)?;
        Ok(true)
    }

    /// The object as it is in the cluster. Errors count as its absence: what follows will tell them.
    async fn find(&self, object: &Value) -> Option<Value> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str)?;
        let path = format!("{}/{name}", self.collection(object).await?);
        let request = http::Request::get(path).body(Vec::new()).ok()?;
        self.applier.client().request(request).await.ok()
    }

    /// Where objects of this kind lie.
    async fn collection(&self, object: &Value) -> Option<String> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let mapper = self.applier.mapper();
        let mapping = mapper
            .find(self.applier.client(), text("/apiVersion")?, text("/kind")?)
            .await
            .ok()?;
        Some(mapping.collection_path(text("/metadata/namespace")))
    }
}

/// An object in messages.
fn name_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    describe(
        text("/kind").unwrap_or_default(),
        text("/metadata/namespace"),
        text("/metadata/name").unwrap_or_default(),
    )
}

/// Whether our own API server serves the kind: it knows patches, but no server-side apply yet.
fn is_aggregated(object: &Value) -> bool {
    const GROUPS: [&str; 4] = ["core", "operations", "security", "seedmanagement"];
    let group = object["apiVersion"]
        .as_str()
        .and_then(|version| version.split_once('/'))
        .map(|(group, _)| group);
    group
        .and_then(|group| group.strip_suffix(".gardener.cloud"))
        .is_some_and(|group| GROUPS.contains(&group))
}

/// Whether everything that `wished` says is so in `actual`.
fn is_within(wished: &Value, actual: &Value) -> bool {
    match (wished, actual) {
        (Value::Object(wished), Value::Object(actual)) => wished
            .iter()
            .all(|(key, value)| actual.get(key).is_some_and(|actual| is_within(value, actual))),
        (Value::Array(wished), Value::Array(actual)) => {
            wished.len() == actual.len()
                && wished
                    .iter()
                    .zip(actual)
                    .all(|(wished, actual)| is_within(wished, actual))
        }
        _ => wished == actual,
    }
}

/// Whether waiting cannot help: the server understood, and refused what was asked.
fn is_final(error: &ApplyError) -> bool {
    match error.api_error() {
        Some(kube::Error::Api(status)) => matches!(status.code, 400 | 405 | 409 | 415 | 422),
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
        let reported =
            json!({"metadata": {"name": "a", "resourceVersion": "2"}, "spec": {"a": 1}, "status": {"ready": true}});
        let wished = json!({"metadata": {"name": "a", "resourceVersion": "2"}, "spec": {"a": 2}});
        assert!(!is_different(&before, &reported));
        assert!(is_different(&before, &wished));
    }

    #[test]
    fn defaults_are_no_difference_and_lists_are_compared_whole() {
        let actual = json!({"spec": {"a": 1, "defaulted": true, "list": [{"name": "x", "defaulted": 1}]}});
        assert!(is_within(&json!({"spec": {"a": 1, "list": [{"name": "x"}]}}), &actual));
        assert!(!is_within(&json!({"spec": {"a": 2}}), &actual));
        assert!(!is_within(&json!({"spec": {"list": []}}), &actual));
        assert!(!is_within(&json!({"spec": {"new": 1}}), &actual));
    }

    #[test]
    fn our_own_api_is_told_from_kubernetes_and_from_custom_resources() {
        let cases = [
            ("core.gardener.cloud/v1beta1", true),
            ("security.gardener.cloud/v1alpha1", true),
            ("operator.gardener.cloud/v1alpha1", false),
            ("apps/v1", false),
            ("v1", false),
        ];
        for (version, expected) in cases {
            assert_eq!(is_aggregated(&json!({"apiVersion": version})), expected, "{version}");
        }
    }
}
