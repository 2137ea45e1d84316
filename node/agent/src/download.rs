//! The machine's OperatingSystemConfig: a Secret of the shoot, kept on disk, too, for the time when no API server answers.

use std::{sync::Arc, time::Duration};

use api::{
    config::node_agent::NodeAgentConfiguration,
    constants::{CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG, DATA_KEY_OPERATING_SYSTEM_CONFIG},
    extensions::v1alpha1::OperatingSystemConfig,
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use lib_error_chain::ErrorChain;
use plan_node::NODE_AGENT_CONFIGURATION;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::{
    files,
    layout::{DOWNLOAD, Layout},
    retry::Attempts,
};

/// Where the Secrets lie.
pub(crate) const NAMESPACE: &str = "kube-system";

/// An OperatingSystemConfig with the checksum that the cluster knows it by.
#[derive(Debug)]
pub(crate) struct Download {
    /// What the Node is annotated with when it is applied.
    pub(crate) checksum: String,
    /// What to apply.
    pub(crate) config: OperatingSystemConfig,
}

/// How it lies on disk.
#[derive(Serialize, Deserialize)]
struct Stored {
    checksum: String,
    config: String,
}

/// Why there is no OperatingSystemConfig.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// The Secret lacks it.
    #[error("the Secret {0} has no {DATA_KEY_OPERATING_SYSTEM_CONFIG}")]
    Missing(String),
    /// It is none.
    #[error("failed to understand the OperatingSystemConfig")]
    Parse(#[from] serde_yaml_ng::Error),
    /// What lies on disk is not what we put there.
    #[error("failed to read the OperatingSystemConfig fetched last")]
    Stored(#[from] serde_json::Error),
}

impl Download {
    fn of_secret(secret: &Secret) -> Result<(Self, Stored), DownloadError> {
        let data = secret
            .data
            .as_ref()
            .and_then(|data| data.get(DATA_KEY_OPERATING_SYSTEM_CONFIG));
        let missing = || DownloadError::Missing(secret.metadata.name.clone().unwrap_or_default());
        let bytes = &data.ok_or_else(missing)?.0;
        let annotations = secret.metadata.annotations.as_ref();
        let annotated = annotations.and_then(|all| all.get(CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG));
        let computed = || Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let stored = Stored {
            checksum: annotated.cloned().unwrap_or_else(computed),
            config: String::from_utf8_lossy(bytes).into_owned(),
        };
        Ok((Self::of_stored(&stored)?, stored))
    }

    fn of_stored(stored: &Stored) -> Result<Self, DownloadError> {
        Ok(Self {
            checksum: stored.checksum.clone(),
            config: serde_yaml_ng::from_str(&stored.config)?,
        })
    }

    /// The one fetched last, if there is one.
    pub(crate) fn from_disk(layout: &Layout) -> Option<Self> {
        let text = fs_err::read(layout.at(DOWNLOAD)).ok()?;
        let read = serde_json::from_slice(&text)
            .map_err(DownloadError::Stored)
            .and_then(|stored| Self::of_stored(&stored));
        read.inspect_err(
            |error| tracing::warn!(error = %ErrorChain(error), "nothing to go on with until the API server answers"),
        )
        .ok()
    }

    /// The Kubernetes version that it makes of the node: that of the node-agent configuration in it.
    pub(crate) fn kubernetes_version(&self) -> Option<String> {
        let file = self
            .config
            .spec
            .files
            .iter()
            .find(|file| file.path == NODE_AGENT_CONFIGURATION)?;
        let text = &file.content.inline.as_ref()?.data;
        let configuration: NodeAgentConfiguration = serde_yaml_ng::from_str(text).ok()?;
        let version = configuration.controllers.operating_system_config.kubernetes_version;
        (!version.is_empty()).then_some(version)
    }
}

/// Watches the Secret `name` and tells `wishes` what it says. Returns when the watch has ended for good, which it does not by itself.
pub(crate) async fn follow(client: Client, name: &str, layout: &Layout, wishes: &watch::Sender<Option<Arc<Download>>>) {
    let api: Api<Secret> = Api::namespaced(client, NAMESPACE);
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut events = std::pin::pin!(watcher(api, only).backoff(controller::watch::WatchBackoff::default()));
    let mut attempts = Attempts::new(Duration::ZERO, Duration::ZERO);
    let mut found = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(secret) | Event::InitApply(secret)) => {
                attempts.succeeded();
                found = true;
                accept(&secret, layout, wishes);
            }
            Ok(Event::Delete(_)) => {
                tracing::warn!(secret = name, "the OperatingSystemConfig is gone, keeping the last one")
            }
            Ok(Event::InitDone) if !found => {
                tracing::warn!(secret = name, "waiting for the OperatingSystemConfig to appear")
            }
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, secret = name, "failed to watch the OperatingSystemConfig, will retry");
                }
            }
        }
    }
}

