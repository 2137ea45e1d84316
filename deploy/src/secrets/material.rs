//! Contents of Secrets: what is wished, how it is made, and whether what is there can be read.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use lib_clock::Clock;
use lib_pki::{CertificateAuthority, CertificateInfo, CertificateRequest, PrivateKey, Usage};
use plan_control_plane::EncryptionKey;

use super::metadata::text;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long certificates live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Authorities: replaced by a rotation only, which a person starts.
    pub authority: Duration,
    /// Certificates: renewed when four fifths of it are over.
    pub certificate: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            authority: DAY * 365 * 10,
            certificate: DAY * 365,
        }
    }
}

/// A wish for an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityWish {
    /// Its name, `ca`, `ca-client`.
    pub name: String,
    /// The common name in its certificate.
    pub common_name: String,
}

impl AuthorityWish {
    /// An authority by Gardener's name.
    pub fn new(name: &str, common_name: &str) -> Self {
        Self {
            name: name.to_owned(),
            common_name: common_name.to_owned(),
        }
    }
}

/// A wish for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateWish {
    /// Its name, `kube-apiserver`.
    pub name: String,
    /// Name of the authority that signs it; asked for before.
    pub authority: String,
    /// The common name; the user name in client certificates.
    pub common_name: String,
    /// The organizations; the groups in client certificates.
    pub organizations: Vec<String>,
    /// Names of a server.
    pub dns_names: Vec<String>,
    /// Addresses of a server.
    pub ip_addresses: Vec<IpAddr>,
    /// What it is good for.
    pub usages: Vec<Usage>,
}

impl CertificateWish {
    /// A client certificate.
    pub fn client(name: &str, authority: &str, common_name: &str, organizations: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            authority: authority.to_owned(),
            common_name: common_name.to_owned(),
            organizations: organizations.iter().map(|group| (*group).to_owned()).collect(),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            usages: vec![Usage::Client],
        }
    }

    /// A server certificate.
    pub fn server(name: &str, authority: &str, dns_names: Vec<String>, ip_addresses: Vec<IpAddr>) -> Self {
        Self {
            name: name.to_owned(),
            authority: authority.to_owned(),
            common_name: name.to_owned(),
            organizations: Vec::new(),
            dns_names,
            ip_addresses,
            usages: vec![Usage::Server],
        }
    }

    pub(crate) fn request(&self, validity: Duration) -> CertificateRequest {
        CertificateRequest {
            common_name: self.common_name.clone(),
            organizations: self.organizations.clone(),
            dns_names: self.dns_names.clone(),
            ip_addresses: self.ip_addresses.clone(),
            usages: self.usages.clone(),
            validity,
        }
    }
}

/// An authority that was found or made.
#[derive(Clone, Debug)]
pub struct SigningAuthority {
    /// Name of the Secret with `ca.crt` and `ca.key`.
    pub secret_name: String,
    /// Name of the Secret with `bundle.crt`: this authority, and the old one while it is rotated.
    pub bundle_name: String,
    /// The bundle itself.
    pub bundle: String,
    /// The authority, to sign with.
    pub authority: CertificateAuthority,
    /// The old authority, while there is one: servers are certified by it until all clients know the new one.
    pub(crate) old: Option<CertificateAuthority>,
}

impl SigningAuthority {
    /// The one that signs for `usages`.
    pub(crate) fn signer(&self, usages: &[Usage]) -> &CertificateAuthority {
        match &self.old {
            Some(old) if !usages.contains(&Usage::Client) => old,
            _ => &self.authority,
        }
    }
}

/// A key that signs tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Name of the Secret with `id_rsa`.
    pub secret_name: String,
    /// Name of the Secret with `bundle.key`: public halves of this key, and of the old one while it is rotated.
    pub bundle_name: String,
}

/// Contents of a Secret.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

pub(crate) fn data<const N: usize>(pairs: [(&str, String); N]) -> Data {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into_bytes()))
        .collect()
}

pub(crate) fn new_authority(
    wish: &AuthorityWish,
    lifetimes: Lifetimes,
    clock: &dyn Clock,
) -> Result<Data, lib_pki::Error> {
    let authority = CertificateAuthority::generate(&wish.common_name, lifetimes.authority, clock)?;
    Ok(data([
        ("ca.crt", authority.certificate_pem().to_owned()),
        ("ca.key", authority.private_key().to_pem()),
    ]))
}

/// Why the content of a Secret is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("key {0} is missing")]
    Missing(&'static str),
    #[error("its content can't be read")]
    Bad(#[from] lib_pki::Error),
}

fn required<'a>(secret: &'a Secret, key: &'static str) -> Result<&'a str, Unreadable> {
    text(secret, key).ok_or(Unreadable::Missing(key))
}

pub(crate) fn read_authority(secret: &Secret) -> Result<CertificateAuthority, Unreadable> {
    Ok(CertificateAuthority::from_pem(
        required(secret, "ca.crt")?,
        required(secret, "ca.key")?,
    )?)
}

pub(crate) fn new_certificate(
    wish: &CertificateWish,
    authority: &CertificateAuthority,
    lifetimes: Lifetimes,
    clock: &dyn Clock,
) -> Result<Data, lib_pki::Error> {
    let issued = authority.issue(&wish.request(lifetimes.certificate), clock)?;
    Ok(data([
        ("ca.crt", authority.certificate_pem().to_owned()),
        ("tls.crt", issued.certificate_pem),
        ("tls.key", issued.private_key.to_pem()),
    ]))
}

pub(crate) fn read_certificate(secret: &Secret) -> Result<CertificateInfo, Unreadable> {
    let info = CertificateInfo::from_pem(required(secret, "tls.crt")?)?;
    PrivateKey::from_pem(required(secret, "tls.key")?)?;
    Ok(info)
}

pub(crate) fn new_signing_key() -> Result<Data, lib_pki::Error> {
    let key = PrivateKey::generate()?;
    Ok(data([("id_rsa", key.to_pem()), ("id_rsa.pub", key.public_key_pem())]))
}

/// The public half. A key made by Gardener is RSA, which we need not be able to read ourselves.
pub(crate) fn read_signing_key(secret: &Secret) -> Result<String, Unreadable> {
    required(secret, "id_rsa")?;
    match text(secret, "id_rsa.pub") {
        Some(public) if public.contains("BEGIN PUBLIC KEY") => Ok(public.to_owned()),
        // kube-apiserver takes the public half out of a private key itself.
        _ => Ok(required(secret, "id_rsa")?.to_owned()),
    }
}

pub(crate) fn new_encryption_key(clock: &dyn Clock) -> Data {
    let bytes: [u8; 32] = rand::random();
    // The name is stored beside every value: it must be another one for another key.
    data([
        ("key", format!("key{}", clock.now().as_second())),
        ("secret", STANDARD.encode(bytes)),
    ])
}

pub(crate) fn read_encryption_key(secret: &Secret) -> Result<EncryptionKey, Unreadable> {
    Ok(EncryptionKey {
        name: required(secret, "key")?.to_owned(),
        secret: required(secret, "secret")?.to_owned(),
    })
}
