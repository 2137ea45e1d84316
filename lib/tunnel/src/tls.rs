//! From certificates as PEM to TLS settings. TLS 1.3 only: both ends are ours.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{VerifierBuilderError, WebPkiClientVerifier},
    version::TLS13,
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};

/// Why certificates can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A text is no PEM of what it should be.
    #[error("failed to read {what}")]
    Pem {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        source: PemError,
    },
    /// A text holds no certificate.
    #[error("there is no certificate in {0}")]
    Empty(&'static str),
    /// Certificate and key don't go together, or an authority is none.
    #[error("failed to use the certificates")]
    Certificates(#[from] rustls::Error),
    /// The authorities of clients can't be used.
    #[error("failed to use the authorities of clients")]
    Clients(#[from] VerifierBuilderError),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|source| TlsError::Pem { what, source })?;
    if found.is_empty() {
        return Err(TlsError::Empty(what));
    }
    Ok(found)
}

fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|source| TlsError::Pem {
        what: "the key",
        source,
    })
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, "the bundle of authorities")? {
        store.add(certificate)?;
    }
    Ok(store)
}

/// Settings of the side that listens: it wants a certificate of every client, and speaks nothing but `protocols`.
pub fn server_config(
    certificate_pem: &[u8],
    key_pem: &[u8],
    client_authorities_pem: &[u8],
    protocols: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let roots = Arc::new(authorities(client_authorities_pem)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(certificate_pem, "the certificate")?, key(key_pem)?)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Settings of the side that dials, for one of the protocols.
pub fn client_config(
    certificate_pem: &[u8],
    key_pem: &[u8],
    authorities_pem: &[u8],
    protocol: &[u8],
) -> Result<ClientConfig, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(authorities(authorities_pem)?)
        .with_client_auth_cert(certificates(certificate_pem, "the certificate")?, key(key_pem)?)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}