fn accept(secret: &Secret, layout: &Layout, wishes: &watch::Sender<Option<Arc<Download>>>) {
    let (download, stored) = match Download::of_secret(secret) {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(error = %ErrorChain(&error), "keeping the last OperatingSystemConfig");
            return;
        }
    };
    let known = wishes
        .borrow()
        .as_ref()
        .is_some_and(|known| known.checksum == download.checksum);
    if known {
        return;
    }
    let text = serde_json::to_vec(&stored).unwrap_or_default();
    if let Err(error) = files::replace(&layout.at(DOWNLOAD), 0o600, &text) {
        tracing::warn!(error = %ErrorChain(&error), "failed to keep the OperatingSystemConfig on disk");
    }
    tracing::info!(checksum = %download.checksum, "fetched an OperatingSystemConfig");
    wishes.send_replace(Some(Arc::new(download)));
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::{ByteString, apimachinery::pkg::apis::meta::v1::ObjectMeta};

    use super::*;
    use crate::wished::tests::{config, file};

    pub(crate) fn secret(name: &str, config: &OperatingSystemConfig) -> Secret {
        let text = serde_yaml_ng::to_string(config).unwrap();
        Secret {
            metadata: ObjectMeta {
                name: Some(name.into()),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(
                DATA_KEY_OPERATING_SYSTEM_CONFIG.to_owned(),
                ByteString(text.into_bytes()),
            )])),
            ..Secret::default()
        }
    }

    #[test]
    fn what_was_fetched_is_found_again() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        assert!(Download::from_disk(&layout).is_none());
        let (wishes, wish) = watch::channel(None);
        accept(
            &secret("a", &config(vec![file("/etc/a", "text")], vec![])),
            &layout,
            &wishes,
        );
        let fetched = wish.borrow().clone().unwrap();
        let found = Download::from_disk(&layout).unwrap();
        assert_eq!(found.checksum, fetched.checksum);
        assert_eq!(found.config, fetched.config);
    }

    #[test]
    fn a_broken_one_leaves_the_last() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        let (wishes, wish) = watch::channel(None);
        accept(&secret("a", &config(vec![], vec![])), &layout, &wishes);
        let checksum = wish.borrow().clone().unwrap().checksum.clone();
        let mut broken = secret("a", &config(vec![], vec![]));
        broken.data = Some(BTreeMap::from([(
            DATA_KEY_OPERATING_SYSTEM_CONFIG.to_owned(),
            ByteString(b"spec: 3".to_vec()),
        )]));
        accept(&broken, &layout, &wishes);
        accept(&Secret::default(), &layout, &wishes);
        assert_eq!(wish.borrow().clone().unwrap().checksum, checksum);
    }

    #[test]
    fn the_version_is_the_one_of_the_configuration_in_it() {
        let wish = plan_node::NodeWish {
            kubernetes_version: "1.35.4".into(),
            ..plan_node::NodeWish::default()
        };
        let config = OperatingSystemConfig {
            spec: plan_node::plan_original(&wish),
            ..OperatingSystemConfig::default()
        };
        let (download, _) = Download::of_secret(&secret("a", &config)).unwrap();
        assert_eq!(download.kubernetes_version().as_deref(), Some("1.35.4"));
    }
}
