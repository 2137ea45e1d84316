//! What a certificate shall say, and the certificate that came of it.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};

use crate::{Error, PrivateKey, key::unix_lines};

/// Certificates begin a little before they are made: clocks of machines differ.
pub(crate) const BACKDATE: Duration = Duration::from_secs(15 * 60);

/// What a certificate is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Usage {
    /// Proves a server's name.
    Server,
    /// Proves a user: common name and organizations are Kubernetes' user and groups.
    Client,
}

/// What a certificate shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The subject's common name; the user name in client certificates.
    pub common_name: String,
    /// The subject's organizations; the groups in client certificates. At most two.
    pub organizations: Vec<String>,
    /// Names of a server; `*.` as first label is a wildcard.
    pub dns_names: Vec<String>,
    /// Addresses of a server.
    pub ip_addresses: Vec<IpAddr>,
    /// What it is good for.
    pub usages: Vec<Usage>,
    /// How long it is valid from now on; shortened to the end of the authority.
    pub validity: Duration,
}

impl CertificateRequest {
    /// A server certificate.
    pub fn server(
        common_name: impl Into<String>,
        dns_names: Vec<String>,
        ip_addresses: Vec<IpAddr>,
        validity: Duration,
    ) -> Self {
        let usages = vec![Usage::Server];
        Self {
            common_name: common_name.into(),
            organizations: Vec::new(),
            dns_names,
            ip_addresses,
            usages,
            validity,
        }
    }

    /// A client certificate.
    pub fn client(common_name: impl Into<String>, organizations: Vec<String>, validity: Duration) -> Self {
        Self {
            common_name: common_name.into(),
            organizations,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            usages: vec![Usage::Client],
            validity,
        }
    }
}

/// A certificate with its private key.
#[derive(Clone, Debug)]
pub struct IssuedCertificate {
    /// The certificate as PEM, without its authority's.
    pub certificate_pem: String,
    /// The key that belongs to it.
    pub private_key: PrivateKey,
    /// When it ends.
    pub not_after: Timestamp,
}

/// A PKCS#10 signing request (`CERTIFICATE REQUEST`) for the subject of `request`, signed by `key`.
///
/// Usages and validity are not in it: whoever signs decides them.
pub fn signing_request(request: &CertificateRequest, key: &PrivateKey) -> Result<String, Error> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = subject(&request.common_name, &request.organizations)?;
    parameters.subject_alt_names = alternative_names(request)?;
    let sign = |source| Error::Sign {
        subject: request.common_name.clone(),
        source,
    };
    let signed = parameters.serialize_request(key.pair.as_ref()).map_err(sign)?;
    Ok(unix_lines(&signed.pem().map_err(sign)?))
}

pub(crate) fn subject(common_name: &str, organizations: &[String]) -> Result<DistinguishedName, Error> {
    let mut name = DistinguishedName::new();
    // The library keeps one value per type of name; the object identifier written out counts as another type.
    let types = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
    if organizations.len() > types.len() {
        return Err(Error::TooManyOrganizations(organizations.len()));
    }
    for (kind, organization) in types.into_iter().zip(organizations) {
        name.push(kind, organization.as_str());
    }
    if !common_name.is_empty() {
        name.push(DnType::CommonName, common_name);
    }
    Ok(name)
}

pub(crate) fn alternative_names(request: &CertificateRequest) -> Result<Vec<SanType>, Error> {
    let mut names = Vec::with_capacity(request.dns_names.len() + request.ip_addresses.len());
    for name in &request.dns_names {
        let parsed = name.as_str().try_into().map_err(|source| Error::BadName {
            name: name.clone(),
            source,
        })?;
        names.push(SanType::DnsName(parsed));
    }
    names.extend(request.ip_addresses.iter().copied().map(SanType::IpAddress));
    Ok(names)
}

/// The parts that all certificates signed by an authority share.
pub(crate) fn leaf_parameters(
    usages: &[Usage],
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::default();
    parameters.not_before = time(not_before)?.into();
    parameters.not_after = time(not_after)?.into();
    parameters.serial_number = Some(serial_number());
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = usages
        .iter()
        .map(|usage| match usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        })
        .collect();
    Ok(parameters)
}

/// 16 random bytes; the first bit is off, for a serial number is positive.
pub(crate) fn serial_number() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    bytes[0] = bytes[0] & 0x7f | 0x01;
    SerialNumber::from_slice(&bytes)
}

pub(crate) fn time(timestamp: Timestamp) -> Result<std::time::SystemTime, Error> {
    let seconds = u64::try_from(timestamp.as_second()).map_err(|_| Error::BadTime(timestamp))?;
    Ok(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The moment `duration` after `now`, whole seconds as certificates have them.
pub(crate) fn after(now: Timestamp, duration: Duration) -> Timestamp {
    let end = now.checked_add(duration).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(end.as_second()).unwrap_or(Timestamp::MAX)
}

/// The moment from which on a certificate made now is valid.
pub(crate) fn beginning(now: Timestamp) -> Timestamp {
    let begin = now.checked_sub(BACKDATE).unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::from_second(begin.as_second()).unwrap_or(Timestamp::UNIX_EPOCH)
}
