//! What the API server makes in the garden when it starts: namespaces for leases and issuers, and the garden's identity.
//!
//! In: the kube-apiserver. Out: two namespaces and the ConfigMap `kube-system/cluster-identity`. It tries until it has
//! succeeded: the kube-apiserver may be starting itself.

use std::sync::Arc;
use std::time::Duration;

use api::constants;
use apiserver::kube_api::{KubeApi, KubeApiError};
use lib_error_chain::ErrorChain;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Between two tries.
const RETRY: Duration = Duration::from_secs(1);
const NAMESPACES: &str = "/api/v1/namespaces";

/// The identity in the cluster is another's.
#[derive(Debug, thiserror::Error)]
enum BootstrapError {
    #[error(transparent)]
    Request(#[from] KubeApiError),
    #[error("this garden is {found:?} already, and not --cluster-identity={wanted}: the identity cannot change")]
    Identity { found: String, wanted: String },
}

/// Makes everything, trying again until it is there or the process ends.
pub(crate) async fn run(kube_api: Arc<dyn KubeApi>, identity: String, end: CancellationToken) {
    let trying = async {
        while let Err(error) = ensure(kube_api.as_ref(), &identity).await {
            tracing::warn!(error = %ErrorChain(&error), "failed to set up the garden, will retry");
            tokio::time::sleep(RETRY).await;
        }
    };
    end.run_until_cancelled(trying).await;
}

async fn ensure(kube_api: &dyn KubeApi, identity: &str) -> Result<(), BootstrapError> {
    for namespace in [constants::SEED_LEASE_NAMESPACE, constants::SHOOT_ISSUER_NAMESPACE] {
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        create(kube_api, NAMESPACES, &object).await?;
    }
    ensure_identity(kube_api, identity).await
}

/// The ConfigMap is immutable, and so is the identity.
async fn ensure_identity(kube_api: &dyn KubeApi, identity: &str) -> Result<(), BootstrapError> {
    let name = constants::CLUSTER_IDENTITY;
    let object = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "kube-system" },
        "immutable": true,
        "data": {
            constants::CLUSTER_IDENTITY: identity,
            constants::CLUSTER_IDENTITY_ORIGIN: constants::CLUSTER_IDENTITY_ORIGIN_GARDENER_API_SERVER,
        },
    });
    let collection = format!("{NAMESPACES}/kube-system/configmaps");
    if create(kube_api, &collection, &object).await? {
        return Ok(());
    }
    let present = kube_api.get(&format!("{collection}/{name}")).await?;
    let found = present
        .pointer("/data/cluster-identity")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if found == identity {
        return Ok(());
    }
    Err(BootstrapError::Identity {
        found: found.to_owned(),
        wanted: identity.to_owned(),
    })
}

/// `true`: it was made. `false`: it was there.
async fn create(kube_api: &dyn KubeApi, path: &str, object: &Value) -> Result<bool, KubeApiError> {
    match kube_api.create(path, object).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
