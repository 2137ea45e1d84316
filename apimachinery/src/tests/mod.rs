//! One sample of all shapes, through every convention.

mod codec; // protobuf, by properties
mod openapi; // schemas, by golden files
mod sample;

use serde_json::json;

use self::sample::{Sample, SampleConfiguration, SampleResources, full};
use crate::{
    ApiObject as _, List,
    meta::LabelSelector,
    protobuf::{Protobuf, decode_object, encode_object},
};

#[test]
fn json_round_trips() {
    let sample: Sample = serde_json::from_value(full()).expect("valid");
    assert_eq!(serde_json::to_value(&sample).expect("serializable"), full());
}

#[test]
fn defaults_are_gos() {
    let sample = Sample::default();
    assert_eq!(
        serde_json::to_value(&sample).expect("serializable"),
        json!({"apiVersion": "example.dev/v1", "kind": "Sample", "metadata": {},
            "spec": {"providerName": "", "workers": [], "type": "", "last": {"name": "", "minimum": 0}}})
    );
    let nulls = json!({"metadata": null, "spec": {"region": null, "workers": null, "purpose": null, "type": null,
        "capacity": null, "values": null, "matchLabels": null, "unknown": [1]}});
    let mut read: Sample = serde_json::from_value(nulls).expect("null is the default");
    // A mentioned field makes the embedded pointer present, as in Go.
    assert_eq!(read.spec.selector.take(), Some(LabelSelector::default()));
    assert_eq!(read, sample);
}

#[test]
fn protobuf_round_trips() {
    let sample: Sample = serde_json::from_value(full()).expect("valid");
    let bytes = encode_object(&sample);
    assert_eq!(decode_object::<Sample>(&bytes).expect("decodable"), sample);
    let empty = Sample::default();
    assert_eq!(Sample::decode(&empty.encode()).expect("decodable"), empty);
}

#[test]
fn errors_name_the_field() {
    let error = serde_json::from_str::<Sample>(r#"{"spec":{"workers":[{"minimum":"x"}]}}"#).expect_err("wrong type");
    assert_eq!(
        error.to_string(),
        r#"spec.workers.minimum: invalid type: string "x", expected i32 at line 1 column 34"#
    );
}

#[test]
fn a_kind_knows_its_names() {
    assert_eq!(Sample::group_version_kind().to_string(), "example.dev/v1, Kind=Sample");
    assert_eq!(
        (Sample::LIST_KIND, Sample::SINGULAR, Sample::SHORT_NAMES),
        ("SampleList", "sample", &["sm"][..])
    );
    let url = <Sample as kube_core::Resource>::url_path(&(), Some("ns"));
    assert_eq!(url, "/apis/example.dev/v1/namespaces/ns/samples");
    let list = serde_json::to_value(List::<Sample>::default()).expect("serializable");
    assert_eq!(
        list,
        json!({"apiVersion": "example.dev/v1", "kind": "SampleList", "metadata": {}, "items": []})
    );
    let file = serde_json::to_value(SampleConfiguration::default()).expect("serializable");
    assert_eq!(
        file,
        json!({"apiVersion": "config.example.dev/v1", "kind": "SampleConfiguration"})
    );
}

#[test]
fn quantities_are_read_leniently_and_written_canonically() {
    let read = |json: serde_json::Value| serde_json::from_value::<SampleResources>(json);
    let resources = read(json!({
        "cpu": 2, "memory": "1024Mi", "capacity": {"a": 0.5, "b": "1000m"},
        "resources": {"limits": {"cpu": 1.5}, "requests": {"memory": 1024}},
    }))
    .expect("valid");
    assert_eq!(
        serde_json::to_value(&resources).expect("serializable"),
        json!({
            "cpu": "2", "memory": "1Gi", "capacity": {"a": "500m", "b": "1"},
            "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "1024"}},
        })
    );
    let empty = serde_json::to_value(SampleResources::default()).expect("serializable");
    assert_eq!(empty, json!({"cpu": "0", "capacity": {}, "resources": {}}));
    let error = read(json!({"cpu": "x"})).expect_err("no quantity").to_string();
    assert!(
        error.starts_with("cpu: quantities must match the regular expression"),
        "{error}"
    );
}
