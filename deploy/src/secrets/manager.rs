//! Finds what is there, makes what is not, and at the end deletes what nobody asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use lib_clock::Clock;
use lib_pki::CertificateInfo;
use parking_lot::Mutex;
use plan_control_plane::EncryptionKey;

use super::{
    material::{self, AuthorityWish, CertificateWish, Data, Lifetimes, SigningAuthority, SigningKey, Unreadable},
    metadata::{self, ISSUED_AT, Identity, LAST_ROTATION, NAME, VALID_UNTIL, label, name},
    store::{SecretStore, StoreError},
};

/// A certificate is renewed when less than this share of its life is left.
const RENEW_SHARE: f64 = 0.2;
/// A certificate is renewed when it ends this soon, however long it lives.
const RENEW_BEFORE_END: std::time::Duration = std::time::Duration::from_secs(10 * 24 * 3600);

/// What the manager could not do.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The cluster refused, or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Making a key or certificate failed.
    #[error("failed to make {name}")]
    Make {
        /// Name of the wish.
        name: String,
        /// Why.
        source: lib_pki::Error,
    },
    /// Something that cannot be made again can't be read.
    #[error(
        "Secret {secret} is damaged, and making another would break the cluster that uses it: restore it, or delete it and rotate ({reason})"
    )]
    Damaged {
        /// The Secret.
        secret: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate's authority was not asked for before.
    #[error("the authority {authority} of certificate {name} was not asked for")]
    UnknownAuthority {
        /// Name of the wish.
        name: String,
        /// Its authority.
        authority: String,
    },
    /// The encryption configuration cannot be written.
    #[error("failed to write the encryption configuration")]
    EncryptionConfiguration(#[source] serde_yaml_ng::Error),
    /// A kubeconfig cannot be written.
    #[error("failed to write a kubeconfig")]
    Kubeconfig(#[source] serde_yaml_ng::Error),
}

/// Who manages, where, and what is rotated.
#[derive(Clone, Debug)]
pub struct ManagerOptions {
    /// Namespace of the Secrets.
    pub namespace: String,
    /// `gardenlet`, `gardener-operator`.
    pub identity: String,
    /// When the rotation of a name began last, as the object's status says.
    pub rotations: BTreeMap<String, Timestamp>,
    /// Names whose rotation is being completed: what was current before is forgotten, and cleaned up.
    pub completed: BTreeSet<String>,
    /// How long certificates live.
    pub lifetimes: Lifetimes,
}

impl ManagerOptions {
    /// Without rotations, with the usual lifetimes.
    pub fn new(namespace: &str, identity: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            identity: identity.to_owned(),
            rotations: BTreeMap::new(),
            completed: BTreeSet::new(),
            lifetimes: Lifetimes::default(),
        }
    }
}

/// The manager of one namespace's Secrets. It is made anew for every reconciliation.
pub struct SecretsManager<S> {
    store: S,
    clock: Arc<dyn Clock>,
    options: ManagerOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What is there, by the Secret's name.
    secrets: BTreeMap<String, Secret>,
    /// What was asked for, by the Secret's name.
    used: BTreeSet<String>,
    authorities: BTreeMap<String, SigningAuthority>,
    /// Rotation times by the wish's name, as seconds.
    rotations: BTreeMap<String, String>,
}

impl<S> std::fmt::Debug for SecretsManager<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SecretsManager")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Whether a Secret may be made again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Yes: a certificate, or something that follows from others.
    Replaceable,
    /// No: clusters depend on this very one.
    Unique,
}

impl<S: SecretStore> SecretsManager<S> {
    /// Lists what is there, and notes which certificates are due.
    pub async fn load(store: S, clock: Arc<dyn Clock>, options: ManagerOptions) -> Result<Self, SecretsError> {
        let found = store.list(&metadata::owner_labels(&options.identity)).await?;
        let mut rotations = BTreeMap::new();
        let mut newest: BTreeMap<&str, &Secret> = BTreeMap::new();
        for secret in &found {
            let kept = newest.entry(label(secret, NAME)).or_insert(secret);
            if (&kept.metadata.creation_timestamp, name(kept)) < (&secret.metadata.creation_timestamp, name(secret)) {
                *kept = secret;
            }
        }
        for (wish, secret) in newest {
            let due = material::read_certificate(secret).is_ok_and(|info| is_due(&info, clock.now()));
            let rotation = if due {
                clock.now().as_second().to_string()
            } else {
                label(secret, LAST_ROTATION).to_owned()
            };
            rotations.insert(wish.to_owned(), rotation);
        }
        for (wish, began) in &options.rotations {
            rotations.insert(wish.clone(), began.as_second().to_string());
        }
        let secrets = found
            .into_iter()
            .map(|secret| (name(&secret).to_owned(), secret))
            .collect();
        let state = Mutex::new(State {
            secrets,
            rotations,
            ..State::default()
        });
        Ok(Self {
            store,
            clock,
            options,
            state,
        })
    }

    /// The namespace of the Secrets.
    pub fn namespace(&self) -> &str {
        &self.options.namespace
    }

