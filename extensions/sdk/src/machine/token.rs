//! The token by which a machine joins: drawn and kept in the seed before the machine is made, announced to the shoot once that
//! answers, gone from both when the machine has joined.
//!
//! Only the shoot's Secret lets anybody in. It is written from the seed's, so that without that there is no second time.

use std::collections::BTreeMap;

use api::{
    constants::{
        BOOTSTRAP_TOKEN_DESCRIPTION_PREFIX, BOOTSTRAP_TOKEN_DESCRIPTION_SUFFIX, BOOTSTRAP_TOKEN_SECRET_PREFIX,
        PLACEHOLDER_BOOTSTRAP_TOKEN, PLACEHOLDER_MACHINE_NAME,
    },
    machine::v1alpha1::Machine,
};
use apimachinery::meta::{object_meta, owner_reference, set_label};
use controller::{
    delete::{DeleteError, delete},
    error::is_already_exists,
};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client, api::PostParams};
use sha2::{Digest as _, Sha256};

use super::{
    facts::{name, uid},
    names::{PURPOSE_BOOTSTRAP_TOKEN, PURPOSE_LABEL},
};

/// Namespace of bootstrap tokens in the shoot.
const NAMESPACE: &str = "kube-system";
/// Type of the Secrets that are bootstrap tokens.
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
/// What the name of the seed's Secret ends with, after the machine's.
const KEPT_SUFFIX: &str = "-bootstrap-token";
const TOKEN_ID: &str = "token-id";
const TOKEN_SECRET: &str = "token-secret";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A bootstrap token. Not to be shown: who knows it can join.
pub(crate) struct Token {
    id: String,
    secret: String,
}

impl Token {
    fn draw(machine: &Machine, random: &dyn Fn() -> u64) -> Self {
        Self {
            id: token_id(uid(&machine.metadata)),
            secret: (0..SECRET_LENGTH).map(|_| letter(random())).collect(),
        }
    }

    /// The machine's token that a Secret of the seed keeps; `None` when it is another's or none.
    fn read(kept: &Secret, machine: &Machine) -> Option<Self> {
        let data = kept.data.as_ref()?;
        let text = |key: &str| Some(std::str::from_utf8(&data.get(key)?.0).ok()?.to_owned());
        let token = Self {
            id: text(TOKEN_ID)?,
            secret: text(TOKEN_SECRET)?,
        };
        (token.id == token_id(uid(&machine.metadata))).then_some(token)
    }

    /// As it is presented.
    pub(crate) fn text(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }

    /// The Secret of the seed: it goes with its machine at the latest.
    fn kept(&self, machine: &Machine) -> Secret {
        let namespace = machine.metadata.namespace.as_deref().unwrap_or_default();
        let mut metadata = object_meta(namespace, &kept_name(machine));
        metadata.owner_references = Some(vec![owner_reference(machine)]);
        set_label(&mut metadata, PURPOSE_LABEL, PURPOSE_BOOTSTRAP_TOKEN);
        Secret {
            metadata,
            type_: Some("Opaque".to_owned()),
            data: Some(data([
                (TOKEN_ID, self.id.as_str()),
                (TOKEN_SECRET, self.secret.as_str()),
            ])),
            ..Secret::default()
        }
    }

    /// The Secret of the shoot, which makes the token valid until `expires`.
    fn announced(&self, machine: &Machine, expires: Timestamp) -> Secret {
        let machine_name = name(&machine.metadata);
        let description =
            format!("{BOOTSTRAP_TOKEN_DESCRIPTION_PREFIX}{machine_name}{BOOTSTRAP_TOKEN_DESCRIPTION_SUFFIX}");
        let expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let data = data([
            (TOKEN_ID, self.id.as_str()),
            (TOKEN_SECRET, self.secret.as_str()),
            ("description", description.as_str()),
            ("expiration", expires.as_str()),
            ("usage-bootstrap-authentication", "true"),
            ("usage-bootstrap-signing", "true"),
        ]);
        Secret {
            metadata: object_meta(NAMESPACE, &announced_name(machine)),
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(data),
            ..Secret::default()
        }
    }
}

/// The token's public part: of the Machine's uid, so that it is found again, and no other machine's is taken for it.
fn token_id(uid: &str) -> String {
    let digest = Sha256::digest(uid.as_bytes());
    let letters = digest.iter().take(ID_LENGTH).map(|byte| letter(u64::from(*byte)));
    letters.collect()
}

fn letter(number: u64) -> char {
    let index = usize::try_from(number % ALPHABET.len() as u64).unwrap_or_default();
    char::from(ALPHABET[index])
}

fn data<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, ByteString> {
    let pairs = pairs.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
    BTreeMap::from(pairs)
}

fn kept_name(machine: &Machine) -> String {
    format!("{}{KEPT_SUFFIX}", name(&machine.metadata))
}

fn announced_name(machine: &Machine) -> String {
    format!("{BOOTSTRAP_TOKEN_SECRET_PREFIX}{}", token_id(uid(&machine.metadata)))
}

