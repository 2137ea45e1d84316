//! Users by client certificate: the common name is the user, the organizations are its groups.

use std::sync::Arc;

use async_trait::async_trait;
use lib_pki::CertificateInfo;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use crate::context::UserInfo;

use super::{AuthenticationError, Authenticator, Credentials, TrustSource};

/// Knows users by certificates of the client CA.
pub struct ClientCertificates {
    trust: Arc<TrustSource>,
}

impl ClientCertificates {
    /// Trusts the client CA of `trust`.
    pub fn new(trust: Arc<TrustSource>) -> Self {
        Self { trust }
    }
}

#[async_trait]
impl Authenticator for ClientCertificates {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError> {
        let Some(own) = credentials.certificates.first() else {
            return Ok(None);
        };
        match self
            .trust
            .current()
            .verify_client(credentials.certificates, self.trust.now())
        {
            None => return Ok(None),
            Some(Err(error)) => {
                self.trust.suspect();
                return Err(AuthenticationError::Invalid(format!("client certificate: {error}")));
            }
            Some(Ok(())) => {}
        }
        let info = CertificateInfo::from_der(own)
            .map_err(|error| AuthenticationError::Invalid(format!("client certificate: {error}")))?;
        if info.common_name.is_empty() {
            return Ok(None);
        }
        let user = UserInfo {
            name: info.common_name,
            groups: info.organizations,
            ..UserInfo::default()
        };
        Ok(Some(user))
    }
}

/// Lets a TLS client show any certificate, or none, and makes it prove that it has the key. Whether anybody vouches for
/// the certificate is asked later, since a front proxy and a user are vouched for by different authorities.
#[derive(Debug)]
pub(crate) struct ShownCertificates(WebPkiSupportedAlgorithms);

impl ShownCertificates {
    pub(crate) fn new() -> Self {
        Self(rustls::crypto::ring::default_provider().signature_verification_algorithms)
    }
}

impl ClientCertVerifier for ShownCertificates {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
