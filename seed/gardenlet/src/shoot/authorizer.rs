//! The way from a shoot's API server to the webhook that says what a node-agent may do: each only what concerns its own machine.

use std::{collections::BTreeMap, time::Duration};

use controller::wait::{Progress, until};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Api;
use serde_json::json;

use super::{error::TaskError, flow::ShootContext};

/// Secret with the kubeconfig (Gardener's name).
pub(crate) const SECRET: &str = "kube-apiserver-authorization-webhooks-kubeconfigs";
const KEY: &str = "node-agent-authorizer-kubeconfig.yaml";
/// resource-manager makes its certificate when it starts.
const SERVER_SECRET: (&str, &str) = ("garden", "gardener-resource-manager-server");
const SERVER: &str = "https://gardener-resource-manager.garden.svc:443/webhooks/auth/nodeagent";
const DEADLINE: Duration = Duration::from_secs(120);

/// Makes the kubeconfig of the webhook; the namespace in its path tells whose shoot asks.
pub(crate) async fn deploy(context: &ShootContext) -> Result<(), TaskError> {
    let authority = authority(context).await?;
    let name = "node-agent-authorizer";
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {
            "server": format!("{SERVER}/{}", context.technical_id),
            "certificate-authority-data": authority,
        }}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    });
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            namespace: Some(context.technical_id.clone()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            KEY.to_owned(),
            ByteString(kubeconfig.to_string().into_bytes()),
        )])),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    context.gardenlet.seed.apply(&secret).await?;
    Ok(())
}

/// The authority of the webhook's certificate, encoded as kubeconfigs have it.
async fn authority(context: &ShootContext) -> Result<ByteString, TaskError> {
    let (namespace, name) = SERVER_SECRET;
    let api: Api<Secret> = Api::namespaced(context.gardenlet.seed_client(), namespace);
    let bundle = |secret: &Secret| secret.data.as_ref()?.get("ca.crt").cloned();
    let observe = |secret: Option<&Secret>| match secret {
        None => Progress::Waiting("it does not exist; gardener-resource-manager makes it".to_owned()),
        Some(secret) if bundle(secret).is_some() => Progress::Done,
        Some(_) => Progress::Waiting("it has no ca.crt".to_owned()),
    };
    let secret = until(&api, name, "to have an authority", DEADLINE, observe).await?;
    secret
        .as_ref()
        .and_then(bundle)
        .ok_or(TaskError::OutOfOrder("the authority of gardener-resource-manager"))
}
