//! The YAML files in the repository's folder `crds` are what the types say.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

const HEADER: &str =
    "# Generated from the crate `api`. To write it anew: UPDATE_GOLDEN=1 cargo test -p api --test crds\n";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crds")
}

fn name(definition: &CustomResourceDefinition) -> &str {
    definition.metadata.name.as_deref().unwrap()
}

fn files() -> BTreeMap<String, String> {
    api::crds::all()
        .iter()
        .map(|definition| {
            let yaml = serde_yaml_ng::to_string(definition).unwrap();
            (format!("{}.yaml", name(definition)), format!("{HEADER}{yaml}"))
        })
        .collect()
}

#[test]
fn files_are_up_to_date() {
    let wanted = files();
    let folder = folder();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (name, text) in &wanted {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let found: BTreeMap<String, String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert_eq!(
        wanted.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>(),
        "run with UPDATE_GOLDEN=1"
    );
    for (name, text) in &wanted {
        assert!(
            found[name] == *text,
            "crds/{name} is out of date: run with UPDATE_GOLDEN=1"
        );
    }
}

#[test]
fn every_definition_has_fields_status_and_age() {
    for definition in api::crds::all() {
        let version = &definition.spec.versions[0];
        let schema = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        let properties = schema.properties.as_ref().unwrap();
        // A class has its fields at the top, and nobody reports on it.
        let class = definition.spec.names.kind == "MachineClass";
        let body = if class { "providerSpec" } else { "spec" };
        for property in ["apiVersion", "kind", "metadata", body] {
            assert!(
                properties.contains_key(property),
                "{} lacks {property}",
                name(&definition)
            );
        }
        let metadata = serde_json::to_value(&properties["metadata"]).unwrap();
        assert_eq!(
            metadata,
            serde_json::json!({ "type": "object" }),
            "the API server refuses more"
        );
        let status = version.subresources.as_ref().is_some_and(|some| some.status.is_some());
        assert_eq!(status, !class, "{}", name(&definition));
        let columns = version.additional_printer_columns.as_ref().unwrap();
        assert!(columns.iter().any(|column| column.name == "Age"));
    }
}

#[test]
fn etcd_keeps_its_rule_on_replicas() {
    let text = &files()["etcds.druid.gardener.cloud.yaml"];
    assert!(text.contains("self == 0 || self >= oldSelf"));
}
