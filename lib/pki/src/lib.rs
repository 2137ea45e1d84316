//! Certificate authorities and certificates: the one place that makes keys.
//!
//! In: names, lifetimes and a [`lib_clock::Clock`]. Out: certificates and keys as PEM (keys are PKCS#8, ECDSA P-256, which
//! Kubernetes takes for TLS, for client certificates and for service account tokens alike). Absent: storage, rotation
//! (the secrets manager decides when), revocation.
//!
//! **Invariant:** a private key is never printed: [`PrivateKey`]'s `Debug` shows nothing of it.

#![forbid(unsafe_code)]

mod authority; // signs
mod certificate; // what a certificate says
mod error;
mod inspect; // what a signing request asks for
mod key; // private and public keys
mod request; // what a certificate shall say

pub use self::{
    authority::CertificateAuthority,
    certificate::{CertificateInfo, bundle, split_bundle},
    error::Error,
    inspect::SigningRequestInfo,
    key::PrivateKey,
    request::{CertificateRequest, IssuedCertificate, Usage, signing_request},
};
