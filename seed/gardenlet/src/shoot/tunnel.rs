//! The tunnel, asked through its data path: a request that the API server can only answer by way of a node's kubelet.

use std::time::Duration;

use controller::wait::{self, Progress, WaitError};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, api::ListParams};
use lib_error_chain::ErrorChain;

use super::nodes;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(500);

/// Why a node is not reached.
pub(crate) async fn ask(client: &Client, node: &str) -> Result<(), String> {
    let request = http::Request::get(format!("/api/v1/nodes/{node}/proxy/healthz"))
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, client.request_text(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ErrorChain(&error).to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Whether every ready node is reached; one that is not ready is complained of elsewhere.
pub(crate) async fn ask_all(client: &Client, all: &[Node]) -> Result<(), String> {
    let ready = all.iter().filter(|node| nodes::is_ready(node));
    let names = ready.filter_map(|node| node.metadata.name.as_deref());
    let answers = names.map(|name| async move {
        let answer = ask(client, name).await;
        answer.map_err(|error| format!("node {name} is not reached through the tunnel: {error}"))
    });
    futures::future::try_join_all(answers).await?;
    Ok(())
}

/// Waits until every ready node is reached.
pub(crate) async fn wait(client: &Client, deadline: Duration) -> Result<(), WaitError> {
    let nodes: Api<Node> = Api::all(client.clone());
    let attempt = || async {
        let all = match nodes.list(&ListParams::default()).await {
            Ok(all) => all.items,
            Err(error) => return Progress::Waiting(ErrorChain(&error).to_string()),
        };
        match ask_all(client, &all).await {
            Ok(()) => Progress::Done,
            Err(error) => Progress::Waiting(error),
        }
    };
    wait::poll("the tunnel to reach the nodes", deadline, POLL, attempt).await
}
