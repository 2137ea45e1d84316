//! What a certificate says, and bundles of several.

use std::{net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

use crate::Error;

/// What a certificate says of itself; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The subject's common name, or nothing.
    pub common_name: String,
    /// The subject's organizations.
    pub organizations: Vec<String>,
    /// Names it is good for.
    pub dns_names: Vec<String>,
    /// Addresses it is good for.
    pub ip_addresses: Vec<IpAddr>,
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// Its serial number, hexadecimal.
    pub serial_number: String,
    /// The public key as DER (`SubjectPublicKeyInfo`).
    pub public_key_der: Vec<u8>,
}

impl CertificateInfo {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        Self::from_der(&first_der(pem)?)
    }

    /// Reads a certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| Error::BadCertificate(error.to_string()))?;
        let subject = certificate.subject();
        let validity = certificate.validity();
        let (dns_names, ip_addresses) = alternative_names(&certificate)?;
        Ok(Self {
            common_name: subject
                .iter_common_name()
                .find_map(|name| name.as_str().ok())
                .unwrap_or_default()
                .to_owned(),
            organizations: subject
                .iter_organization()
                .filter_map(|name| name.as_str().ok())
                .map(str::to_owned)
                .collect(),
            dns_names,
            ip_addresses,
            not_before: timestamp(validity.not_before.timestamp())?,
            not_after: timestamp(validity.not_after.timestamp())?,
            is_authority: certificate.is_ca(),
            serial_number: format!("{:x}", certificate.serial),
            public_key_der: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether it is over at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.not_after
    }

    /// Whether less than `share` (for example 0.2) of its life is left: then it is time for another.
    pub fn is_due(&self, now: Timestamp, share: f64) -> bool {
        let life = self.not_after.duration_since(self.not_before).as_secs_f64();
        let left = self.not_after.duration_since(now).as_secs_f64();
        left < life * share
    }

    /// Whether it ends within `duration` from `now`.
    pub fn expires_within(&self, duration: Duration, now: Timestamp) -> bool {
        now.checked_add(duration).unwrap_or(Timestamp::MAX) >= self.not_after
    }
}

/// Several certificates as one PEM text, in their order, each of them once; empty ones are left out.
pub fn bundle<'a>(certificates: impl IntoIterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for certificate in certificates {
        let certificate = certificate.trim();
        if !certificate.is_empty() && !seen.contains(&certificate) {
            seen.push(certificate);
        }
    }
    seen.into_iter()
        .fold(String::new(), |text, certificate| text + certificate + "\n")
}

/// The certificates of a bundle, each as PEM; an error when there is none or when one is broken.
pub fn split_bundle(pem: &str) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let der = der.map_err(Error::BadPem)?;
        CertificateInfo::from_der(&der)?;
        found.push(to_pem(&der));
    }
    if found.is_empty() {
        Err(Error::NoCertificate)
    } else {
        Ok(found)
    }
}

pub(crate) fn first_der(pem: &str) -> Result<CertificateDer<'static>, Error> {
    match CertificateDer::pem_slice_iter(pem.as_bytes()).next() {
        Some(Ok(der)) => Ok(der),
        Some(Err(error)) => Err(Error::BadPem(error)),
        None => Err(Error::NoCertificate),
    }
}

/// The parsers have no writer: base64 in lines of 64 characters between two marks.
fn to_pem(der: &[u8]) -> String {
    let encoded = BASE64.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, character) in encoded.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem + "\n-----END CERTIFICATE-----\n"
}

fn timestamp(seconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(seconds).map_err(|error| Error::BadCertificate(error.to_string()))
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Result<(Vec<String>, Vec<IpAddr>), Error> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|error| Error::BadCertificate(error.to_string()))?;
    let (mut dns_names, mut ip_addresses) = (Vec::new(), Vec::new());
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => dns_names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => ip_addresses.extend(ip_address(bytes)),
            _ => {}
        }
    }
    Ok((dns_names, ip_addresses))
}

pub(crate) fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    four.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}
