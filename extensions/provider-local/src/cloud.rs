//! The cloud as the provider sees it: behind a trait, so that tests bring a cloud of their own, and reached by name.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use async_trait::async_trait;
use cloud_client::{Client, DnsRecord, DnsRecordSpec, ErrorCode, LoadBalancer, LoadBalancerSpec};
use k8s_openapi::api::core::v1::Secret;
use lib_resolve::{ResolveError, Resolver};

/// A record is written within milliseconds, a load balancer within a second.
const DEADLINE: Duration = Duration::from_secs(30);
/// Key of a credentials Secret with the API's address, `http://host:port`.
pub const ENDPOINT_KEY: &str = "endpoint";
/// Key of a credentials Secret with the bearer token.
pub const TOKEN_KEY: &str = "token";

/// Why the cloud did not do something.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// The endpoint is no `http://host:port`.
    #[error("the cloud's endpoint {0:?} is not http://<host>:<port>")]
    Endpoint(String),
    /// There is neither a credentials Secret nor a flag that says where the cloud is.
    #[error("no endpoint and token of the cloud: neither in the Secret nor by flags")]
    NoCredentials,
    /// A file named by a flag cannot be read.
    #[error("failed to read the cloud's token from {path}")]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The cloud's name has no address.
    #[error("failed to find the cloud")]
    Resolve(#[source] ResolveError),
    /// The cloud refused, or did not answer.
    #[error("the cloud failed")]
    Call(#[source] Box<cloud_client::Error>),
}

impl CloudError {
    /// The class of the cloud's refusal, if it is one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Call(error) => error.code(),
            _ => None,
        }
    }
}

/// What is asked of the cloud. All of it is idempotent.
#[async_trait]
pub trait Cloud: Send + Sync + 'static {
    /// Makes the record be as specified.
    async fn put_record(&self, spec: &DnsRecordSpec) -> Result<(), CloudError>;
    /// Removes the record `<name>:<type>`.
    async fn delete_record(&self, key: &str) -> Result<(), CloudError>;
    /// Makes the load balancer be as specified, and returns it with its address.
    async fn put_load_balancer(&self, name: &str, spec: &LoadBalancerSpec) -> Result<LoadBalancer, CloudError>;
    /// Removes the load balancer.
    async fn delete_load_balancer(&self, name: &str) -> Result<(), CloudError>;
}

/// Where the cloud is, and the right to use it, as flags and environment say it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct CloudArguments {
    /// The cloud's API, `http://<host>:<port>`.
    #[arg(long, env = "KUBECEPTION_CLOUD_ENDPOINT")]
    pub cloud_endpoint: Option<String>,
    /// File with the bearer token of the cloud's API; read again at every use.
    #[arg(long, env = "KUBECEPTION_CLOUD_TOKEN_FILE")]
    pub cloud_token_file: Option<PathBuf>,
    /// The bearer token of the cloud's API; a file is better.
    #[arg(long, env = "KUBECEPTION_CLOUD_TOKEN", hide_env_values = true)]
    pub cloud_token: Option<String>,
}

/// Where the cloud is, and the right to use it.
#[derive(Clone)]
pub struct Credentials {
    endpoint: String,
    token: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// The Secret's, if it has both keys.
    pub fn from_secret(secret: &Secret) -> Option<Self> {
        let data: &BTreeMap<_, _> = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        Some(Self {
            endpoint: text(ENDPOINT_KEY)?.trim().to_owned(),
            token: text(TOKEN_KEY)?.trim().to_owned(),
        })
    }

    /// The flags', if they say where the cloud is.
    pub async fn from_arguments(arguments: &CloudArguments) -> Result<Self, CloudError> {
        let endpoint = arguments.cloud_endpoint.clone().ok_or(CloudError::NoCredentials)?;
        let token = match (&arguments.cloud_token, &arguments.cloud_token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(path)) => tokio::fs::read_to_string(path)
                .await
                .map_err(|source| CloudError::TokenFile {
                    path: path.clone(),
                    source,
                })?,
            (None, None) => return Err(CloudError::NoCredentials),
        };
        Ok(Self {
            endpoint,
            token: token.trim().to_owned(),
        })
    }
}

/// The cloud over its API.
#[derive(Clone, Debug)]
pub struct RemoteCloud {
    resolver: Resolver,
    credentials: Credentials,
}

impl RemoteCloud {
    /// Nothing is connected yet; names are resolved at every use.
    pub fn new(resolver: Resolver, credentials: Credentials) -> Self {
        Self { resolver, credentials }
    }

    async fn client(&self) -> Result<Client, CloudError> {
        let (host, port) = split_endpoint(&self.credentials.endpoint)?;
        let addresses = self.resolver.resolve(&host).await.map_err(CloudError::Resolve)?;
        let address = addresses
            .first()
            .copied()
            .ok_or_else(|| CloudError::Endpoint(self.credentials.endpoint.clone()))?;
        Ok(Client::tcp(SocketAddr::new(address, port), &self.credentials.token).with_deadline(DEADLINE))
    }
}

/// Host and port of `http://host:port`.
fn split_endpoint(endpoint: &str) -> Result<(String, u16), CloudError> {
    let wrong = || CloudError::Endpoint(endpoint.to_owned());
    let authority = endpoint
        .strip_prefix("http://")
        .ok_or_else(wrong)?
        .trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() || host.contains('/') {
        Err(wrong())
    } else {
        Ok((host.to_owned(), port))
    }
}

fn call(error: cloud_client::Error) -> CloudError {
    CloudError::Call(Box::new(error))
}

#[async_trait]
impl Cloud for RemoteCloud {
    async fn put_record(&self, spec: &DnsRecordSpec) -> Result<(), CloudError> {
        self.client()
            .await?
            .put::<DnsRecord>(&spec.key(), spec)
            .await
            .map(drop)
            .map_err(call)
    }

    async fn delete_record(&self, key: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<DnsRecord>(key).await.map_err(call)
    }

    async fn put_load_balancer(&self, name: &str, spec: &LoadBalancerSpec) -> Result<LoadBalancer, CloudError> {
        self.client().await?.put::<LoadBalancer>(name, spec).await.map_err(call)
    }

    async fn delete_load_balancer(&self, name: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<LoadBalancer>(name).await.map_err(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_host_and_a_port() {
        let split = |endpoint| split_endpoint(endpoint).ok();
        assert_eq!(split("http://cloud.local:8080"), Some(("cloud.local".to_owned(), 8080)));
        assert_eq!(split("http://172.30.0.1:8080/"), Some(("172.30.0.1".to_owned(), 8080)));
        for wrong in [
            "",
            "cloud:8080",
            "https://cloud:8080",
            "http://cloud",
            "http://:1",
            "http://a/b:1",
            "http://a:99999",
        ] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let credentials = Credentials {
            endpoint: "http://cloud:8080".to_owned(),
            token: "geheim".to_owned(),
        };
        assert!(!format!("{credentials:?}").contains("geheim"));
    }
}
