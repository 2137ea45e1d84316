//! The serving certificate: from files that are read again when they change, or made for this run.

use std::{path::PathBuf, sync::Arc, time::Duration};

use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use lib_pki::{CertificateAuthority, CertificateRequest};
use parking_lot::RwLock;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_util::sync::CancellationToken;

use crate::{
    authentication::ShownCertificates,
    tls::{self, TlsError},
};

use super::ServerOptions;

/// Certificates are renewed long before they end; the files' change may be seen late.
const REFRESH: Duration = Duration::from_secs(10);
const SELF_SIGNED_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why there is no serving certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The files are not usable.
    #[error("failed to load the serving certificate")]
    Load(#[from] TlsError),
    /// rustls refuses the pair.
    #[error("failed to use the serving certificate with its key")]
    Pair(#[source] rustls::Error),
    /// None could be made.
    #[error("failed to make a self-signed certificate")]
    Make(#[from] lib_pki::Error),
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Always the present certificate.
pub(super) struct ServingCertificate {
    files: Option<Files>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl std::fmt::Debug for ServingCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServingCertificate").finish_non_exhaustive()
    }
}

impl ServingCertificate {
    pub(super) fn load(options: &ServerOptions, clock: &dyn Clock) -> Result<Arc<Self>, CertificateError> {
        let files = match (&options.tls_cert_file, &options.tls_private_key_file) {
            (Some(certificate), Some(key)) => Some(Files {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => None,
        };
        let current = match &files {
            Some(files) => files.read()?,
            None => self_signed(clock)?,
        };
        Ok(Arc::new(Self {
            files,
            current: RwLock::new(current),
        }))
    }

    /// Reads the files again and again until `shutdown`; a broken pair leaves the old one in place.
    pub(super) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let Some(files) = &self.files else { return };
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(REFRESH) => {}
            }
            match files.read() {
                Ok(pair) if pair.cert != self.current.read().cert => {
                    tracing::info!(file = %files.certificate.display(), "serving certificate has changed");
                    *self.current.write() = pair;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "can't read the serving certificate, the old one stays")
                }
            }
        }
    }

    /// How the server does TLS.
    pub(super) fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, CertificateError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = builder
            .map_err(CertificateError::Pair)?
            .with_client_cert_verifier(Arc::new(ShownCertificates::new()))
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

impl Files {
    fn read(&self) -> Result<Arc<CertifiedKey>, CertificateError> {
        pair(&tls::read(&self.certificate)?, &tls::read(&self.key)?)
    }
}

fn pair(certificate: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, CertificateError> {
    let chain = tls::certificates(certificate)?;
    let provider = rustls::crypto::ring::default_provider();
    let pair = CertifiedKey::from_der(chain, tls::private_key(key)?, &provider);
    pair.map(Arc::new).map_err(CertificateError::Pair)
}

fn self_signed(clock: &dyn Clock) -> Result<Arc<CertifiedKey>, CertificateError> {
    let authority = CertificateAuthority::generate("self-signed", SELF_SIGNED_VALIDITY, clock)?;
    let names = vec!["localhost".to_owned()];
    let addresses = vec![std::net::Ipv4Addr::LOCALHOST.into()];
    let issued = authority.issue(
        &CertificateRequest::server("localhost", names, addresses, SELF_SIGNED_VALIDITY),
        clock,
    )?;
    pair(
        issued.certificate_pem.as_bytes(),
        issued.private_key.to_pem().as_bytes(),
    )
}
