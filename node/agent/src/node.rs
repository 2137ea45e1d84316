//! Tells the cluster what was applied, by the Node's annotation and label, and does what an annotation there asks for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::constants::{CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG, LABEL_WORKER_KUBERNETES_VERSION};
use controller::error::is_not_found;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use lib_error_chain::ErrorChain;
use plan_node::NODE_AGENT_UNIT;
use serde_json::json;
use tokio::sync::watch;

use crate::{NAME, download::Download, retry::Attempts, units::Units};

/// Units to restart, by a comma apart (Gardener API).
const RESTART_UNITS: &str = "worker.gardener.cloud/restart-systemd-services";
/// How often the Node is looked at when nothing is new.
const LOOK: Duration = Duration::from_secs(30);
/// The kubelet registers the Node within seconds, and others wait for the annotation.
const SOON: Duration = Duration::from_secs(1);

/// Reports until it is dropped.
pub(crate) async fn report(
    client: Client,
    machine: &str,
    units: &dyn Units,
    mut applied: watch::Receiver<Option<Arc<Download>>>,
) {
    let nodes: Api<Node> = Api::all(client);
    let mut attempts = Attempts::new(SOON, LOOK);
    loop {
        let download = applied.borrow_and_update().clone();
        let wait = match step(&nodes, machine, units, download.as_deref()).await {
            Ok(true) => {
                attempts.succeeded();
                LOOK
            }
            Ok(false) => SOON,
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, "failed to tell the cluster what was applied, will retry");
                }
                attempts.failed()
            }
        };
        let changed = async {
            if applied.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Whether the Node is there and says all there is to say.
async fn step(
    nodes: &Api<Node>,
    machine: &str,
    units: &dyn Units,
    applied: Option<&Download>,
) -> Result<bool, kube::Error> {
    let node = match nodes.get(machine).await {
        Ok(node) => node,
        Err(error) if is_not_found(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    let annotations = node.metadata.annotations.unwrap_or_default();
    if let Some(names) = annotations.get(RESTART_UNITS) {
        patch(
            nodes,
            machine,
            &json!({"metadata": {"annotations": {RESTART_UNITS: null}}}),
        )
        .await?;
        restart(units, names).await;
    }
    let Some(download) = applied else { return Ok(false) };
    let labels = node.metadata.labels.unwrap_or_default();
    if let Some(change) = change(&annotations, &labels, download) {
        patch(nodes, machine, &change).await?;
        tracing::info!(node = machine, checksum = %download.checksum, "told the cluster what was applied");
    }
    Ok(true)
}

async fn patch(nodes: &Api<Node>, machine: &str, change: &serde_json::Value) -> Result<(), kube::Error> {
    let parameters = PatchParams {
        field_manager: Some(NAME.to_owned()),
        ..PatchParams::default()
    };
    nodes.patch(machine, &parameters, &Patch::Merge(change)).await.map(drop)
}

fn change(
    annotations: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
    download: &Download,
) -> Option<serde_json::Value> {
    let version = download.kubernetes_version();
    let said = annotations.get(CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG) == Some(&download.checksum);
    let labelled = version.is_none() || labels.get(LABEL_WORKER_KUBERNETES_VERSION) == version.as_ref();
    if said && labelled {
        return None;
    }
    let mut change =
        json!({"metadata": {"annotations": {CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG: download.checksum}}});
    if let Some(version) = version {
        change["metadata"]["labels"] = json!({LABEL_WORKER_KUBERNETES_VERSION: version});
    }
    Some(change)
}

/// Restarts the units, ourselves last.
async fn restart(units: &dyn Units, names: &str) {
    let full = |name: &str| {
        if name.contains('.') {
            name.to_owned()
        } else {
            format!("{name}.service")
        }
    };
    let names: Vec<String> = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(full)
        .collect();
    let others = names.iter().filter(|name| *name != NODE_AGENT_UNIT);
    for name in others {
        tracing::info!(unit = %name, "restarting a unit, as the Node's annotation asks");
        if let Err(error) = units.restart(name).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to restart it");
        }
    }
    if names.iter().any(|name| name == NODE_AGENT_UNIT)
        && let Err(error) = units.restart_soon(NODE_AGENT_UNIT).await
    {
        tracing::warn!(error = %ErrorChain(&error), "failed to restart ourselves");
    }
}
