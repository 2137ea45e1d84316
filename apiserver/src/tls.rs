//! TLS material from files or PEM text, for clients and for the server.
//!
//! In: PEM. Out: rustls configurations. Absent: making keys and certificates, which is `lib-pki`'s.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not PEM, or holds no object of the wanted sort.
    #[error("failed to find a {what} in PEM")]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate where at least one must be.
    #[error("there is no certificate in the PEM text")]
    NoCertificate,
    /// rustls does not accept the material.
    #[error("failed to use the certificate and key")]
    Rejected(#[source] rustls::Error),
}

/// All certificates of a PEM text; at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|source| TlsError::Pem {
        what: "certificate",
        source,
    })?;
    if found.is_empty() {
        Err(TlsError::NoCertificate)
    } else {
        Ok(found)
    }
}

/// The first private key of a PEM text.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|source| TlsError::Pem {
        what: "private key",
        source,
    })
}

/// A root store of the certificates of a PEM text.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem)? {
        store.add(certificate).map_err(TlsError::Rejected)?;
    }
    Ok(store)
}

/// Reads a file of PEM text.
pub(crate) fn read(path: &std::path::Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// What a TLS client trusts and shows; PEM text goes before files.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// PEM of the authorities to trust.
    pub ca_pem: Option<Vec<u8>>,
    /// File of the authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// PEM of the client certificate chain.
    pub certificate_pem: Option<Vec<u8>>,
    /// File of the client certificate chain.
    pub certificate_file: Option<PathBuf>,
    /// PEM of the client's key.
    pub key_pem: Option<Vec<u8>>,
    /// File of the client's key.
    pub key_file: Option<PathBuf>,
    /// Accepts any server certificate (`insecure-skip-tls-verify`).
    pub insecure: bool,
}

impl ClientTls {
    /// A configuration from the files as they are now.
    pub fn config(&self, protocols: &[&[u8]]) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Rejected)?;
        let ca = either(self.ca_pem.as_ref(), self.ca_file.as_ref())?;
        let builder = if self.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(insecure::TrustAnything::new(&provider)))
        } else {
            builder.with_root_certificates(ca.map_or_else(|| Ok(RootCertStore::empty()), |pem| roots(&pem))?)
        };
        let certificate = either(self.certificate_pem.as_ref(), self.certificate_file.as_ref())?;
        let key = either(self.key_pem.as_ref(), self.key_file.as_ref())?;
        let mut config = match (certificate, key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(&certificate)?, private_key(&key)?)
                .map_err(TlsError::Rejected)?,
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn either(pem: Option<&Vec<u8>>, file: Option<&PathBuf>) -> Result<Option<Vec<u8>>, TlsError> {
    match (pem, file) {
        (Some(pem), _) => Ok(Some(pem.clone())),
        (None, Some(file)) => read(file).map(Some),
        (None, None) => Ok(None),
    }
}

/// A verifier for those who asked in so many words not to verify.
mod insecure {
    use rustls::{
        DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::CryptoProvider,
        pki_types::{CertificateDer, ServerName, UnixTime},
    };

    #[derive(Debug)]
    pub(super) struct TrustAnything(Vec<SignatureScheme>);

    impl TrustAnything {
        pub(super) fn new(provider: &CryptoProvider) -> Self {
            Self(provider.signature_verification_algorithms.supported_schemes())
        }
    }

    impl ServerCertVerifier for TrustAnything {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.clone()
        }
    }
}