    /// The clock that certificates are made by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// An authority with its bundle. Once made it stays, until a rotation is begun.
    pub async fn authority(&self, wish: &AuthorityWish) -> Result<SigningAuthority, SecretsError> {
        let identity = Identity {
            versioned: false,
            persist: true,
            ..self.identity(&wish.name, format!("{wish:?}").as_bytes())
        };
        let make = || material::new_authority(wish, self.options.lifetimes, self.clock());
        let secret = self
            .ensure(&identity, Kind::Unique, make, |secret| {
                material::read_authority(secret).map(drop)
            })
            .await?;
        let read = |secret: &Secret| material::read_authority(secret).map_err(|reason| damaged(secret, &reason));
        let authority = read(&secret)?;
        let old = self
            .older_than(&wish.name, name(&secret))
            .map(|secret| self.keep(secret));
        let old = old.as_ref().map(read).transpose()?;
        let certificates = std::iter::once(&authority)
            .chain(&old)
            .map(lib_pki::CertificateAuthority::certificate_pem);
        let bundle = lib_pki::bundle(certificates);
        let bundle_name = self.bundle(&wish.name, "bundle.crt", &bundle).await?;
        let signing = SigningAuthority {
            secret_name: name(&secret).to_owned(),
            bundle_name,
            bundle,
            authority,
            old,
        };
        self.state.lock().authorities.insert(wish.name.clone(), signing.clone());
        Ok(signing)
    }

    /// A certificate, signed by an authority that was asked for before. It is made again when it is due, damaged, or wished
    /// differently.
    pub async fn certificate(&self, wish: &CertificateWish) -> Result<Secret, SecretsError> {
        let unknown = || SecretsError::UnknownAuthority {
            name: wish.name.clone(),
            authority: wish.authority.clone(),
        };
        let authority = self
            .state
            .lock()
            .authorities
            .get(&wish.authority)
            .cloned()
            .ok_or_else(unknown)?;
        let signer = authority.signer(&wish.usages);
        let mut identity = self.identity(&wish.name, format!("{wish:?}").as_bytes());
        identity.signing_ca = Some(metadata::checksum(signer.certificate_pem().as_bytes()));
        let make = || material::new_certificate(wish, signer, self.options.lifetimes, self.clock());
        let readable = |secret: &Secret| material::read_certificate(secret).map(drop);
        self.ensure(&identity, Kind::Replaceable, make, readable).await
    }

    /// A key that signs tokens, with the bundle of its public half and the old one's.
    pub async fn signing_key(&self, wish: &str) -> Result<SigningKey, SecretsError> {
        let identity = Identity {
            persist: true,
            ..self.identity(wish, wish.as_bytes())
        };
        let readable = |secret: &Secret| material::read_signing_key(secret).map(drop);
        let secret = self
            .ensure(&identity, Kind::Unique, material::new_signing_key, readable)
            .await?;
        let read = |secret: &Secret| material::read_signing_key(secret).map_err(|reason| damaged(secret, &reason));
        let mut public = read(&secret)?;
        if let Some(old) = self.older_than(wish, name(&secret)) {
            public.push_str(&read(&self.keep(old))?);
        }
        let bundle_name = self.bundle(wish, "bundle.key", &public).await?;
        Ok(SigningKey {
            secret_name: name(&secret).to_owned(),
            bundle_name,
        })
    }

    /// A key for encryption at rest, and the old one while it is rotated: newest first.
    pub async fn encryption_keys(&self, wish: &str) -> Result<Vec<EncryptionKey>, SecretsError> {
        let identity = Identity {
            persist: true,
            ..self.identity(wish, wish.as_bytes())
        };
        let make = || Ok(material::new_encryption_key(self.clock()));
        let readable = |secret: &Secret| material::read_encryption_key(secret).map(drop);
        let secret = self.ensure(&identity, Kind::Unique, make, readable).await?;
        let old = self.older_than(wish, name(&secret)).map(|secret| self.keep(secret));
        let read = |secret: &Secret| material::read_encryption_key(secret).map_err(|reason| damaged(secret, &reason));
        std::iter::once(&secret).chain(&old).map(read).collect()
    }

    /// A Secret whose content follows from others; a new content gets a new name.
    pub async fn derived(&self, wish: &str, data: Data) -> Result<Secret, SecretsError> {
        let bytes: Vec<u8> = data
            .iter()
            .flat_map(|(key, value)| [key.as_bytes(), value.as_slice()].concat())
            .collect();
        let identity = Identity {
            last_rotation: String::new(),
            ..self.identity(wish, &bytes)
        };
        self.ensure(&identity, Kind::Replaceable, || Ok(data), |_| Ok(())).await
    }

    /// Deletes what was not asked for since [`Self::load`], and returns the names. Only after all that mount them are updated.
    pub async fn cleanup(&self) -> Result<Vec<String>, SecretsError> {
        let unused: Vec<String> = {
            let state = self.state.lock();
            state
                .secrets
                .keys()
                .filter(|name| !state.used.contains(*name))
                .cloned()
                .collect()
        };
        for name in &unused {
            self.store.delete(name).await?;
            self.state.lock().secrets.remove(name);
        }
        Ok(unused)
    }

