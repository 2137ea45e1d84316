//! Schemas by golden files: OpenAPI components, the structural schema, the merge tree. And unknown fields.

use expect_test::expect_file;
use serde_json::json;

use super::sample::{Sample, full};
use crate::{
    List,
    merge::MergeSchema as _,
    openapi::{Components, OpenApi as _},
    schema::unknown_fields,
};

#[test]
fn components_are_rendered() {
    let mut components = Components::default();
    components.add::<List<Sample>>();
    let text = serde_json::to_string_pretty(&components.to_value()).expect("serializable");
    expect_file!["../../tests/golden/sample.openapi.json"].assert_eq(&text);
}

#[test]
fn structural_schema_is_rendered() {
    let text = serde_json::to_string_pretty(&Sample::schema().structural()).expect("serializable");
    expect_file!["../../tests/golden/sample.structural.json"].assert_eq(&text);
}

#[test]
fn merge_tree_follows_the_schema() {
    let tree = format!("{:#?}\n", Sample::merge_schema());
    expect_file!["../../tests/golden/sample.merge.txt"].assert_eq(&tree);
}

#[test]
fn unknown_fields_are_found() {
    assert_eq!(unknown_fields(&full(), &Sample::schema()), Vec::<String>::new());
    let value = json!({
        "apiVersion": "x", "extra": 1,
        "metadata": {"nme": "a", "labels": {"any": "thing"}, "kind": "x"},
        "spec": {
            "workers": [{"name": "a"}, {"mame": "b"}], "providerConfig": {"any": {"thing": 1}},
            "matchLabels": {"any": "thing"}, "common": {}, "type": "x", "kind": "x",
        },
    });
    assert_eq!(
        unknown_fields(&value, &Sample::schema()),
        [
            "extra",
            "metadata.kind",
            "metadata.nme",
            "spec.common",
            "spec.kind",
            "spec.workers[1].mame"
        ]
    );
}
