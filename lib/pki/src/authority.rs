//! A certificate authority: signs certificates for keys made here, and the requests of keys made elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use lib_clock::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyUsagePurpose, PublicKeyData,
};

use crate::{
    CertificateInfo, CertificateRequest, Error, IssuedCertificate, PrivateKey, Usage,
    certificate::first_der,
    key::unix_lines,
    request::{after, alternative_names, beginning, leaf_parameters, serial_number, subject, time},
};

/// A certificate authority with its private key.
#[derive(Clone, Debug)]
pub struct CertificateAuthority {
    certificate_pem: String,
    key: PrivateKey,
    info: CertificateInfo,
}

impl CertificateAuthority {
    /// Makes a new, self-signed authority, valid for `validity` from now on.
    pub fn generate(common_name: &str, validity: Duration, clock: &dyn Clock) -> Result<Self, Error> {
        let key = PrivateKey::generate()?;
        let now = clock.now();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = subject(common_name, &[])?;
        parameters.not_before = time(beginning(now))?.into();
        parameters.not_after = time(after(now, validity))?.into();
        parameters.serial_number = Some(serial_number());
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        let certificate = parameters
            .self_signed(key.pair.as_ref())
            .map_err(|source| Error::Sign {
                subject: common_name.to_owned(),
                source,
            })?;
        let info = CertificateInfo::from_der(certificate.der())?;
        Ok(Self {
            certificate_pem: unix_lines(&certificate.pem()),
            key,
            info,
        })
    }

    /// Reads an authority; refuses a key that is not its own and a certificate that may not sign.
    ///
    /// An expired one is read (its certificate is still needed in bundles) but does not sign.
    pub fn from_pem(certificate_pem: &str, private_key_pem: &str) -> Result<Self, Error> {
        let key = PrivateKey::from_pem(private_key_pem)?;
        let info = CertificateInfo::from_pem(certificate_pem)?;
        if !info.is_authority {
            return Err(Error::NotAnAuthority {
                subject: info.common_name,
            });
        }
        if info.public_key_der != key.pair.subject_public_key_info() {
            return Err(Error::KeyMismatch {
                subject: info.common_name,
            });
        }
        Ok(Self {
            certificate_pem: certificate_pem.to_owned(),
            key,
            info,
        })
    }

    /// Its certificate as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its private key.
    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }

    /// What its certificate says.
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// Makes a key and a certificate for it.
    pub fn issue(&self, request: &CertificateRequest, clock: &dyn Clock) -> Result<IssuedCertificate, Error> {
        self.issue_for_key(request, PrivateKey::generate()?, clock)
    }

    /// Makes a certificate for a key that is there already.
    pub fn issue_for_key(
        &self,
        request: &CertificateRequest,
        private_key: PrivateKey,
        clock: &dyn Clock,
    ) -> Result<IssuedCertificate, Error> {
        let (not_before, not_after) = self.lifetime(request.validity, clock)?;
        let mut parameters = leaf_parameters(&request.usages, not_before, not_after)?;
        parameters.distinguished_name = subject(&request.common_name, &request.organizations)?;
        parameters.subject_alt_names = alternative_names(request)?;
        let certificate = parameters
            .signed_by(private_key.pair.as_ref(), &self.issuer()?)
            .map_err(|source| Error::Sign {
                subject: request.common_name.clone(),
                source,
            })?;
        Ok(IssuedCertificate {
            certificate_pem: unix_lines(&certificate.pem()),
            private_key,
            not_after,
        })
    }

    /// Signs a PKCS#10 request as PEM: subject, names and key are the request's, usages and validity the caller's.
    ///
    /// Whether the subject may be had is for the caller to decide, before.
    pub fn sign_request(
        &self,
        request_pem: &str,
        usages: &[Usage],
        validity: Duration,
        clock: &dyn Clock,
    ) -> Result<String, Error> {
        let request = CertificateSigningRequestParams::from_pem(request_pem).map_err(Error::BadRequest)?;
        let (not_before, not_after) = self.lifetime(validity, clock)?;
        let mut parameters = leaf_parameters(usages, not_before, not_after)?;
        parameters.distinguished_name = request.params.distinguished_name;
        parameters.subject_alt_names = request.params.subject_alt_names;
        let certificate = parameters
            .signed_by(&request.public_key, &self.issuer()?)
            .map_err(|source| Error::Sign {
                subject: "certificate signing request".to_owned(),
                source,
            })?;
        Ok(unix_lines(&certificate.pem()))
    }

    /// No certificate outlives its authority: what is verified against it would fail then anyway, only later.
    fn lifetime(&self, validity: Duration, clock: &dyn Clock) -> Result<(Timestamp, Timestamp), Error> {
        let now = clock.now();
        if self.info.is_expired(now) {
            let subject = self.info.common_name.clone();
            return Err(Error::AuthorityExpired {
                subject,
                expired: self.info.not_after,
            });
        }
        let not_before = beginning(now).max(self.info.not_before);
        Ok((not_before, after(now, validity).min(self.info.not_after)))
    }

    fn issuer(&self) -> Result<Issuer<'static, &rcgen::KeyPair>, Error> {
        Issuer::from_ca_cert_der(&first_der(&self.certificate_pem)?, self.key.pair.as_ref()).map_err(|source| {
            Error::Sign {
                subject: self.info.common_name.clone(),
                source,
            }
        })
    }
}
