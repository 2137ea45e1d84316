//! Tells the cluster that we live: a Lease, renewed often, that goes with its Node.

use std::{sync::Arc, time::Duration};

use api::constants::NODE_AGENT_LEASE_PREFIX;
use controller::error::is_not_found;
use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::Node,
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use serde_json::json;

use crate::{NAME, download::NAMESPACE, retry::Attempts};

/// Gardener's rhythm.
const DURATION: Duration = Duration::from_secs(40);
const RENEW: Duration = Duration::from_secs(10);
/// The Node is not there at first.
const LOOK: Duration = Duration::from_secs(2);

/// Renews the Lease until it is dropped.
pub(crate) async fn renew(client: Client, machine: &str, clock: &Arc<dyn Clock>) {
    let (nodes, leases): (Api<Node>, Api<Lease>) = (Api::all(client.clone()), Api::namespaced(client, NAMESPACE));
    let mut attempts = Attempts::new(RENEW, RENEW);
    loop {
        let wait = match step(&nodes, &leases, machine, &**clock).await {
            Ok(true) => {
                attempts.succeeded();
                RENEW
            }
            Ok(false) => LOOK,
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, "failed to renew the Lease, will retry");
                }
                RENEW
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// Whether there was a Node to renew for.
async fn step(nodes: &Api<Node>, leases: &Api<Lease>, machine: &str, clock: &dyn Clock) -> Result<bool, kube::Error> {
    let name = format!("{NODE_AGENT_LEASE_PREFIX}{machine}");
    let now = MicroTime(clock.now());
    let renewal =
        json!({"spec": {"renewTime": now, "holderIdentity": name, "leaseDurationSeconds": DURATION.as_secs()}});
    let parameters = PatchParams {
        field_manager: Some(NAME.to_owned()),
        ..PatchParams::default()
    };
    match leases.patch(&name, &parameters, &Patch::Merge(renewal)).await {
        Ok(_) => return Ok(true),
        Err(error) if is_not_found(&error) => {}
        Err(error) => return Err(error),
    }
    let node = match nodes.get(machine).await {
        Ok(node) => node,
        Err(error) if is_not_found(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    let lease = lease(&name, &node, now);
    leases.create(&PostParams::default(), &lease).await.map(|_| true)
}

fn lease(name: &str, node: &Node, now: MicroTime) -> Lease {
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.metadata.name.clone().unwrap_or_default(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.to_owned()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }),
    }
}
