//! Configuration: what a process decides, and what follows from it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lib_clock::{Clock, SystemClock};
use lib_resolve::Resolver;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    admission::{Chain, Plugin},
    authentication::{
        Anonymous, Authenticator, ClientCertificates, FrontProxy, TokenReviews, TrustError, TrustSource, Union,
    },
    authorization::{AccessReviews, Authorizer},
    cache::Limits,
    endpoints::{Directory, DirectoryError, HealthCheck, RequestLimits, Service, ServiceConfig},
    ids::{IdSource, RandomIds},
    kube_api::{KubeApi, KubeApiClient, KubeApiConfig, KubeApiError, KubeconfigError},
    registry::{ApiGroup, Caches, Environment},
    storage::{Encryption, EncryptionFileError, EtcdStore, Store, StoreError},
};

use super::{
    ServerOptions,
    certificate::{CertificateError, ServingCertificate},
    listener::Server,
};

/// A kube-apiserver that starts together with this server gets so long to tell whom to trust.
const TRUST_DEADLINE: Duration = Duration::from_secs(60);

/// Why a server can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A kubeconfig is not usable.
    #[error("failed to configure the connection to kube-apiserver")]
    Kubeconfig(#[from] KubeconfigError),
    /// kube-apiserver's URL is not usable.
    #[error("failed to configure the client of kube-apiserver")]
    KubeApi(#[from] KubeApiError),
    /// It is not known whom to trust.
    #[error("failed to find out whom to trust")]
    Trust(#[from] TrustError),
    /// etcd's configuration is not usable.
    #[error("failed to configure storage")]
    Store(#[from] StoreError),
    /// The encryption configuration is not usable.
    #[error("failed to configure encryption at rest")]
    Encryption(#[from] EncryptionFileError),
    /// The serving certificate is not usable.
    #[error("failed to configure the serving certificate")]
    Certificate(#[from] CertificateError),
    /// The kinds do not go together.
    #[error("failed to install the API groups")]
    Directory(#[from] DirectoryError),
}

/// Answer of `/version`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// Major version.
    pub major: String,
    /// Minor version.
    pub minor: String,
    /// `v<major>.<minor>.<patch>`.
    pub git_version: String,
    /// Commit.
    pub git_commit: String,
    /// When it was built.
    pub build_date: String,
}

/// What a process decides. What is left `None` is made from the flags.
pub struct ServerConfig {
    /// Flags.
    pub options: ServerOptions,
    /// Where keys begin in the store, `/registry-gardener`.
    pub storage_prefix: String,
    /// Answer of `/version`.
    pub version: VersionInfo,
    /// Where objects lie; else etcd.
    pub store: Option<Arc<dyn Store>>,
    /// Who asks; else the front proxy, client certificates and token reviews.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Who may; else access reviews.
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// The kube-apiserver this server extends; else by kubeconfig. Not needed with own authenticator and authorizer.
    pub kube_api: Option<Arc<dyn KubeApi>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where uids come from.
    pub ids: Arc<dyn IdSource>,
    /// How much of the past each cache keeps.
    pub cache_limits: Limits,
    /// Further conditions of readiness.
    pub health_checks: Vec<HealthCheck>,
}

impl ServerConfig {
    /// A configuration by flags.
    #[must_use]
    pub fn new(options: ServerOptions, storage_prefix: &str) -> Self {
        Self {
            options,
            storage_prefix: storage_prefix.trim_end_matches('/').to_owned(),
            version: VersionInfo::default(),
            store: None,
            authenticator: None,
            authorizer: None,
            kube_api: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            cache_limits: Limits::default(),
            health_checks: Vec::new(),
        }
    }

    /// Reads files and makes clients. Asks the kube-apiserver whom to trust, if that is needed, and waits for it a little;
    /// nothing else is contacted.
    pub async fn complete(mut self) -> Result<CompletedConfig, ConfigError> {
        let resolver = Resolver::new();
        let access = self.access(&resolver).await?;
        let store = match self.store.take() {
            Some(store) => store,
            None => Arc::new(EtcdStore::new(self.options.etcd(), resolver).await?),
        };
        let encryption = self.options.encryption_provider_config.as_ref();
        let encryption = encryption.map(|path| Encryption::from_file(path)).transpose()?;
        let certificate = ServingCertificate::load(&self.options, &*self.clock)?;
        Ok(CompletedConfig {
            environment: Environment {
                store,
                prefix: self.storage_prefix,
                encryption: encryption.unwrap_or_default(),
                admission: Chain::default(),
                ids: self.ids,
                caches: Caches::default(),
                limits: self.cache_limits,
            },
            options: self.options,
            version: self.version,
            access,
            clock: self.clock,
            certificate,
            checks: self.health_checks,
        })
    }

    /// Who asks and who may: as handed in, or as the kube-apiserver says.
    async fn access(&mut self, resolver: &Resolver) -> Result<Access, ConfigError> {
        let (authenticator, authorizer) = (self.authenticator.take(), self.authorizer.take());
        let delegates = authenticator.is_none() || authorizer.is_none();
        let (options, clock) = (&self.options, &self.clock);
        let kube_api = match self.kube_api.take() {
            Some(kube_api) => Some(kube_api),
            None if options.kubeconfig.is_none() && !delegates => None,
            None => Some(client(options.kubeconfig.as_ref(), resolver)?),
        };
        let reviewer = |path: &Option<PathBuf>| match (path, &kube_api) {
            (None, Some(kube_api)) => Ok(Arc::clone(kube_api)),
            (path, _) => client(path.as_ref(), resolver),
        };
        let mut trust = None;
        let authenticator = match authenticator {
            Some(authenticator) => authenticator,
            None => {
                let reviews = reviewer(&options.authentication_kubeconfig)?;
                let source = TrustSource::new(options.trust(), Some(Arc::clone(&reviews)), Arc::clone(clock));
                source.load_within(TRUST_DEADLINE).await?;
                trust = Some(Arc::clone(&source));
                delegated(&source, reviews, Arc::clone(clock))
            }
        };
        let authorizer = match authorizer {
            Some(authorizer) => authorizer,
            None => Arc::new(AccessReviews::new(
                reviewer(&options.authorization_kubeconfig)?,
                Arc::clone(clock),
            )),
        };
        Ok(Access {
            authenticator,
            authorizer,
            kube_api,
            trust,
        })
    }
}

/// Who asks and who may, and who is asked about it.
struct Access {
    authenticator: Arc<dyn Authenticator>,
    authorizer: Arc<dyn Authorizer>,
    kube_api: Option<Arc<dyn KubeApi>>,
    trust: Option<Arc<TrustSource>>,
}

fn client(kubeconfig: Option<&PathBuf>, resolver: &Resolver) -> Result<Arc<dyn KubeApi>, ConfigError> {
    let config = match kubeconfig {
        Some(path) => KubeApiConfig::from_file(path)?,
        None => KubeApiConfig::in_cluster()?,
    };
    Ok(Arc::new(KubeApiClient::new(config, resolver.clone())?))
}

/// The way of Kubernetes' extension servers.
fn delegated(trust: &Arc<TrustSource>, reviews: Arc<dyn KubeApi>, clock: Arc<dyn Clock>) -> Arc<dyn Authenticator> {
    Arc::new(Anonymous(Union::new(vec![
        Arc::new(FrontProxy::new(Arc::clone(trust))),
        Arc::new(ClientCertificates::new(Arc::clone(trust))),
        Arc::new(TokenReviews::new(reviews, clock)),
    ])))
}

/// A complete configuration; its fields are private, so it can't be half-filled.
pub struct CompletedConfig {
    environment: Environment,
    options: ServerOptions,
    version: VersionInfo,
    access: Access,
    clock: Arc<dyn Clock>,
    certificate: Arc<ServingCertificate>,
    checks: Vec<HealthCheck>,
}

impl CompletedConfig {
    /// The caches of all kinds, for plugins and strategies; filled while the server runs.
    #[must_use]
    pub fn caches(&self) -> Caches {
        self.environment.caches.clone()
    }

    /// Who may do what, for plugins that ask further questions.
    #[must_use]
    pub fn authorizer(&self) -> Arc<dyn Authorizer> {
        Arc::clone(&self.access.authorizer)
    }

    /// The kube-apiserver this server extends, if there is one.
    #[must_use]
    pub fn kube_api(&self) -> Option<Arc<dyn KubeApi>> {
        self.access.kube_api.clone()
    }

    /// What time it is.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The flags.
    #[must_use]
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// A server of these kinds, each write passing these plugins in order.
    pub fn server(mut self, plugins: Vec<Arc<dyn Plugin>>, groups: Vec<ApiGroup>) -> Result<Server, ConfigError> {
        self.environment.admission = Chain::new(plugins);
        let directory = Directory::install(groups, &self.environment)?;
        let caches = directory
            .endpoints()
            .map(|endpoint| Arc::clone(endpoint.cache()))
            .collect();
        let options = &self.options;
        let stop = CancellationToken::new();
        let service = Service::new(ServiceConfig {
            directory,
            authenticator: self.access.authenticator,
            authorizer: self.access.authorizer,
            clock: self.clock,
            limits: RequestLimits::new(options.max_requests_inflight, options.max_mutating_requests_inflight),
            request_timeout: options.request_timeout,
            min_request_timeout: Duration::from_secs(options.min_request_timeout),
            checks: self.checks,
            // Strings can always be written.
            version: serde_json::to_value(&self.version).unwrap_or(Value::Null),
            stop: stop.clone(),
        });
        Ok(Server::new(
            service,
            caches,
            self.access.trust,
            self.certificate,
            options,
            stop,
        ))
    }
}
