//! What can go wrong with certificates and keys.

use jiff::Timestamp;

/// Why a certificate or key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text holds no private key that can be used.
    #[error("failed to read the private key")]
    BadKey(#[source] rcgen::Error),
    /// A key could not be made.
    #[error("failed to generate a private key")]
    GenerateKey(#[source] rcgen::Error),
    /// The text holds no certificate.
    #[error("failed to read the certificate: no PEM block CERTIFICATE in it")]
    NoCertificate,
    /// The text is not PEM.
    #[error("failed to read the certificate")]
    BadPem(#[source] rustls_pki_types::pem::Error),
    /// What the PEM block holds is not a certificate.
    #[error("failed to read the certificate: {0}")]
    BadCertificate(String),
    /// The private key is not the one of the certificate.
    #[error("the private key does not belong to the certificate of {subject:?}")]
    KeyMismatch {
        /// Common name of the certificate.
        subject: String,
    },
    /// The certificate may not sign others.
    #[error("the certificate of {subject:?} is not one of a certificate authority")]
    NotAnAuthority {
        /// Common name of the certificate.
        subject: String,
    },
    /// The authority's own certificate is over.
    #[error("the certificate authority {subject:?} expired at {expired}")]
    AuthorityExpired {
        /// Common name of the authority.
        subject: String,
        /// When it ended.
        expired: Timestamp,
    },
    /// A name that no certificate can hold.
    #[error("{name:?} is not a valid DNS name for a certificate")]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: rcgen::Error,
    },
    /// More organizations than can be written.
    #[error("a certificate can hold at most two organizations, not {0}")]
    TooManyOrganizations(usize),
    /// The time lies outside of what a certificate can say.
    #[error("{0} is not a time that a certificate can hold")]
    BadTime(Timestamp),
    /// The signing request cannot be read, or it is not signed by its own key.
    #[error("failed to read the certificate signing request")]
    BadRequest(#[source] rcgen::Error),
    /// The signing request cannot be read, or not in one way only.
    #[error("the certificate signing request is refused: {0}")]
    AmbiguousRequest(String),
    /// Signing failed.
    #[error("failed to sign the certificate of {subject:?}")]
    Sign {
        /// Common name of the certificate to be.
        subject: String,
        /// What went wrong.
        source: rcgen::Error,
    },
}
