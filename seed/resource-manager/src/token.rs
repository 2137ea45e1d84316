//! Requests tokens for access secrets and renews them.
//!
//! In: a Secret with the label `resources.gardener.cloud/purpose=token-requestor`. Out: a ServiceAccount in the target
//! cluster, and in the Secret a token of it, alone or inside the kubeconfig that the Secret holds already
//! (Gardener API `resources.gardener.cloud`, token requestor).

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    ByteString,
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::{Secret, ServiceAccount},
    },
};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::target::{FIELD_MANAGER, Target, TargetError, Targets};

/// Selects the Secrets that ask for a token of their namespace's cluster.
pub const SELECTOR: &str = "resources.gardener.cloud/purpose=token-requestor,resources.gardener.cloud/class=shoot";
const ACCOUNT_NAME: &str = "serviceaccount.resources.gardener.cloud/name";
const ACCOUNT_NAMESPACE: &str = "serviceaccount.resources.gardener.cloud/namespace";
const ACCOUNT_LABELS: &str = "serviceaccount.resources.gardener.cloud/labels";
const EXPIRATION: &str = "serviceaccount.resources.gardener.cloud/token-expiration-duration";
const RENEW: &str = "serviceaccount.resources.gardener.cloud/token-renew-timestamp";
/// A token's life when the Secret does not say (Gardener's default).
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// A token is renewed when this share of its life is over (Gardener's number).
const RENEW_AT: f64 = 0.8;
const SHORTEST_WAIT: Duration = Duration::from_secs(10);

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret lacks something.
    #[error("Secret {namespace}/{name} has no annotation {annotation}")]
    NoAnnotation {
        /// The Secret's namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// What is missing.
        annotation: &'static str,
    },
    /// The target can't be reached.
    #[error("failed to reach the target cluster")]
    Target(#[source] Box<TargetError>),
    /// A request failed.
    #[error("failed to {action}")]
    Request {
        /// What was to be done.
        action: &'static str,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// The target's answer holds no token.
    #[error("the answer to the request for a token holds none")]
    NoToken,
    /// The Secret's own kubeconfig is broken.
    #[error("failed to read the kubeconfig of Secret {name}")]
    BadKubeconfig {
        /// The Secret's name.
        name: String,
        /// What the parser said.
        source: serde_yaml_ng::Error,
    },
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        Self::Target(Box::new(error))
    }
}

fn failed(action: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Request {
        action,
        source: Box::new(source),
    }
}

/// Makes sure that the Secret holds a token with enough of its life left; returns when to look again.
pub async fn reconcile(
    secret: &Secret,
    targets: &Targets,
    seed_client: &Client,
    now: Timestamp,
) -> Result<Duration, Error> {
    if secret.metadata.deletion_timestamp.is_some() {
        return Ok(Duration::MAX);
    }
    if let Some(renew) = renew_at(secret).filter(|renew| *renew > now && has_token(secret)) {
        return Ok(wait(renew, now));
    }
    let namespace = secret.namespace().unwrap_or_default();
    let target = targets.of_namespace(&namespace).await?;
    let account = ensure_account(secret, &target).await?;
    let (token, expires) = request_token(secret, &account, &target).await?;
    let life = expires.duration_since(now);
    let renew = now + SignedDuration::from_secs_f64(life.as_secs_f64() * RENEW_AT);
    store(secret, seed_client, &token, renew).await?;
    Ok(wait(renew, now))
}

fn wait(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now))
        .unwrap_or_default()
        .max(SHORTEST_WAIT)
}

fn renew_at(secret: &Secret) -> Option<Timestamp> {
    secret.annotations().get(RENEW)?.parse().ok()
}

fn has_token(secret: &Secret) -> bool {
    let data = secret.data.as_ref();
    match data.and_then(|data| data.get("kubeconfig")) {
        Some(kubeconfig) => String::from_utf8_lossy(&kubeconfig.0).contains("token:"),
        None => data.is_some_and(|data| data.contains_key("token")),
    }
}

fn annotation<'a>(secret: &'a Secret, name: &'static str) -> Result<&'a str, Error> {
    secret
        .annotations()
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Error::NoAnnotation {
            namespace: secret.namespace().unwrap_or_default(),
            name: secret.name_any(),
            annotation: name,
        })
}

