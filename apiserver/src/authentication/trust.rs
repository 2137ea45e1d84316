//! Whom to trust: the client CA, and the front proxy's CA, names and headers.
//!
//! In: files named by flags, and the ConfigMap `kube-system/extension-apiserver-authentication` that kube-apiserver
//! maintains; files go first. Out: [`Trust`], always the present one: it is read again while the server runs.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use parking_lot::RwLock;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, UnixTime},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    kube_api::{KubeApi, KubeApiError},
    tls::{self, TlsError},
};

const CONFIG_MAP: &str = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
/// A new CA is trusted by all servers before it signs (that is what rotation waits for), so there is no hurry.
const REFRESH: Duration = Duration::from_secs(30);
/// An unknown front proxy makes us look again, but not more often than this.
const EARLIEST_REFRESH: Duration = Duration::from_secs(1);

/// Why it is not known whom to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// kube-apiserver does not tell.
    #[error("failed to read ConfigMap kube-system/extension-apiserver-authentication")]
    ConfigMap(#[from] KubeApiError),
    /// A CA is no certificate.
    #[error("failed to read the {what}")]
    Certificate {
        /// Which CA.
        what: &'static str,
        /// Why.
        source: TlsError,
    },
    /// A list in the ConfigMap is no JSON list of strings.
    #[error("field {field} of the ConfigMap is not a JSON list of strings")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// rustls refuses a CA.
    #[error("failed to use the {what} for verification")]
    Verifier {
        /// Which CA.
        what: &'static str,
        /// Why.
        source: rustls::client::VerifierBuilderError,
    },
}

/// Whose headers are believed, and which headers these are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeaderConfig {
    /// Common names a front proxy may have; empty means any.
    pub allowed_names: Vec<String>,
    /// Headers with the user's name.
    pub username_headers: Vec<String>,
    /// Headers with the user's uid.
    pub uid_headers: Vec<String>,
    /// Headers with the user's groups.
    pub group_headers: Vec<String>,
    /// Prefixes of headers with extra fields.
    pub extra_prefixes: Vec<String>,
}

/// Whom to trust at a moment.
#[derive(Default)]
pub struct Trust {
    client: Option<Arc<dyn ClientCertVerifier>>,
    front_proxy: Option<Arc<dyn ClientCertVerifier>>,
    pub(super) headers: RequestHeaderConfig,
}

/// Where the flags say to look; what they leave open is read from the ConfigMap.
#[derive(Clone, Debug, Default)]
pub struct TrustFiles {
    /// `--client-ca-file`.
    pub client_ca: Option<PathBuf>,
    /// `--requestheader-client-ca-file`; the headers below count only with it.
    pub front_proxy_ca: Option<PathBuf>,
    /// `--requestheader-*`.
    pub headers: RequestHeaderConfig,
}

/// Keeps [`Trust`] up to date.
pub struct TrustSource {
    files: TrustFiles,
    kube_api: Option<Arc<dyn KubeApi>>,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<Trust>>,
    refresh: Notify,
}