/// The token of a machine that is being made: the one that was drawn before a crash, or a new one. `kept`: the Secrets of the
/// machine's namespace.
pub(crate) async fn keep_token(
    kept: &Api<Secret>,
    machine: &Machine,
    random: &(dyn Fn() -> u64 + Send + Sync),
) -> Result<Token, kube::Error> {
    let token = Token::draw(machine, random);
    let wished = token.kept(machine);
    match kept.create(&PostParams::default(), &wished).await {
        Ok(_) => Ok(token),
        Err(error) if is_already_exists(&error) => {
            let name = kept_name(machine);
            let mut present = kept.get(&name).await?;
            if let Some(token) = Token::read(&present, machine) {
                return Ok(token);
            }
            // It was of another machine that had this name.
            present.metadata.owner_references = wished.metadata.owner_references;
            present.data = wished.data;
            kept.replace(&name, &PostParams::default(), &present).await?;
            Ok(token)
        }
        Err(error) => Err(error),
    }
}

/// The token that is kept for a machine; `None` when it is spent, or there never was one.
pub(crate) async fn kept_token(kept: &Api<Secret>, machine: &Machine) -> Result<Option<Token>, kube::Error> {
    let found = kept.get_opt(&kept_name(machine)).await?;
    Ok(found.and_then(|secret| Token::read(&secret, machine)))
}

/// Makes the token valid in the shoot until `expires`.
pub(crate) async fn announce_token(
    shoot: &Client,
    machine: &Machine,
    token: &Token,
    expires: Timestamp,
) -> Result<(), kube::Error> {
    let api: Api<Secret> = Api::namespaced(shoot.clone(), NAMESPACE);
    let wished = token.announced(machine, expires);
    match api.create(&PostParams::default(), &wished).await {
        Ok(_) => Ok(()),
        Err(error) if is_already_exists(&error) => {
            let name = announced_name(machine);
            let mut present = api.get(&name).await?;
            present.data = wished.data;
            api.replace(&name, &PostParams::default(), &present).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Ends what the seed keeps: from now on nobody can announce the token.
pub(crate) async fn forget_token(kept: &Api<Secret>, machine: &Machine) -> Result<(), DeleteError> {
    delete(kept, &kept_name(machine)).await.map(drop)
}

/// Makes the token useless.
pub(crate) async fn withdraw_token(shoot: &Client, machine: &Machine) -> Result<(), DeleteError> {
    let api: Api<Secret> = Api::namespaced(shoot.clone(), NAMESPACE);
    delete(&api, &announced_name(machine)).await.map(drop)
}

/// User data with what only this machine has.
pub(crate) fn fill_in(user_data: &str, machine: &str, token: &str) -> String {
    user_data
        .replace(PLACEHOLDER_BOOTSTRAP_TOKEN, token)
        .replace(PLACEHOLDER_MACHINE_NAME, machine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing;

    fn text(secret: &Secret, key: &str) -> String {
        String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
    }

    #[test]
    fn a_token_is_as_kubernetes_wants_it() {
        let machine = testing::machine("m-1", "Pending");
        let token = Token::draw(&machine, &|| 37);
        assert_eq!(token.id.len(), 6);
        assert_eq!(token.text(), format!("{}.bbbbbbbbbbbbbbbb", token.id));
        let secret = token.announced(&machine, Timestamp::UNIX_EPOCH);
        assert_eq!(
            secret.metadata.name.as_deref(),
            Some(format!("bootstrap-token-{}", token.id).as_str())
        );
        assert_eq!(secret.metadata.namespace.as_deref(), Some("kube-system"));
        assert_eq!(secret.type_.as_deref(), Some("bootstrap.kubernetes.io/token"));
        assert_eq!(
            (text(&secret, "token-id"), text(&secret, "token-secret")),
            (token.id, token.secret)
        );
        assert_eq!(
            text(&secret, "description"),
            r#"A bootstrap token for machine "m-1" managed by machine-controller-manager."#
        );
        assert_eq!(text(&secret, "expiration"), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_kept_is_of_one_machine() {
        let (machine, other) = (testing::machine("m-1", ""), testing::machine("m-2", ""));
        let token = Token::draw(&machine, &|| 1);
        let kept = token.kept(&machine);
        assert_eq!(kept.metadata.name.as_deref(), Some("m-1-bootstrap-token"));
        assert_eq!(kept.metadata.namespace, machine.metadata.namespace);
        assert_eq!(kept.type_.as_deref(), Some("Opaque"));
        let owners = kept.metadata.owner_references.as_deref().unwrap();
        assert_eq!(
            (owners[0].kind.as_str(), owners[0].uid.as_str()),
            ("Machine", "uid-of-m-1")
        );
        let read = |machine| Token::read(&kept, machine).map(|token| token.text());
        assert_eq!(read(&machine), Some(token.text()));
        assert_eq!(read(&other), None);
    }

    #[test]
    fn user_data_gets_name_and_token() {
        assert_eq!(fill_in("<<MACHINE_NAME>>:<<BOOTSTRAP_TOKEN>>", "m", "a.b"), "m:a.b");
    }
}
