//! Encryption at rest: what lies in the store is sealed with a key of an `EncryptionConfiguration`.
//!
//! Stored bytes begin with `k8s:enc:<provider>:v1:<key>:`, as Kubernetes writes them, so that an object tells which
//! provider and key can open it. The first provider of a resource seals; all of them open. Absent: KMS providers.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use aes_gcm::{
    AesGcm, KeyInit,
    aead::{Aead, Payload, consts::U12},
};
use bytes::Bytes;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};

use super::encryption_file::{self, EncryptionFileError};

const ENCRYPTED_PREFIX: &[u8] = b"k8s:enc:";
const AES_GCM_PREFIX: &str = "k8s:enc:aesgcm:v1:";
const AES_CBC_PREFIX: &str = "k8s:enc:aescbc:v1:";
const NONCE_SIZE: usize = 12;
const BLOCK_SIZE: usize = 16;

/// Why stored bytes can't be opened, or plain ones not be sealed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EncryptionError {
    /// No configured provider and key has this prefix.
    #[error("no configured provider opens {key}, whose value begins with {prefix:?}")]
    NoProvider {
        /// The key in the store.
        key: String,
        /// The first bytes of the value, which name provider and key.
        prefix: String,
    },
    /// The bytes were damaged, moved to another key, or sealed with another secret of the same name.
    #[error("the value of {key} is not what was sealed with this key")]
    Damaged {
        /// The key in the store.
        key: String,
    },
    /// The cipher refused the plain bytes.
    #[error("failed to seal the value of {key}")]
    Seal {
        /// The key in the store.
        key: String,
    },
}

/// A secret of an AES key's size.
#[derive(Clone)]
pub(super) enum Secret {
    Bits128([u8; 16]),
    Bits192([u8; 24]),
    Bits256([u8; 32]),
}

impl Secret {
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        match bytes.len() {
            16 => bytes.try_into().ok().map(Self::Bits128),
            24 => bytes.try_into().ok().map(Self::Bits192),
            32 => bytes.try_into().ok().map(Self::Bits256),
            _ => None,
        }
    }
}

/// One way to seal and open.
#[derive(Clone)]
pub(super) enum Provider {
    Identity,
    AesGcm { prefix: String, secret: Secret },
    AesCbc { prefix: String, secret: Secret },
}

impl Provider {
    pub(super) fn aes_gcm(key_name: &str, secret: Secret) -> Self {
        Self::AesGcm {
            prefix: format!("{AES_GCM_PREFIX}{key_name}:"),
            secret,
        }
    }

    pub(super) fn aes_cbc(key_name: &str, secret: Secret) -> Self {
        Self::AesCbc {
            prefix: format!("{AES_CBC_PREFIX}{key_name}:"),
            secret,
        }
    }

    /// Whether bytes that begin so are this provider's.
    fn sealed<'a>(&self, stored: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Identity => (!stored.starts_with(ENCRYPTED_PREFIX)).then_some(stored),
            Self::AesGcm { prefix, .. } | Self::AesCbc { prefix, .. } => stored.strip_prefix(prefix.as_bytes()),
        }
    }

    fn open(&self, key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Identity => Some(sealed.to_vec()),
            Self::AesGcm { secret, .. } => gcm_open(secret, key, sealed),
            Self::AesCbc { secret, .. } => cbc_open(secret, sealed),
        }
    }

    fn seal(&self, key: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let (prefix, sealed) = match self {
            Self::Identity => return Some(plain.to_vec()),
            Self::AesGcm { prefix, secret } => (prefix, gcm_seal(secret, key, plain)?),
            Self::AesCbc { prefix, secret } => (prefix, cbc_seal(secret, plain)),
        };
        Some([prefix.as_bytes(), sealed.as_slice()].concat())
    }
}

fn gcm_seal(secret: &Secret, key: &str, plain: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_SIZE] = rand::random();
    // The key in the store is authenticated: a value can't be moved to another key.
    let payload = Payload {
        msg: plain,
        aad: key.as_bytes(),
    };
    let sealed = match secret {
        Secret::Bits128(secret) => aes_gcm::Aes128Gcm::new(secret.into()).encrypt(&nonce.into(), payload),
        Secret::Bits192(secret) => AesGcm::<aes::Aes192, U12>::new(secret.into()).encrypt(&nonce.into(), payload),
        Secret::Bits256(secret) => aes_gcm::Aes256Gcm::new(secret.into()).encrypt(&nonce.into(), payload),
    };
    Some([nonce.as_slice(), sealed.ok()?.as_slice()].concat())
}

fn gcm_open(secret: &Secret, key: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_SIZE)?;
    let nonce: [u8; NONCE_SIZE] = nonce.try_into().ok()?;
    let payload = Payload {
        msg: sealed,
        aad: key.as_bytes(),
    };
    let opened = match secret {
        Secret::Bits128(secret) => aes_gcm::Aes128Gcm::new(secret.into()).decrypt(&nonce.into(), payload),
        Secret::Bits192(secret) => AesGcm::<aes::Aes192, U12>::new(secret.into()).decrypt(&nonce.into(), payload),
        Secret::Bits256(secret) => aes_gcm::Aes256Gcm::new(secret.into()).decrypt(&nonce.into(), payload),
    };
    opened.ok()
}

