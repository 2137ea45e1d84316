//! Names and labels of managed Secrets: Gardener's.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use sha2::{Digest, Sha256};

pub(crate) const NAME: &str = "name";
pub(crate) const MANAGED_BY: &str = "managed-by";
pub(crate) const MANAGER: &str = "secrets-manager";
pub(crate) const IDENTITY: &str = "manager-identity";
pub(crate) const CHECKSUM_OF_CONFIG: &str = "checksum-of-config";
pub(crate) const CHECKSUM_OF_SIGNING_CA: &str = "checksum-of-signing-ca";
pub(crate) const LAST_ROTATION: &str = "last-rotation-initiation-time";
pub(crate) const ISSUED_AT: &str = "issued-at-time";
pub(crate) const VALID_UNTIL: &str = "valid-until-time";
pub(crate) const PERSIST: &str = "persist";
pub(crate) const BUNDLE_FOR: &str = "bundle-for";

/// Longest value of a label.
const LONGEST_LABEL: usize = 63;

/// What a Secret is about, before it has a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Name of the wish.
    pub(crate) name: String,
    /// Checksum of the wish; `None` where the name shall not tell it (authorities: extensions know them by their plain name).
    pub(crate) checksum: String,
    /// Whether the checksum is part of the name.
    pub(crate) versioned: bool,
    /// Checksum of the authority that signs.
    pub(crate) signing_ca: Option<String>,
    /// When a rotation began last, in seconds; empty when none did.
    pub(crate) last_rotation: String,
    /// Whether it must be kept when the control plane moves to another seed.
    pub(crate) persist: bool,
    /// The authority or key whose bundle it is.
    pub(crate) bundle_for: Option<String>,
}

impl Identity {
    /// The Secret's name: `<name>[-<8 of checksum>][-<5 of rotation>]`.
    pub(crate) fn secret_name(&self) -> String {
        let mut name = self.name.clone();
        let version = format!("{}{}", self.checksum, self.signing_ca.as_deref().unwrap_or_default());
        if self.versioned && !version.is_empty() {
            name.push('-');
            name.push_str(&hex_digest(version.as_bytes())[..8]);
        }
        if !self.last_rotation.is_empty() {
            name.push('-');
            name.push_str(&hex_digest(self.last_rotation.as_bytes())[..5]);
        }
        name
    }

    pub(crate) fn labels(&self, manager_identity: &str) -> BTreeMap<String, String> {
        let mut labels = owner_labels(manager_identity);
        let mut set = |key: &str, value: &str| labels.insert(key.to_owned(), value.to_owned());
        set(NAME, &self.name);
        set(CHECKSUM_OF_CONFIG, &self.checksum);
        set(LAST_ROTATION, &self.last_rotation);
        if let Some(checksum) = &self.signing_ca {
            set(CHECKSUM_OF_SIGNING_CA, checksum);
        }
        if self.persist {
            set(PERSIST, "true");
        }
        if let Some(name) = &self.bundle_for {
            set(BUNDLE_FOR, name);
        }
        labels
    }
}

/// Labels of everything that a manager owns.
pub(crate) fn owner_labels(manager_identity: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (MANAGED_BY.to_owned(), MANAGER.to_owned()),
        (IDENTITY.to_owned(), manager_identity.to_owned()),
    ])
}

/// The immutable Secret.
pub(crate) fn secret(
    namespace: &str,
    name: String,
    labels: BTreeMap<String, String>,
    data: BTreeMap<String, Vec<u8>>,
) -> Secret {
    let is_certificate = data.contains_key("tls.crt") && data.contains_key("tls.key");
    Secret {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        data: Some(data.into_iter().map(|(key, value)| (key, ByteString(value))).collect()),
        immutable: Some(true),
        type_: Some(if is_certificate { "kubernetes.io/tls" } else { "Opaque" }.to_owned()),
        ..Secret::default()
    }
}

/// A label of a Secret; empty when it has none.
pub(crate) fn label<'a>(secret: &'a Secret, key: &str) -> &'a str {
    secret
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(key))
        .map_or("", String::as_str)
}

/// A Secret's name; empty when it has none.
pub(crate) fn name(secret: &Secret) -> &str {
    secret.metadata.name.as_deref().unwrap_or_default()
}

/// A text in a Secret.
pub(crate) fn text<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    let data = secret.data.as_ref()?.get(key)?;
    std::str::from_utf8(&data.0).ok()
}

/// A checksum that fits into a label.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    let mut digest = hex_digest(bytes);
    digest.truncate(LONGEST_LABEL);
    digest
}

fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
