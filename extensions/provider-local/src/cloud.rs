//! The cloud as the provider sees it: behind a trait, so that tests bring a cloud of their own, and reached by name.

mod refusal; // what the cloud's errors mean to Gardener
mod remote; // the cloud over its API

use std::{collections::BTreeMap, path::PathBuf};

use async_trait::async_trait;
use cloud_client::{
    DnsRecordSpec, ErrorCode, LoadBalancer, LoadBalancerSpec, Machine, MachineSpec, Network, NetworkSpec, Route,
    RouteSpec, SecurityGroupSpec,
};
use k8s_openapi::api::core::v1::Secret;
use lib_resolve::{ResolveError, Resolver};

pub(crate) use self::refusal::{driver_error, refused};
pub use self::remote::RemoteCloud;

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

/// What is asked of the cloud. All of it is idempotent; what is deleted may not exist.
#[async_trait]
pub trait Cloud: Send + Sync + 'static {
    /// Makes the record be as specified.
    async fn put_record(&self, spec: &DnsRecordSpec) -> Result<(), CloudError>;
    /// Removes the record `<name>:<type>`.
    async fn delete_record(&self, key: &str) -> Result<(), CloudError>;

    /// Makes the network be as specified, its router with it.
    async fn put_network(&self, name: &str, spec: &NetworkSpec) -> Result<Network, CloudError>;
    /// The network, if there is one.
    async fn network(&self, name: &str) -> Result<Option<Network>, CloudError>;
    /// Removes the network.
    async fn delete_network(&self, name: &str) -> Result<(), CloudError>;

    /// Makes the security group be as specified.
    async fn put_security_group(&self, name: &str, spec: &SecurityGroupSpec) -> Result<(), CloudError>;
    /// Removes the security group.
    async fn delete_security_group(&self, name: &str) -> Result<(), CloudError>;

    /// Makes the route be as specified.
    async fn put_route(&self, name: &str, spec: &RouteSpec) -> Result<Route, CloudError>;
    /// All routes.
    async fn routes(&self) -> Result<Vec<Route>, CloudError>;
    /// Removes the route.
    async fn delete_route(&self, name: &str) -> Result<(), CloudError>;

    /// Makes the machine, or finds it made; it may still boot.
    async fn put_machine(&self, name: &str, spec: &MachineSpec) -> Result<Machine, CloudError>;
    /// The machine, if there is one.
    async fn machine(&self, name: &str) -> Result<Option<Machine>, CloudError>;
    /// The machines that have all these tags.
    async fn machines(&self, tags: &BTreeMap<String, String>) -> Result<Vec<Machine>, CloudError>;
    /// Removes the machine.
    async fn delete_machine(&self, name: &str) -> Result<(), CloudError>;
    /// The last bytes that the machine wrote to its console; none when there is no such machine.
    async fn console(&self, machine: &str, bytes: u64) -> Result<String, CloudError>;

    /// Makes the load balancer be as specified, and returns it with its address.
    async fn put_load_balancer(&self, name: &str, spec: &LoadBalancerSpec) -> Result<LoadBalancer, CloudError>;
    /// All load balancers.
    async fn load_balancers(&self) -> Result<Vec<LoadBalancer>, CloudError>;
    /// Removes the load balancer.
    async fn delete_load_balancer(&self, name: &str) -> Result<(), CloudError>;
}

/// Which cloud an object belongs to.
#[async_trait]
pub trait Clouds: Send + Sync + 'static {
    /// The cloud that the object's Secret names, or the default.
    async fn cloud_of(&self, secret: Option<&Secret>) -> Result<Box<dyn Cloud>, CloudError>;
}

/// Clouds reached over their API.
#[derive(Clone, Debug, Default)]
pub struct RemoteClouds {
    /// Resolves the clouds' names.
    pub resolver: Resolver,
    /// Where the cloud is when an object's Secret does not say so.
    pub default: CloudArguments,
}

#[async_trait]
impl Clouds for RemoteClouds {
    async fn cloud_of(&self, secret: Option<&Secret>) -> Result<Box<dyn Cloud>, CloudError> {
        let credentials = match secret.and_then(Credentials::from_secret) {
            Some(credentials) => credentials,
            None => Credentials::from_arguments(&self.default).await?,
        };
        Ok(Box::new(RemoteCloud::new(self.resolver.clone(), credentials)))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_printed() {
        let credentials = Credentials {
            endpoint: "http://cloud:8080".to_owned(),
            token: "geheim".to_owned(),
        };
        assert!(!format!("{credentials:?}").contains("geheim"));
    }
}
