//! A kind with all shapes.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    Duration, RawExtension, api_type,
    meta::{ByteString, IntOrString, LabelSelector, ObjectMeta, Quantity, Time},
};

/// A kind with all shapes.
#[api_type]
#[api(
    group = "example.dev",
    version = "v1",
    kind = "Sample",
    plural = "samples",
    namespaced,
    short = "sm"
)]
pub(crate) struct Sample {
    /// Metadata.
    #[api(tag = 1)]
    pub(crate) metadata: ObjectMeta,
    /// Wish.
    #[api(tag = 2, optional)]
    pub(crate) spec: SampleSpec,
}

/// A wish.
#[api_type]
pub(crate) struct SampleSpec {
    /// Text left out when empty.
    #[api(tag = 1, omitempty, max_length = 5)]
    pub(crate) region: String,
    /// Text always written.
    #[api(tag = 2)]
    pub(crate) provider_name: String,
    /// Pointer.
    #[api(tag = 3)]
    pub(crate) enabled: Option<bool>,
    /// Number.
    #[api(tag = 4, omitempty, minimum = -1, maximum = 10)]
    pub(crate) replicas: i32,
    /// Pointer to a number.
    #[api(tag = 5)]
    pub(crate) tolerance: Option<f64>,
    /// Workers.
    #[api(tag = 6, list = "map", key = "name", patch = "merge")]
    pub(crate) workers: Vec<SampleWorker>,
    /// Texts.
    #[api(tag = 7, omitempty, list = "set")]
    pub(crate) zones: Vec<String>,
    /// Quantities.
    #[api(tag = 8, omitempty)]
    pub(crate) capacity: BTreeMap<String, Quantity>,
    /// Bytes.
    #[api(tag = 9, omitempty)]
    pub(crate) data: BTreeMap<String, ByteString>,
    /// Anything.
    #[api(tag = 10)]
    pub(crate) provider_config: Option<RawExtension>,
    /// Time.
    #[api(tag = 11)]
    pub(crate) since: Option<Time>,
    /// Duration.
    #[api(tag = 12)]
    pub(crate) timeout: Option<Duration>,
    /// Enum.
    #[api(tag = 13, omitempty)]
    pub(crate) purpose: SamplePurpose,
    /// Embedded.
    #[api(tag = 14, inline)]
    pub(crate) common: SampleCommon,
    /// Embedded, foreign and pointer.
    #[api(tag = 15, inline)]
    pub(crate) selector: Option<LabelSelector>,
    /// Named slice.
    #[api(tag = 16, omitempty)]
    pub(crate) values: SampleValues,
    /// Struct that omitempty does not omit.
    #[api(tag = 17, omitempty)]
    pub(crate) last: SampleWorker,
    /// Number or text.
    #[api(tag = 18)]
    pub(crate) port: Option<IntOrString>,
    /// A template, whose metadata is its own affair.
    #[api(tag = 19)]
    pub(crate) template: Option<SampleTemplate>,
    /// Large number.
    #[api(tag = 300, name = "observedGen")]
    pub(crate) observed_generation: Option<i64>,
}

/// What others are made from.
#[api_type]
pub(crate) struct SampleTemplate {
    /// Metadata.
    #[api(tag = 1, optional)]
    pub(crate) metadata: ObjectMeta,
}

/// An element.
#[api_type]
pub(crate) struct SampleWorker {
    /// Name.
    #[api(tag = 1)]
    pub(crate) name: String,
    /// Least number.
    #[api(tag = 2)]
    pub(crate) minimum: i32,
}

/// Embedded fields.
#[api_type]
pub(crate) struct SampleCommon {
    /// Type.
    #[api(tag = 1, name = "type")]
    pub(crate) type_: String,
}

/// Purposes.
#[api_type]
pub(crate) enum SamplePurpose {
    /// Evaluation.
    #[api(name = "evaluation")]
    Evaluation,
    /// Unknown.
    #[api(other)]
    Other(String),
}

/// A named slice.
#[api_type]
pub(crate) struct SampleValues(pub(crate) Vec<String>);

/// A file.
#[api_type]
#[api(group = "config.example.dev", version = "v1")]
pub(crate) struct SampleConfiguration {
    /// Volume without a schema of ours.
    pub(crate) volume: Option<k8s_openapi::api::core::v1::Volume>,
}

/// Quantities in all places.
#[api_type]
pub(crate) struct SampleResources {
    /// By value.
    #[api(tag = 1)]
    pub(crate) cpu: Quantity,
    /// By pointer.
    #[api(tag = 2)]
    pub(crate) memory: Option<Quantity>,
    /// In a map.
    #[api(tag = 3)]
    pub(crate) capacity: BTreeMap<String, Quantity>,
    /// In a foreign type.
    #[api(tag = 4)]
    pub(crate) resources: k8s_openapi::api::core::v1::ResourceRequirements,
}

/// A sample with every field set.
pub(crate) fn full() -> serde_json::Value {
    json!({
        "apiVersion": "example.dev/v1",
        "kind": "Sample",
        "metadata": {
            "name": "a", "namespace": "b", "labels": {"k": "v"}, "creationTimestamp": "2024-01-02T03:04:05Z",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true}],
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}, "time": "2024-01-02T03:04:05Z"}],
        },
        "spec": {
            "region": "eu", "providerName": "", "enabled": false, "replicas": -3, "tolerance": 0.25,
            "workers": [{"name": "w", "minimum": 1}, {"name": "", "minimum": 0}],
            "zones": ["a", "b"], "capacity": {"cpu": "100m"}, "data": {"x": "AAE="},
            "providerConfig": {"apiVersion": "x/v1", "n": 1}, "since": "2024-01-02T03:04:05Z", "timeout": "5m0s",
            "purpose": "something-new", "type": "local", "matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}],
            "port": "http", "template": {"metadata": {"labels": {"a": "b"}}}, "values": ["q"], "last": {"name": "l", "minimum": 2}, "observedGen": 9_000_000_000_i64,
        },
    })
}
