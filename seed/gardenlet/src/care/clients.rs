//! One client per shoot, made of the Secret in its namespace, and made anew when that changes.

use std::{collections::BTreeMap, time::Duration};

use api::constants::{GARDEN_ROLE, ROLE_OPERATING_SYSTEM_CONFIG};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Node, Secret},
};
use kube::{Api, Client, api::ListParams};
use lib_error_chain::ErrorChain;
use parking_lot::Mutex;

use super::agents::{Agents, checksums};
use crate::{context::Gardenlet, shoot::tunnel};

/// An API server that takes longer is as good as dead to its users.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where in a shoot node-agents have their Leases and find their configurations.
const AGENTS_NAMESPACE: &str = "kube-system";

/// What a shoot tells of its nodes.
#[derive(Debug)]
pub(crate) struct Told {
    /// The nodes.
    pub(crate) nodes: Vec<Node>,
    /// Their agents.
    pub(crate) agents: Agents,
    /// Whether the ready nodes are reached through the tunnel.
    pub(crate) tunnel: Result<(), String>,
}

/// Clients by namespace, each with the version of the Secret it was made of.
#[derive(Default)]
pub(crate) struct ShootClients {
    clients: Mutex<BTreeMap<String, (Option<String>, Client)>>,
}

impl ShootClients {
    /// Asks the API server of `namespace` for its health, over the way that the seed's components take.
    pub(crate) async fn ask(&self, gardenlet: &Gardenlet, namespace: &str) -> Result<(), String> {
        let answer = self.ask_once(gardenlet, namespace).await;
        if answer.is_err() {
            // Its connections may lead to a pod that is gone: the next question takes a new one.
            self.forget(namespace);
        }
        answer
    }

    async fn ask_once(&self, gardenlet: &Gardenlet, namespace: &str) -> Result<(), String> {
        let client = self.client(gardenlet, namespace).await?;
        let request = http::Request::get("/readyz")
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        match tokio::time::timeout(PATIENCE, client.request_text(request)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(ErrorChain(&error).to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    /// The nodes with what their agents say, and whether the ready ones are reached through the tunnel.
    pub(crate) async fn nodes(&self, gardenlet: &Gardenlet, namespace: &str) -> Result<Told, String> {
        let client = self.client(gardenlet, namespace).await?;
        let nodes: Api<Node> = Api::all(client.clone());
        // Leases of kubelets, as many as nodes, lie elsewhere; of the configurations, which are long, only names and checksums count.
        let leases: Api<Lease> = Api::namespaced(client.clone(), AGENTS_NAMESPACE);
        let secrets: Api<Secret> = Api::namespaced(client.clone(), AGENTS_NAMESPACE);
        let everything = ListParams::default();
        let configurations = ListParams::default().labels(&format!("{GARDEN_ROLE}={ROLE_OPERATING_SYSTEM_CONFIG}"));
        let asked = async {
            futures::try_join!(
                nodes.list(&everything),
                leases.list(&everything),
                secrets.list_metadata(&configurations)
            )
        };
        let (nodes, leases, secrets) = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok((nodes, leases, secrets))) => (nodes.items, leases.items, secrets.items),
            Ok(Err(error)) => return Err(ErrorChain(&error).to_string()),
            Err(_) => return Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        let agents = Agents {
            leases,
            wished: checksums(secrets.iter().map(|secret| &secret.metadata)),
        };
        let tunnel = tunnel::ask_all(&client, &nodes).await;
        Ok(Told { nodes, agents, tunnel })
    }

    /// Forgets the client of a shoot that is gone.
    pub(crate) fn forget(&self, namespace: &str) {
        self.clients.lock().remove(namespace);
    }

    async fn client(&self, gardenlet: &Gardenlet, namespace: &str) -> Result<Client, String> {
        let secrets: Api<Secret> = Api::namespaced(gardenlet.seed_client(), namespace);
        let found = secrets.get_opt(deploy::INTERNAL_KUBECONFIG_SECRET).await;
        let found = found.map_err(|error| format!("the seed did not give its kubeconfig: {}", ErrorChain(&error)))?;
        let Some(secret) = found else {
            return Err("it is not deployed yet".to_owned());
        };
        let version = secret.metadata.resource_version.clone();
        if let Some((known, client)) = self.clients.lock().get(namespace)
            && *known == version
        {
            return Ok(client.clone());
        }
        let kubeconfig = secret
            .data
            .and_then(|mut data| data.remove("kubeconfig"))
            .unwrap_or_default();
        let kubeconfig = String::from_utf8_lossy(&kubeconfig.0).into_owned();
        let client = (gardenlet.connect_shoot)(kubeconfig)
            .await
            .map_err(|error| ErrorChain(&error).to_string())?;
        self.clients
            .lock()
            .insert(namespace.to_owned(), (version, client.clone()));
        Ok(client)
    }
}