fn cbc_seal(secret: &Secret, plain: &[u8]) -> Vec<u8> {
    let start: [u8; BLOCK_SIZE] = rand::random();
    let iv = &start.into();
    let sealed = match secret {
        Secret::Bits128(key) => cbc::Encryptor::<aes::Aes128>::new(key.into(), iv).encrypt_padded_vec::<Pkcs7>(plain),
        Secret::Bits192(key) => cbc::Encryptor::<aes::Aes192>::new(key.into(), iv).encrypt_padded_vec::<Pkcs7>(plain),
        Secret::Bits256(key) => cbc::Encryptor::<aes::Aes256>::new(key.into(), iv).encrypt_padded_vec::<Pkcs7>(plain),
    };
    [start.as_slice(), sealed.as_slice()].concat()
}

fn cbc_open(secret: &Secret, sealed: &[u8]) -> Option<Vec<u8>> {
    let (start, sealed) = sealed.split_at_checked(BLOCK_SIZE)?;
    let start: [u8; BLOCK_SIZE] = start.try_into().ok()?;
    let iv = &start.into();
    let opened = match secret {
        Secret::Bits128(key) => cbc::Decryptor::<aes::Aes128>::new(key.into(), iv).decrypt_padded_vec::<Pkcs7>(sealed),
        Secret::Bits192(key) => cbc::Decryptor::<aes::Aes192>::new(key.into(), iv).decrypt_padded_vec::<Pkcs7>(sealed),
        Secret::Bits256(key) => cbc::Decryptor::<aes::Aes256>::new(key.into(), iv).decrypt_padded_vec::<Pkcs7>(sealed),
    };
    opened.ok()
}

/// Plain bytes of a stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was sealed.
    pub plain: Bytes,
    /// Sealed by another provider or key than the one that seals now: the next write should happen even if it changes
    /// nothing.
    pub stale: bool,
}

/// Seals and opens the values of one resource.
#[derive(Clone)]
pub struct Transformer {
    providers: Arc<[Provider]>,
}

impl std::fmt::Debug for Transformer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secrets.
        formatter
            .debug_struct("Transformer")
            .field("providers", &self.providers.len())
            .finish()
    }
}

impl Default for Transformer {
    fn default() -> Self {
        Self::new(vec![Provider::Identity])
    }
}

impl Transformer {
    pub(super) fn new(providers: Vec<Provider>) -> Self {
        Self {
            providers: providers.into(),
        }
    }

    /// What to store for `plain` under `key`.
    pub fn seal(&self, key: &str, plain: Bytes) -> Result<Bytes, EncryptionError> {
        match self.providers.first() {
            None | Some(Provider::Identity) => Ok(plain),
            Some(provider) => match provider.seal(key, &plain) {
                Some(sealed) => Ok(sealed.into()),
                None => Err(EncryptionError::Seal { key: key.to_owned() }),
            },
        }
    }

    /// The plain bytes of what is stored under `key`.
    pub fn open(&self, key: &str, stored: &Bytes) -> Result<Opened, EncryptionError> {
        let mut matched = false;
        for (index, provider) in self.providers.iter().enumerate() {
            let Some(sealed) = provider.sealed(stored) else {
                continue;
            };
            matched = true;
            if let Provider::Identity = provider {
                return Ok(Opened {
                    plain: stored.clone(),
                    stale: index > 0,
                });
            }
            if let Some(plain) = provider.open(key, sealed) {
                return Ok(Opened {
                    plain: plain.into(),
                    stale: index > 0,
                });
            }
        }
        if matched {
            return Err(EncryptionError::Damaged { key: key.to_owned() });
        }
        let prefix = stored
            .split(|byte| *byte == b':')
            .take(5)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>();
        let prefix: String = prefix.join(":").chars().take(80).collect();
        Err(EncryptionError::NoProvider {
            key: key.to_owned(),
            prefix,
        })
    }
}

/// Which resources are sealed, and how.
#[derive(Clone, Debug, Default)]
pub struct Encryption {
    /// First match wins; patterns are `plural`, `plural.group`, `*.group`, `*.` (the core group) and `*.*`.
    rules: Vec<(String, Transformer)>,
}

