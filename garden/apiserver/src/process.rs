//! The process: put together from the generic server, Gardener's kinds and plugins.

use std::sync::Arc;

use apiserver::kube_api::KubeApi;
use apiserver::server::{ConfigError, Listening, ServeError, ServerConfig, VersionInfo};
use tokio_util::sync::CancellationToken;

use crate::admission::{self, Lookups};
use crate::bootstrap;
use crate::flags::Arguments;
use crate::kinds::{self, Lifetimes};
use crate::kubeconfig::Issuer;

/// Where objects lie in etcd, beside those of the kube-apiserver (Gardener's prefix).
const STORAGE_PREFIX: &str = "/registry-gardener";

/// Why the API server ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not configured well.
    #[error("failed to configure the API server")]
    Config(#[from] ConfigError),
    /// It cannot serve.
    #[error("failed to serve")]
    Serve(#[from] ServeError),
    /// Its kubeconfig is missing.
    #[error("the API server needs a kube-apiserver: give --kubeconfig")]
    NoKubeApi,
}

/// A server that has its port, and what it does beside serving.
pub struct GardenApiServer {
    listening: Listening,
    kube_api: Arc<dyn KubeApi>,
    cluster_identity: String,
}

impl std::fmt::Debug for GardenApiServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GardenApiServer")
            .field("cluster_identity", &self.cluster_identity)
            .finish_non_exhaustive()
    }
}

/// Runs until `shutdown`.
///
/// # Errors
/// When it cannot start.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    listen(arguments).await?.serve(shutdown).await;
    Ok(())
}

/// Configures the server and takes its port.
///
/// # Errors
/// When files cannot be read, or the port is taken.
pub async fn listen(arguments: Arguments) -> Result<GardenApiServer, Error> {
    let Arguments {
        server,
        cluster_identity,
        shoot_admin_kubeconfig_max_expiration,
        shoot_viewer_kubeconfig_max_expiration,
        ..
    } = arguments;
    let config = ServerConfig {
        version: version(),
        ..ServerConfig::new(server, STORAGE_PREFIX)
    };
    let config = config.complete().await?;
    let kube_api = config.kube_api().ok_or(Error::NoKubeApi)?;
    let lookups = Lookups::new(config.caches(), Arc::clone(&kube_api), config.authorizer());
    let plugins = config.options().select_plugins(admission::plugins(&lookups), &[]);
    let lifetimes = Lifetimes {
        admin: shoot_admin_kubeconfig_max_expiration,
        viewer: shoot_viewer_kubeconfig_max_expiration,
    };
    let groups = kinds::groups(Issuer::new(lookups, config.clock()), lifetimes);
    let listening = config.server(plugins, groups)?.listen().await?;
    Ok(GardenApiServer {
        listening,
        kube_api,
        cluster_identity,
    })
}

impl GardenApiServer {
    /// Where it listens; of interest when the port asked for was 0.
    pub fn address(&self) -> std::net::SocketAddr {
        self.listening.address()
    }

    /// Serves until `shutdown`.
    pub async fn serve(self, shutdown: CancellationToken) {
        let setting_up = bootstrap::run(self.kube_api, self.cluster_identity, shutdown.clone());
        tokio::join!(self.listening.serve(shutdown), setting_up);
    }
}

/// What `/version` answers.
fn version() -> VersionInfo {
    let mut parts = env!("CARGO_PKG_VERSION").split('.').map(str::to_owned);
    VersionInfo {
        major: parts.next().unwrap_or_default(),
        minor: parts.next().unwrap_or_default(),
        git_version: format!("v{}", env!("CARGO_PKG_VERSION")),
        ..VersionInfo::default()
    }
}