impl TrustSource {
    /// A source that trusts nobody until [`TrustSource::load`].
    pub fn new(files: TrustFiles, kube_api: Option<Arc<dyn KubeApi>>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            files,
            kube_api,
            clock,
            current: RwLock::default(),
            refresh: Notify::new(),
        })
    }

    /// Reads everything once.
    pub async fn load(&self) -> Result<(), TrustError> {
        let trust = self.read().await?;
        *self.current.write() = Arc::new(trust);
        Ok(())
    }

    /// Reads everything once, trying again until `deadline` while the kube-apiserver can't be asked.
    pub async fn load_within(&self, deadline: Duration) -> Result<(), TrustError> {
        let end = tokio::time::Instant::now() + deadline;
        loop {
            match self.load().await {
                Err(error @ TrustError::ConfigMap(_)) if tokio::time::Instant::now() < end => {
                    tracing::info!(error = %ErrorChain(&error), "waiting for kube-apiserver to tell whom to trust");
                }
                result => return result,
            }
            tokio::time::sleep(EARLIEST_REFRESH).await;
        }
    }

    /// Reads everything again and again until `shutdown`; what can't be read leaves the old trust in place.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(REFRESH) => {}
                () = self.refresh.notified() => {}
            }
            if let Err(error) = self.load().await {
                tracing::warn!(error = %ErrorChain(&error), "can't read whom to trust, the old certificates stay");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(EARLIEST_REFRESH) => {}
            }
        }
    }

    pub(super) fn current(&self) -> Arc<Trust> {
        Arc::clone(&self.current.read())
    }

    /// Looks again soon: somebody showed a certificate that nobody vouches for.
    pub(super) fn suspect(&self) {
        self.refresh.notify_one();
    }

    pub(super) fn now(&self) -> UnixTime {
        let seconds = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    async fn read(&self) -> Result<Trust, TrustError> {
        let mut client_ca = file("client CA", self.files.client_ca.as_ref())?;
        let mut front_proxy_ca = file("front-proxy CA", self.files.front_proxy_ca.as_ref())?;
        let mut headers = self.files.headers.clone();
        if let (Some(kube_api), true) = (&self.kube_api, client_ca.is_none() || front_proxy_ca.is_none()) {
            let found = kube_api.get(CONFIG_MAP).await?;
            client_ca = client_ca.or_else(|| text(&found, "client-ca-file"));
            if front_proxy_ca.is_none() {
                front_proxy_ca = text(&found, "requestheader-client-ca-file");
                headers = header_config(&found)?;
            }
        }
        Ok(Trust {
            client: verifier("client CA", client_ca)?,
            front_proxy: verifier("front-proxy CA", front_proxy_ca)?,
            headers,
        })
    }
}

fn file(what: &'static str, path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, TrustError> {
    path.map(|path| tls::read(path))
        .transpose()
        .map_err(|source| TrustError::Certificate { what, source })
}

fn text(config_map: &Value, field: &str) -> Option<Vec<u8>> {
    let text = config_map
        .pointer("/data")
        .and_then(|data| data.get(field))
        .and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
        .map(|text| text.as_bytes().to_vec())
}

fn header_config(config_map: &Value) -> Result<RequestHeaderConfig, TrustError> {
    let list = |field: &'static str| match text(config_map, field) {
        Some(json) => serde_json::from_slice::<Vec<String>>(&json).map_err(|_| TrustError::Field { field }),
        None => Ok(Vec::new()),
    };
    Ok(RequestHeaderConfig {
        allowed_names: list("requestheader-allowed-names")?,
        username_headers: list("requestheader-username-headers")?,
        uid_headers: list("requestheader-uid-headers")?,
        group_headers: list("requestheader-group-headers")?,
        extra_prefixes: list("requestheader-extra-headers-prefix")?,
    })
}

fn verifier(what: &'static str, pem: Option<Vec<u8>>) -> Result<Option<Arc<dyn ClientCertVerifier>>, TrustError> {
    let Some(pem) = pem else { return Ok(None) };
    let roots: RootCertStore = tls::roots(&pem).map_err(|source| TrustError::Certificate { what, source })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier
        .map(|verifier| Some(verifier as Arc<dyn ClientCertVerifier>))
        .map_err(|source| TrustError::Verifier { what, source })
}

impl Trust {
    /// Whether the client CA vouches for the certificate; `None` without a client CA.
    pub(super) fn verify_client(
        &self,
        chain: &[CertificateDer<'static>],
        now: UnixTime,
    ) -> Option<Result<(), rustls::Error>> {
        self.client.as_ref().map(|verifier| verify(verifier, chain, now))
    }

    /// Whether the front-proxy CA vouches for the certificate; `None` without a front-proxy CA.
    pub(super) fn verify_front_proxy(
        &self,
        chain: &[CertificateDer<'static>],
        now: UnixTime,
    ) -> Option<Result<(), rustls::Error>> {
        self.front_proxy.as_ref().map(|verifier| verify(verifier, chain, now))
    }
}

fn verify(
    verifier: &Arc<dyn ClientCertVerifier>,
    chain: &[CertificateDer<'static>],
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let Some((own, intermediates)) = chain.split_first() else {
        return Err(rustls::Error::NoCertificatesPresented);
    };
    verifier.verify_client_cert(own, intermediates, now).map(drop)
}
