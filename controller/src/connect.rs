//! Clients of API servers, made for a static binary: names are resolved by `lib_resolve`, TLS is rustls.
//!
//! In: a kubeconfig (text or file) or the pod's service account. Out: a [`kube::Client`] with deadlines on connecting
//! and on the beginning of every answer; watches last as long as they last. Token files are read again when they change.
//! A `proxy-url` (`http`, by CONNECT) of the kubeconfig is honoured; proxies named in the environment are not: the
//! clusters talked to here are reached directly, or the kubeconfig says otherwise.
//!
//! The process must have installed a rustls crypto provider.

use std::{path::Path, time::Duration};

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::{
    client::legacy::{
        self,
        connect::{Connection, HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt as _, retry::RetryPolicy},
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use lib_resolve::Resolver;
use tower::{BoxError, Service, ServiceBuilder, retry::RetryLayer, timeout::TimeoutLayer};

/// An API server in the same region answers within milliseconds; what takes longer is dead or far behind.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// kube-apiserver gives up on a request after 60 s (`--request-timeout`); nobody waits longer for its first line.
const ANSWER_DEADLINE: Duration = Duration::from_secs(65);
/// A peer that vanished without a word is noticed after this and [`KEEPALIVE_PROBES`] times [`KEEPALIVE_INTERVAL`]: 30 s.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;
/// A server that asks for patience (429, 503, 504) is given a few seconds; whoever waits for longer has a deadline of their own.
const SHORTEST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(1);
const RETRIES: u32 = 3;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("failed to read the kubeconfig{}", path.as_deref().map(|path| format!(" {path}")).unwrap_or_default())]
    Kubeconfig {
        /// The file it came from, if it was one.
        path: Option<String>,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// The process does not run in a pod with a service account.
    #[error("failed to read the pod's service account")]
    InCluster(#[source] Box<InClusterError>),
    /// The `proxy-url` is none that can be used.
    #[error("the proxy {0:?} of the kubeconfig is not an http:// URL")]
    Proxy(String),
    /// Certificates or credentials cannot be used.
    #[error("failed to set up the client for {server}")]
    Client {
        /// The API server's address.
        server: String,
        /// What is wrong.
        source: Box<kube::Error>,
    },
}

/// A client for the cluster that this process runs in, as its service account.
pub fn in_cluster() -> Result<Client, ConnectError> {
    from_config(Config::incluster_env().map_err(|error| ConnectError::InCluster(Box::new(error)))?)
}

/// A client for the current context of a kubeconfig file; relative paths in it start at its folder.
pub async fn from_kubeconfig_file(path: impl AsRef<Path>) -> Result<Client, ConnectError> {
    let path = path.as_ref();
    let failed = |error: KubeconfigError| ConnectError::Kubeconfig {
        path: Some(path.display().to_string()),
        source: Box::new(error),
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    from_config(config_of(kubeconfig).await.map_err(failed)?)
}

/// A client for the current context of a kubeconfig.
pub async fn from_kubeconfig_str(text: &str) -> Result<Client, ConnectError> {
    let failed = |error: KubeconfigError| ConnectError::Kubeconfig {
        path: None,
        source: Box::new(error),
    };
    let kubeconfig = Kubeconfig::from_yaml(text).map_err(failed)?;
    from_config(config_of(kubeconfig).await.map_err(failed)?)
}

/// The file's client if there is a file, the pod's otherwise; what a `--kubeconfig` flag means everywhere.
pub async fn from_kubeconfig_file_or_in_cluster(path: Option<&Path>) -> Result<Client, ConnectError> {
    match path {
        Some(path) => from_kubeconfig_file(path).await,
        None => in_cluster(),
    }
}

async fn config_of(kubeconfig: Kubeconfig) -> Result<Config, KubeconfigError> {
    let proxy = proxy_of(&kubeconfig)
        .map(|url| url.parse::<Uri>())
        .transpose()
        .map_err(KubeconfigError::ParseProxyUrl)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.proxy_url = proxy; // not what the environment says
    Ok(config)
}

/// The `proxy-url` of the current context's cluster.
fn proxy_of(kubeconfig: &Kubeconfig) -> Option<String> {
    let current = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == *current)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == *name)?;
    cluster
        .cluster
        .as_ref()?
        .proxy_url
        .clone()
        .filter(|url| !url.is_empty())
}

/// A client for a configuration made elsewhere; its `proxy_url` is honoured.
pub fn from_config(config: Config) -> Result<Client, ConnectError> {
    let mut connector = HttpConnector::new_with_resolver(Resolver::new());
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    connector.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    connector.set_connect_timeout(Some(CONNECT_DEADLINE));
    match config.proxy_url.clone() {
        None => client(connector, config),
        Some(proxy) if proxy.scheme_str() == Some("http") => client(Tunnel::new(proxy, connector), config),
        Some(proxy) => Err(ConnectError::Proxy(proxy.to_string())),
    }
}

fn retries() -> RetryPolicy {
    // The numbers are in order: the fallback is never taken.
    RetryPolicy::new(SHORTEST_RETRY, LONGEST_RETRY, RETRIES, true).unwrap_or_default()
}

fn client<C>(connector: C, config: Config) -> Result<Client, ConnectError>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError> + Send + Sync + 'static,
{
    let failed = |error| ConnectError::Client {
        server: config.cluster_url.to_string(),
        source: Box::new(error),
    };
    let connector = config
        .rustls_https_connector_with_connector(connector)
        .map_err(failed)?;
    let http: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(retries()))
        .option_layer(config.auth_layer().map_err(failed)?)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .layer(TimeoutLayer::new(ANSWER_DEADLINE))
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}
