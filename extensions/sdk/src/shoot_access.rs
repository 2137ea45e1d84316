//! How an extension reaches a shoot: the generic kubeconfig of the namespace says where, an access Secret says who.
//!
//! In: a client of the seed, the shoot's namespace, the name that `shoot-access-<name>` ends with. Out: a client of the
//! shoot that reads its token again when it is old or was refused, so that it outlives the token.
//!
//! Absent: who writes the token (the token requestor of resource-manager).

use std::{sync::Arc, time::Duration};

use api::{
    constants::{DATA_KEY_TOKEN, GENERIC_TOKEN_KUBECONFIG_SECRET_NAME, SECRET_GENERIC_TOKEN_KUBECONFIG},
    extensions::v1alpha1::Cluster,
};
use controller::{apply::ApplyError, connect::ConnectError};
use deploy::AccessSecret;
use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Tokens are renewed hours before they end; nobody needs to look more often.
const TOKEN_AGE: Duration = Duration::from_secs(600);

/// Why there is no client of the shoot.
#[derive(Debug, thiserror::Error)]
pub enum ShootAccessError {
    /// Something could not be read in the seed.
    #[error("failed to read {what}")]
    Read {
        /// Kind and name.
        what: String,
        /// What went wrong.
        source: Box<kube::Error>,
    },
    /// The Secret lacks a key, or its value is none.
    #[error("the Secret {secret} has no {key} yet")]
    Missing {
        /// Namespace and name.
        secret: String,
        /// What is missing in it.
        key: &'static str,
    },
    /// The kubeconfig cannot be used.
    #[error("failed to read the kubeconfig of the shoot")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// No client could be made of it.
    #[error("failed to set up the client of the shoot")]
    Connect(#[from] ConnectError),
}

/// Asks for a token for `name`: the Secret `shoot-access-<name>`, and with the token the ServiceAccount `kube-system/<name>`.
pub async fn request_shoot_access(
    applier: &controller::apply::Applier,
    namespace: &str,
    name: &str,
) -> Result<(), ApplyError> {
    applier
        .apply(&AccessSecret::new(name).secret(namespace))
        .await
        .map(drop)
}

/// A client of the shoot in `namespace`, as the owner of the Secret `shoot-access-<name>`.
///
/// An error while the Secrets are not there yet; nothing is asked of the shoot here.
pub async fn shoot_client(seed: &Client, namespace: &str, name: &str) -> Result<Client, ShootAccessError> {
    let token = TokenSource {
        secrets: Api::namespaced(seed.clone(), namespace),
        namespace: namespace.to_owned(),
        name: AccessSecret::new(name).name(),
    };
    let first = token.read().await?;
    let config = generic_config(seed, namespace).await?;
    let default_namespace = config.default_namespace.clone();
    let service = Authorized {
        inner: controller::connect::from_config(config)?,
        source: Arc::new(token),
        held: Arc::new(Mutex::new(Held {
            value: first,
            read: Instant::now(),
            refused: false,
        })),
    };
    let service = tower::service_fn(move |request| service.clone().call(request));
    Ok(Client::new(service, default_namespace))
}

/// Server and authorities by the generic kubeconfig, without credentials.
async fn generic_config(seed: &Client, namespace: &str) -> Result<kube::Config, ShootAccessError> {
    let name = generic_secret_name(seed, namespace).await?;
    let api: Api<Secret> = Api::namespaced(seed.clone(), namespace);
    let secret = api.get(&name).await.map_err(read_failed("Secret", namespace, &name))?;
    let missing = || ShootAccessError::Missing {
        secret: format!("{namespace}/{name}"),
        key: "kubeconfig",
    };
    let data = secret.data.unwrap_or_default();
    let text = data
        .get("kubeconfig")
        .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
        .ok_or_else(missing)?;
    let failed = |error: KubeconfigError| ShootAccessError::Kubeconfig(Box::new(error));
    let mut kubeconfig = Kubeconfig::from_yaml(text).map_err(failed)?;
    // Its token file exists only in pods that mount it.
    for user in &mut kubeconfig.auth_infos {
        if let Some(user) = user.auth_info.as_mut() {
            user.token_file = None;
        }
    }
    for cluster in &mut kubeconfig.clusters {
        if let Some(server) = cluster.cluster.as_mut().and_then(|cluster| cluster.server.as_mut()) {
            *server = qualified(server, namespace);
        }
    }
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(failed)?;
    config.proxy_url = None; // not what the environment says
    Ok(config)
}

/// The Secret's name has a suffix that changes with its content; the `Cluster` knows it.
async fn generic_secret_name(seed: &Client, namespace: &str) -> Result<String, ShootAccessError> {
    let clusters: Api<Cluster> = Api::all(seed.clone());
    let cluster = clusters
        .get_opt(namespace)
        .await
        .map_err(read_failed("Cluster", "", namespace))?;
    let annotations = cluster
        .and_then(|cluster| cluster.metadata.annotations)
        .unwrap_or_default();
    Ok(annotations
        .get(GENERIC_TOKEN_KUBECONFIG_SECRET_NAME)
        .cloned()
        .unwrap_or_else(|| SECRET_GENERIC_TOKEN_KUBECONFIG.to_owned()))
}

/// `https://kube-apiserver` is a name inside the shoot's namespace only.
fn qualified(server: &str, namespace: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else {
        return server.to_owned();
    };
    let (host, tail) = rest.split_at(rest.find([':', '/']).unwrap_or(rest.len()));
    if host.is_empty() || host.contains(['.', '[']) || host == "localhost" {
        server.to_owned()
    } else {
        format!("{scheme}://{host}.{namespace}.svc{tail}")
    }
}

fn read_failed(kind: &str, namespace: &str, name: &str) -> impl FnOnce(kube::Error) -> ShootAccessError {
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    let what = controller::apply::describe(kind, namespace, name);
    move |source| ShootAccessError::Read {
        what,
        source: Box::new(source),
    }
}

struct TokenSource {
    secrets: Api<Secret>,
    namespace: String,
    name: String,
}

impl TokenSource {
    async fn read(&self) -> Result<HeaderValue, ShootAccessError> {
        let failed = read_failed("Secret", &self.namespace, &self.name);
        let secret = self.secrets.get(&self.name).await.map_err(failed)?;
        let data = secret.data.unwrap_or_default();
        let token = data
            .get(DATA_KEY_TOKEN)
            .and_then(|bytes| std::str::from_utf8(&bytes.0).ok());
        let value = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok());
        let mut value = value.ok_or_else(|| ShootAccessError::Missing {
            secret: format!("{}/{}", self.namespace, self.name),
            key: DATA_KEY_TOKEN,
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

struct Held {
    value: HeaderValue,
    read: Instant,
    refused: bool,
}

/// Adds the token to every request.
#[derive(Clone)]
struct Authorized {
    inner: Client,
    source: Arc<TokenSource>,
    held: Arc<Mutex<Held>>,
}

impl Authorized {
    async fn call(self, mut request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let token = self.token().await;
        request.headers_mut().insert(AUTHORIZATION, token);
        let response = self.inner.send(request).await?;
        self.held.lock().refused = response.status() == StatusCode::UNAUTHORIZED;
        Ok(response)
    }

    /// The token held; a new one if it is old or was refused and a new one can be had.
    async fn token(&self) -> HeaderValue {
        let held = {
            let mut held = self.held.lock();
            let fresh = !held.refused && held.read.elapsed() < TOKEN_AGE;
            held.read = if fresh { held.read } else { Instant::now() };
            fresh.then(|| held.value.clone())
        };
        if let Some(value) = held {
            return value;
        }
        match self.source.read().await {
            Ok(value) => {
                self.held.lock().value = value.clone();
                value
            }
            Err(error) => {
                let error = lib_error_chain::ErrorChain(&error).to_string();
                tracing::warn!(namespace = %self.source.namespace, error, "the token was not read again");
                self.held.lock().value.clone()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_get_their_namespace() {
        for (server, expected) in [
            ("https://kube-apiserver", "https://kube-apiserver.shoot--a--b.svc"),
            (
                "https://kube-apiserver:443",
                "https://kube-apiserver.shoot--a--b.svc:443",
            ),
            ("https://api.first.example", "https://api.first.example"),
            ("https://127.0.0.1:6443", "https://127.0.0.1:6443"),
            ("https://localhost:6443", "https://localhost:6443"),
        ] {
            assert_eq!(qualified(server, "shoot--a--b"), expected);
        }
    }
}
