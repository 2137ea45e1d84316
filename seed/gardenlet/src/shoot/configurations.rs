//! What node-agents fetch: a Secret per pool in the shoot, with the whole OperatingSystemConfig. Pure.

use std::collections::{BTreeMap, BTreeSet};

use api::{
    constants::{
        CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG, DATA_KEY_OPERATING_SYSTEM_CONFIG, GARDEN_ROLE, LABEL_WORKER_POOL,
        ROLE_OPERATING_SYSTEM_CONFIG,
    },
    extensions::v1alpha1::{OperatingSystemConfig, OperatingSystemConfigStatus},
};
use apimachinery::meta::ObjectMeta;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::TaskError;

/// Where node-agents look.
const NAMESPACE: &str = "kube-system";

/// The Secret of a pool: the configuration as planned, with what the operating system's extension added.
pub(crate) fn secret(name: &str, pool: &str, original: &OperatingSystemConfig) -> Result<Secret, TaskError> {
    let text = serde_yaml_ng::to_string(&complete(name, original)).map_err(|source| TaskError::Encode {
        what: "a machine's configuration",
        source: Box::new(source),
    })?;
    let checksum: String = Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let labels = [(GARDEN_ROLE, ROLE_OPERATING_SYSTEM_CONFIG), (LABEL_WORKER_POOL, pool)];
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: Some([(CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG.to_owned(), checksum)].into()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            DATA_KEY_OPERATING_SYSTEM_CONFIG.to_owned(),
            ByteString(text.into_bytes()),
        )])),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    })
}

/// Without what changes with every reconciliation: machines would apply it again for nothing.
fn complete(name: &str, original: &OperatingSystemConfig) -> OperatingSystemConfig {
    let OperatingSystemConfigStatus {
        extension_units,
        extension_files,
        in_place_updates,
        ..
    } = original.status.clone();
    OperatingSystemConfig {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: original.spec.clone(),
        status: OperatingSystemConfigStatus {
            extension_units,
            extension_files,
            in_place_updates,
            ..OperatingSystemConfigStatus::default()
        },
    }
}

/// The configurations of an earlier bundle that `wished` does not hold: machines that are about to be replaced still
/// read them.
pub(crate) fn still_read(earlier: &str, wished: &[Value]) -> Vec<Value> {
    let name = |object: &Value| object["metadata"]["name"].as_str().map(str::to_owned);
    let wished: BTreeSet<String> = wished.iter().filter_map(name).collect();
    serde_yaml_ng::Deserializer::from_str(earlier)
        .filter_map(|document| serde::Deserialize::deserialize(document).ok())
        .filter(|object: &Value| object["kind"] == "Secret")
        .filter(|object| name(object).is_some_and(|name| !wished.contains(&name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use api::{
        core::v1beta1::LastOperation,
        extensions::v1alpha1::{DefaultStatus, File, Unit},
    };
    use serde_json::json;

    use super::*;

    fn original() -> OperatingSystemConfig {
        let file = |path: &str| File {
            path: path.to_owned(),
            ..File::default()
        };
        let mut original = OperatingSystemConfig::default();
        original.metadata.name = Some("gardener-node-agent-worker-01234567-original".to_owned());
        original.spec.files = vec![file("/etc/planned")];
        original.status.extension_files = vec![file("/etc/added")];
        original.status.extension_units = vec![Unit {
            name: "added.service".to_owned(),
            ..Unit::default()
        }];
        original
    }

    #[test]
    fn a_node_agent_gets_all_of_it_and_its_checksum() {
        let secret = secret("gardener-node-agent-worker-01234567", "worker", &original()).unwrap();
        let text = String::from_utf8(secret.data.unwrap().remove("osc.yaml").unwrap().0).unwrap();
        let read: OperatingSystemConfig = serde_yaml_ng::from_str(&text).unwrap();
        assert_eq!(read.spec.files[0].path, "/etc/planned");
        assert_eq!(read.status.extension_files[0].path, "/etc/added");
        assert_eq!(read.status.extension_units[0].name, "added.service");
        assert!(text.contains("kind: OperatingSystemConfig"), "{text}");
        let checksum = &secret.metadata.annotations.unwrap()["checksum/data-script"];
        assert_eq!(checksum.len(), 64);
        let labels = secret.metadata.labels.unwrap();
        assert_eq!(labels["worker.gardener.cloud/pool"], "worker");
        assert_eq!(labels["gardener.cloud/role"], "operating-system-config");
    }

    #[test]
    fn what_changes_with_every_reconciliation_is_left_out() {
        let mut later = original();
        later.metadata.resource_version = Some("2".to_owned());
        later.status.default_status = DefaultStatus {
            last_operation: Some(LastOperation::default()),
            observed_generation: 7,
            ..DefaultStatus::default()
        };
        assert_eq!(
            secret("a", "worker", &later).unwrap(),
            secret("a", "worker", &original()).unwrap()
        );
    }

    #[test]
    fn old_configurations_stay_as_long_as_they_are_read() {
        let object = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}});
        let earlier = [
            object("ClusterRole", "a"),
            object("Secret", "old"),
            object("Secret", "same"),
        ]
        .map(|object| format!("---\n{}", serde_yaml_ng::to_string(&object).unwrap()))
        .concat();
        let wished = [object("Secret", "same"), object("Secret", "new")];
        assert_eq!(still_read(&earlier, &wished), [object("Secret", "old")]);
        assert_eq!(still_read("", &wished), Vec::<Value>::new());
    }
}
