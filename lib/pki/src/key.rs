//! Private keys, and the public half that verifies service account tokens.

use std::{fmt, sync::Arc};

use rcgen::KeyPair;

use crate::Error;

/// A private key, ECDSA P-256 when made here; its `Debug` output never contains it.
#[derive(Clone)]
pub struct PrivateKey {
    pub(crate) pair: Arc<KeyPair>,
}

impl PrivateKey {
    /// Makes a new key.
    pub fn generate() -> Result<Self, Error> {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(Error::GenerateKey)?;
        Ok(Self { pair: Arc::new(pair) })
    }

    /// Reads a PKCS#8 key (`PRIVATE KEY`) of any algorithm that signs certificates.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        Ok(Self {
            pair: Arc::new(KeyPair::from_pem(pem).map_err(Error::BadKey)?),
        })
    }

    /// The key as PEM, PKCS#8. Whoever calls this is responsible for where it goes.
    pub fn to_pem(&self) -> String {
        unix_lines(&self.pair.serialize_pem())
    }

    /// The public key as PEM (`PUBLIC KEY`); kube-apiserver takes it as `--service-account-key-file`.
    pub fn public_key_pem(&self) -> String {
        unix_lines(&self.pair.public_key_pem())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(redacted)")
    }
}

/// The PEM writer ends lines as DOS does; Kubernetes' files do not.
pub(crate) fn unix_lines(pem: &str) -> String {
    pem.replace("\r\n", "\n")
}
