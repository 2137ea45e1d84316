//! The token by which a machine joins: one per machine, in the shoot, until the machine has joined.

use std::{collections::BTreeMap, time::Duration};

use api::constants::{
    BOOTSTRAP_TOKEN_DESCRIPTION_PREFIX, BOOTSTRAP_TOKEN_DESCRIPTION_SUFFIX, BOOTSTRAP_TOKEN_SECRET_PREFIX,
    PLACEHOLDER_BOOTSTRAP_TOKEN, PLACEHOLDER_MACHINE_NAME,
};
use apimachinery::meta::object_meta;
use controller::error::is_already_exists;
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client, api::PostParams};
use sha2::{Digest as _, Sha256};

/// Namespace of bootstrap tokens.
const NAMESPACE: &str = "kube-system";
/// Type of the Secrets that are bootstrap tokens.
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The token's public part: of the Machine's uid, so that a controller that crashed finds the token again.
pub(crate) fn token_id(uid: &str) -> String {
    let digest = Sha256::digest(uid.as_bytes());
    let letters = digest.iter().take(ID_LENGTH).map(|byte| letter(u64::from(*byte)));
    letters.collect()
}

fn letter(number: u64) -> char {
    let index = usize::try_from(number % ALPHABET.len() as u64).unwrap_or_default();
    char::from(ALPHABET[index])
}

/// The token's secret part.
pub(crate) fn token_secret(random: &dyn Fn() -> u64) -> String {
    (0..SECRET_LENGTH).map(|_| letter(random())).collect()
}

pub(crate) fn secret_name(uid: &str) -> String {
    format!("{BOOTSTRAP_TOKEN_SECRET_PREFIX}{}", token_id(uid))
}

/// The Secret that makes the token valid until `expires`.
pub(crate) fn token_object(machine: &str, uid: &str, secret: &str, expires: Timestamp) -> Secret {
    let description = format!("{BOOTSTRAP_TOKEN_DESCRIPTION_PREFIX}{machine}{BOOTSTRAP_TOKEN_DESCRIPTION_SUFFIX}");
    let expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let id = token_id(uid);
    let data = [
        ("token-id", id.as_str()),
        ("token-secret", secret),
        ("description", &description),
        ("expiration", &expires),
        ("usage-bootstrap-authentication", "true"),
        ("usage-bootstrap-signing", "true"),
    ];
    let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
    Secret {
        metadata: object_meta(NAMESPACE, &secret_name(uid)),
        type_: Some(SECRET_TYPE.to_owned()),
        data: Some(BTreeMap::from(data)),
        ..Secret::default()
    }
}

/// The token that a Secret stands for.
fn token_of(secret: &Secret) -> Option<String> {
    let data = secret.data.as_ref()?;
    let text = |key: &str| std::str::from_utf8(&data.get(key)?.0).ok();
    Some(format!("{}.{}", text("token-id")?, text("token-secret")?))
}

/// The machine's token: the one that is there, valid for another `lifetime`, or a new one.
pub(crate) async fn ensure_token(
    shoot: &Client,
    (machine, uid): (&str, &str),
    random: &(dyn Fn() -> u64 + Send + Sync),
    (now, lifetime): (Timestamp, Duration),
) -> Result<String, kube::Error> {
    let api: Api<Secret> = Api::namespaced(shoot.clone(), NAMESPACE);
    let name = secret_name(uid);
    let expires = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let wished = |secret: &str| token_object(machine, uid, secret, expires);
    let created = wished(&token_secret(random));
    match api.create(&PostParams::default(), &created).await {
        Ok(_) => Ok(token_of(&created).unwrap_or_default()),
        Err(error) if is_already_exists(&error) => {
            let mut present = api.get(&name).await?;
            let token = token_of(&present).unwrap_or_default();
            let secret = token.split_once('.').map(|(_, secret)| secret.to_owned());
            present.data = wished(&secret.unwrap_or_else(|| token_secret(random))).data;
            let token = token_of(&present).unwrap_or_default();
            api.replace(&name, &PostParams::default(), &present).await?;
            Ok(token)
        }
        Err(error) => Err(error),
    }
}

/// Makes the token useless.
pub(crate) async fn delete_token(shoot: &Client, uid: &str) -> Result<(), controller::delete::DeleteError> {
    let api: Api<Secret> = Api::namespaced(shoot.clone(), NAMESPACE);
    controller::delete::delete(&api, &secret_name(uid)).await.map(drop)
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

    #[test]
    fn a_token_is_as_kubernetes_wants_it() {
        let random = || 37;
        let secret = token_object("m-1", "uid", &token_secret(&random), Timestamp::UNIX_EPOCH);
        assert_eq!(
            token_of(&secret).unwrap(),
            format!("{}.bbbbbbbbbbbbbbbb", token_id("uid"))
        );
        let id = token_id("uid");
        assert_eq!(id.len(), 6);
        assert_eq!(
            secret.metadata.name.as_deref(),
            Some(format!("bootstrap-token-{id}").as_str())
        );
        let data = secret.data.unwrap();
        let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
        assert_eq!(
            text("description"),
            r#"A bootstrap token for machine "m-1" managed by machine-controller-manager."#
        );
        assert_eq!(text("expiration"), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn user_data_gets_name_and_token() {
        assert_eq!(fill_in("<<MACHINE_NAME>>:<<BOOTSTRAP_TOKEN>>", "m", "a.b"), "m:a.b");
    }
}
