//! The secrets manager: makes certificates and keys, finds them again after a restart, renews and cleans them up.
//!
//! In: wishes by name. Out: immutable Secrets with versioned names, with Gardener's labels. It keeps no state but these
//! Secrets. What cannot be made again without breaking a cluster (authorities, signing keys, encryption keys) is
//! never replaced by accident: it is found by its label even when its checksum differs, and when it can't be read, that is
//! an error for a person.

mod manager; // find or make
mod material; // contents: certificates, keys, bundles
mod metadata; // names and labels
mod store; // where Secrets are kept

pub use self::{
    manager::{ManagerOptions, SecretsError, SecretsManager},
    material::{AuthorityWish, CertificateWish, Lifetimes, SigningAuthority, SigningKey},
    store::{KubeSecretStore, SecretStore, StoreError},
};

#[cfg(test)]
mod tests;
