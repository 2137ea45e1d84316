//! Configuration files of the garden's controllers, as ConfigMaps.
//!
//! In: what the Garden sets. Out: a [`ConfigFile`]. Its name carries a checksum, so a new configuration makes new pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::files::GENERIC_KUBECONFIG_DIRECTORY;

/// The one key of these ConfigMaps.
pub(crate) const CONFIG_KEY: &str = "config.yaml";

/// A configuration file and the ConfigMap that carries it.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    /// The ConfigMap's name, with a checksum of the content.
    pub(crate) name: String,
    content: String,
}

impl ConfigFile {
    fn new(component: &str, content: &Value) -> Self {
        // JSON is YAML.
        Self::of_text(component, format!("{content:#}\n"))
    }

    fn of_text(component: &str, content: String) -> Self {
        let checksum: String = Sha256::digest(&content)
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            name: format!("{component}-config-{checksum}"),
            content,
        }
    }

    /// The immutable ConfigMap.
    pub(crate) fn config_map(&self, namespace: &str) -> ConfigMap {
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            immutable: Some(true),
            data: Some(BTreeMap::from([(CONFIG_KEY.to_owned(), self.content.clone())])),
            ..ConfigMap::default()
        }
    }
}

/// gardener-scheduler's configuration.
pub(crate) fn scheduler_config(strategy: &str, log_level: &str) -> ConfigFile {
    let content = json!({
        "apiVersion": "scheduler.config.gardener.cloud/v1alpha1",
        "kind": "SchedulerConfiguration",
        "clientConnection": client_connection(),
        "logLevel": log_level,
        "logFormat": "json",
        "leaderElection": leader_election("gardener-scheduler-leader-election"),
        "server": server(),
        "schedulers": { "shoot": { "concurrentSyncs": 5, "candidateDeterminationStrategy": strategy } },
    });
    ConfigFile::new("gardener-scheduler", &content)
}

/// gardener-controller-manager's configuration.
pub(crate) fn controller_manager_config(log_level: &str) -> ConfigFile {
    let content = json!({
        "apiVersion": "controllermanager.config.gardener.cloud/v1alpha1",
        "kind": "ControllerManagerConfiguration",
        "gardenClientConnection": client_connection(),
        "logLevel": log_level,
        "logFormat": "json",
        "leaderElection": leader_election("gardener-controller-manager-leader-election"),
        "server": server(),
        "controllers": {},
    });
    ConfigFile::new("gardener-controller-manager", &content)
}

/// An installation's own image vector, for processes that look images up themselves.
pub(crate) fn image_vector_overwrite(text: String) -> ConfigFile {
    ConfigFile::of_text("imagevector-overwrite", text)
}

/// One replica runs: the lease guards against an old pod that does not go away.
fn leader_election(name: &str) -> Value {
    json!({ "leaderElect": true, "resourceNamespace": "garden", "resourceName": name, "resourceLock": "leases" })
}

fn client_connection() -> Value {
    json!({ "kubeconfig": format!("{GENERIC_KUBECONFIG_DIRECTORY}/kubeconfig"), "qps": 100, "burst": 130 })
}

fn server() -> Value {
    json!({ "healthProbes": { "bindAddress": "0.0.0.0", "port": 8081 } })
}