impl Encryption {
    /// Reads an `EncryptionConfiguration` file.
    pub fn from_file(path: &Path) -> Result<Self, EncryptionFileError> {
        let text = std::fs::read_to_string(path).map_err(|source| EncryptionFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_yaml(&text)
    }

    /// Reads the text of an `EncryptionConfiguration`.
    pub fn from_yaml(text: &str) -> Result<Self, EncryptionFileError> {
        let mut rules = Vec::new();
        for (patterns, providers) in encryption_file::parse(text)? {
            let transformer = Transformer::new(providers);
            rules.extend(patterns.into_iter().map(|pattern| (pattern, transformer.clone())));
        }
        Ok(Self { rules })
    }

    /// How the values of a resource are sealed; without a rule they are not.
    #[must_use]
    pub fn transformer(&self, group: &str, plural: &str) -> Transformer {
        let qualified = if group.is_empty() {
            plural.to_owned()
        } else {
            format!("{plural}.{group}")
        };
        let exact = [qualified, format!("*.{group}"), "*.*".to_owned()];
        let rules: BTreeMap<&str, &Transformer> = self
            .rules
            .iter()
            .rev()
            .map(|(pattern, transformer)| (pattern.as_str(), transformer))
            .collect();
        exact
            .iter()
            .find_map(|pattern| rules.get(pattern.as_str()))
            .copied()
            .cloned()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two secrets of each size: 16 and 32 bytes of one letter.
    const CONFIG: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [internalsecrets.core.gardener.cloud]
  providers:
  - aescbc:
      keys:
      - {name: key2, secret: YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=}
      - {name: key1, secret: YWFhYWFhYWFhYWFhYWFhYQ==}
  - identity: {}
- resources: ['*.core.gardener.cloud']
  providers:
  - aesgcm: {keys: [{name: key1, secret: YWFhYWFhYWFhYWFhYWFhYQ==}]}
";

    fn transformer(group: &str, plural: &str) -> Transformer {
        Encryption::from_yaml(CONFIG).unwrap().transformer(group, plural)
    }

    #[test]
    fn seals_and_opens_with_the_first_key() {
        for (plural, prefix) in [
            ("internalsecrets", "k8s:enc:aescbc:v1:key2:"),
            ("shoots", "k8s:enc:aesgcm:v1:key1:"),
        ] {
            let transformer = transformer("core.gardener.cloud", plural);
            let sealed = transformer.seal("/registry/a", Bytes::from_static(b"secret")).unwrap();
            assert!(sealed.starts_with(prefix.as_bytes()), "{sealed:?}");
            let opened = transformer.open("/registry/a", &sealed).unwrap();
            assert_eq!(
                opened,
                Opened {
                    plain: Bytes::from_static(b"secret"),
                    stale: false
                }
            );
        }
    }

    #[test]
    fn what_no_rule_names_stays_plain() {
        let transformer = transformer("operations.gardener.cloud", "bastions");
        assert_eq!(
            transformer.seal("/k", Bytes::from_static(b"{}")).unwrap(),
            Bytes::from_static(b"{}")
        );
    }

    #[test]
    fn plain_values_are_read_and_stale_where_identity_is_listed() {
        let opened = transformer("core.gardener.cloud", "internalsecrets").open("/k", &Bytes::from_static(b"{}"));
        assert_eq!(
            opened.unwrap(),
            Opened {
                plain: Bytes::from_static(b"{}"),
                stale: true
            }
        );
        let refused = transformer("core.gardener.cloud", "shoots").open("/k", &Bytes::from_static(b"{}"));
        assert_eq!(
            refused,
            Err(EncryptionError::NoProvider {
                key: "/k".to_owned(),
                prefix: "{}".to_owned()
            })
        );
    }

    #[test]
    fn a_value_can_not_move_to_another_key() {
        let transformer = transformer("core.gardener.cloud", "shoots");
        let sealed = transformer.seal("/a", Bytes::from_static(b"x")).unwrap();
        assert_eq!(
            transformer.open("/b", &sealed),
            Err(EncryptionError::Damaged { key: "/b".to_owned() })
        );
    }

    #[test]
    fn old_keys_open_and_are_stale() {
        let config = CONFIG.replace("key2", "key3").replace("YmJi", "Y2Nj");
        let old = transformer("core.gardener.cloud", "internalsecrets");
        let sealed = old.seal("/k", Bytes::from_static(b"x")).unwrap();
        let new = Encryption::from_yaml(&config)
            .unwrap()
            .transformer("core.gardener.cloud", "internalsecrets");
        assert!(matches!(
            new.open("/k", &sealed),
            Err(EncryptionError::NoProvider { .. })
        ));
        let swapped = CONFIG
            .replace("key2", "keyX")
            .replace("key1", "key2")
            .replace("keyX", "key1");
        let swapped = swapped.replace("YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=", "SWAP");
        let swapped = swapped.replacen(
            "YWFhYWFhYWFhYWFhYWFhYQ==",
            "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=",
            1,
        );
        let swapped = swapped.replace("SWAP", "YWFhYWFhYWFhYWFhYWFhYQ==");
        let swapped = Encryption::from_yaml(&swapped)
            .unwrap()
            .transformer("core.gardener.cloud", "internalsecrets");
        assert_eq!(
            swapped.open("/k", &sealed).unwrap(),
            Opened {
                plain: Bytes::from_static(b"x"),
                stale: true
            }
        );
    }
}