    async fn bundle(&self, of: &str, key: &str, content: &str) -> Result<String, SecretsError> {
        let wish = format!("{of}-bundle");
        let identity = Identity {
            bundle_for: Some(of.to_owned()),
            last_rotation: String::new(),
            ..self.identity(&wish, content.as_bytes())
        };
        let data = Data::from([(key.to_owned(), content.as_bytes().to_vec())]);
        let secret = self
            .ensure(&identity, Kind::Replaceable, || Ok(data), |_| Ok(()))
            .await?;
        Ok(name(&secret).to_owned())
    }

    fn identity(&self, wish: &str, config: &[u8]) -> Identity {
        Identity {
            name: wish.to_owned(),
            checksum: metadata::checksum(config),
            versioned: true,
            signing_ca: None,
            last_rotation: self.state.lock().rotations.get(wish).cloned().unwrap_or_default(),
            persist: false,
            bundle_for: None,
        }
    }

    /// The Secret of this identity: found, or made.
    async fn ensure(
        &self,
        identity: &Identity,
        kind: Kind,
        make: impl FnOnce() -> Result<Data, lib_pki::Error>,
        readable: impl Fn(&Secret) -> Result<(), Unreadable>,
    ) -> Result<Secret, SecretsError> {
        let secret_name = identity.secret_name();
        if let Some(found) = self.find(identity, &secret_name, kind) {
            match readable(&found) {
                Ok(()) => return Ok(self.keep(found)),
                Err(reason) if kind == Kind::Unique => return Err(damaged(&found, &reason)),
                Err(reason) => {
                    tracing::warn!(secret = %secret_name, %reason, "a Secret is damaged and made again");
                    self.store.delete(name(&found)).await?;
                }
            }
        }
        let data = make().map_err(|source| SecretsError::Make {
            name: identity.name.clone(),
            source,
        })?;
        let mut labels = identity.labels(&self.options.identity);
        labels.extend(lifetime(&data, self.clock.now()));
        let secret = metadata::secret(&self.options.namespace, secret_name, labels, data);
        let created = self.store.create(&secret).await?;
        readable(&created).map_err(|reason| damaged(&created, &reason))?;
        tracing::debug!(secret = name(&created), "Secret made");
        Ok(self.keep(created))
    }

    /// By name; and what must not be made again also by its label, whatever wish it was made for: another version of this program, or
    /// Gardener's, computes other checksums.
    fn find(&self, identity: &Identity, secret_name: &str, kind: Kind) -> Option<Secret> {
        let state = self.state.lock();
        if let Some(found) = state.secrets.get(secret_name) {
            return Some(found.clone());
        }
        if kind == Kind::Replaceable {
            return None;
        }
        let same = |secret: &&Secret| {
            label(secret, NAME) == identity.name && label(secret, LAST_ROTATION) == identity.last_rotation
        };
        let newest = state
            .secrets
            .values()
            .filter(same)
            .max_by_key(|secret| (secret.metadata.creation_timestamp.clone(), name(secret).to_owned()));
        newest.cloned()
    }

    /// The newest other Secret of this name: what was current before the rotation, until that is completed.
    fn older_than(&self, wish: &str, current: &str) -> Option<Secret> {
        if self.options.completed.contains(wish) {
            return None;
        }
        let state = self.state.lock();
        let others = state
            .secrets
            .values()
            .filter(|secret| label(secret, NAME) == wish && name(secret) != current);
        others
            .max_by_key(|secret| (secret.metadata.creation_timestamp.clone(), name(secret).to_owned()))
            .cloned()
    }

    /// Notes that the Secret is in use.
    fn keep(&self, secret: Secret) -> Secret {
        let mut state = self.state.lock();
        state.used.insert(name(&secret).to_owned());
        state.secrets.insert(name(&secret).to_owned(), secret.clone());
        secret
    }
}

fn damaged(secret: &Secret, reason: &Unreadable) -> SecretsError {
    let reason = lib_error_chain::ErrorChain(reason).to_string();
    SecretsError::Damaged {
        secret: name(secret).to_owned(),
        reason,
    }
}

fn is_due(info: &CertificateInfo, now: Timestamp) -> bool {
    info.is_due(now, RENEW_SHARE) || info.expires_within(RENEW_BEFORE_END, now)
}

/// When the content was made, and when it ends, if it does.
fn lifetime(data: &Data, now: Timestamp) -> BTreeMap<String, String> {
    let certificate = ["tls.crt", "ca.crt"].into_iter().find_map(|key| data.get(key));
    let info = certificate.and_then(|pem| CertificateInfo::from_pem(&String::from_utf8_lossy(pem)).ok());
    let (issued, until) = match info {
        Some(info) => (info.not_before, Some(info.not_after)),
        None => (now, None),
    };
    let mut labels = BTreeMap::from([(ISSUED_AT.to_owned(), issued.as_second().to_string())]);
    labels.extend(until.map(|until| (VALID_UNTIL.to_owned(), until.as_second().to_string())));
    labels
}