async fn ensure_account(secret: &Secret, target: &Target) -> Result<ServiceAccount, Error> {
    let labels: BTreeMap<String, String> = secret
        .annotations()
        .get(ACCOUNT_LABELS)
        .and_then(|labels| serde_json::from_str(labels).ok())
        .unwrap_or_default();
    let account = ServiceAccount {
        metadata: ObjectMeta {
            name: Some(annotation(secret, ACCOUNT_NAME)?.to_owned()),
            namespace: Some(annotation(secret, ACCOUNT_NAMESPACE)?.to_owned()),
            labels: (!labels.is_empty()).then_some(labels),
            ..ObjectMeta::default()
        },
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    let api: Api<ServiceAccount> = Api::namespaced(target.client.clone(), &account.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(&account.name_any(), &parameters, &Patch::Apply(&account))
        .await
        .map_err(failed("apply the ServiceAccount"))
}

async fn request_token(
    secret: &Secret,
    account: &ServiceAccount,
    target: &Target,
) -> Result<(String, Timestamp), Error> {
    let lifetime = secret
        .annotations()
        .get(EXPIRATION)
        .and_then(|text| text.parse::<SignedDuration>().ok());
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(lifetime.unwrap_or(LIFETIME).as_secs()),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let api: Api<ServiceAccount> = Api::namespaced(target.client.clone(), &account.namespace().unwrap_or_default());
    let answer = api
        .create_token_request(&account.name_any(), &PostParams::default(), &request)
        .await;
    let status = answer
        .map_err(failed("request a token"))?
        .status
        .ok_or(Error::NoToken)?;
    Ok((status.token, status.expiration_timestamp.0))
}

async fn store(secret: &Secret, seed_client: &Client, token: &str, renew: Timestamp) -> Result<(), Error> {
    let kubeconfig = secret.data.as_ref().and_then(|data| data.get("kubeconfig"));
    let (key, value) = match kubeconfig {
        Some(kubeconfig) => ("kubeconfig", with_token(&secret.name_any(), &kubeconfig.0, token)?),
        None => ("token", token.to_owned()),
    };
    let patch = json!({
        "metadata": {"annotations": {RENEW: renew.to_string()}, "resourceVersion": secret.resource_version()},
        "data": {key: ByteString(value.into_bytes())},
    });
    let api: Api<Secret> = Api::namespaced(seed_client.clone(), &secret.namespace().unwrap_or_default());
    let written = api
        .patch(&secret.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    written.map(|_| ()).map_err(failed("store the token"))
}

/// The kubeconfig with the token as the credential of all its users.
fn with_token(name: &str, kubeconfig: &[u8], token: &str) -> Result<String, Error> {
    let broken = |source| Error::BadKubeconfig {
        name: name.to_owned(),
        source,
    };
    let mut kubeconfig: Value = serde_yaml_ng::from_slice(kubeconfig).map_err(broken)?;
    for user in kubeconfig["users"].as_array_mut().into_iter().flatten() {
        user["user"] = json!({ "token": token });
    }
    serde_yaml_ng::to_string(&kubeconfig).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(annotations: &[(&str, &str)], data: &[(&str, &str)]) -> Secret {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        Secret {
            metadata: ObjectMeta {
                annotations: Some(map(annotations)),
                ..ObjectMeta::default()
            },
            data: Some(
                map(data)
                    .into_iter()
                    .map(|(key, value)| (key, ByteString(value.into_bytes())))
                    .collect(),
            ),
            ..Secret::default()
        }
    }

    #[test]
    fn a_kubeconfig_without_a_token_is_not_enough() {
        assert!(!has_token(&secret(
            &[],
            &[("kubeconfig", "users: [{name: x, user: {}}]")]
        )));
        assert!(has_token(&secret(&[], &[("token", "x")])));
        assert!(!has_token(&secret(&[], &[])));
    }

    #[test]
    fn a_token_goes_into_every_user() {
        let text = with_token("x", b"users:\n- name: a\n  user: {}\n- name: b\n", "t0").unwrap();
        assert_eq!(text.matches("token: t0").count(), 2, "{text}");
    }

    #[test]
    fn a_broken_renewal_time_means_now() {
        assert_eq!(renew_at(&secret(&[(RENEW, "soon")], &[])), None);
        assert!(renew_at(&secret(&[(RENEW, "2026-01-02T03:04:05Z")], &[])).is_some());
    }

    #[test]
    fn the_missing_annotation_is_named() {
        let error = annotation(&secret(&[], &[]), ACCOUNT_NAME).unwrap_err();
        assert!(error.to_string().contains(ACCOUNT_NAME), "{error}");
    }
}
