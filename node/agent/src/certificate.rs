//! Asks the cluster for client certificates: a CertificateSigningRequest that somebody else approves and signs.
//!
//! The key is on disk before the request is made, and names it: a killed process waits for the same certificate again.

use std::{io, path::PathBuf, time::Duration};

use controller::error::{is_already_exists, is_not_found};
use k8s_openapi::{
    ByteString,
    api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};
use lib_clock::Clock;
use lib_pki::{CertificateInfo, CertificateRequest, PrivateKey, signing_request};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::{
    files,
    layout::{Layout, PENDING_KEYS},
};

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";
/// Somebody has to approve it; kube-controller-manager forgets requests after an hour.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// From when on it is worth a word that nobody approved yet.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// A machine that joins waits for it: at first it is looked for often.
const OFTEN: Duration = Duration::from_millis(400);
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// Whose certificate is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The start of the request's name, and the name of the pending key.
    pub(crate) purpose: &'static str,
    /// The user.
    pub(crate) user: String,
    /// Its group.
    pub(crate) group: &'static str,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    /// The certificate as PEM.
    pub(crate) certificate: String,
    /// Its key.
    pub(crate) key: PrivateKey,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The key cannot be kept.
    #[error("failed to keep the key of the certificate for {user}")]
    Key {
        /// Whose.
        user: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The request cannot be made, or what came back is no certificate.
    #[error("failed to make or read a certificate for {user}")]
    Pki {
        /// Whose.
        user: String,
        /// What went wrong.
        source: lib_pki::Error,
    },
    /// The API server refuses.
    #[error("failed to ask for a certificate for {user}")]
    Api {
        /// Whose.
        user: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// Somebody says no.
    #[error("the certificate for {user} was refused: {reason}")]
    Refused {
        /// Whose.
        user: String,
        /// Why.
        reason: String,
    },
    /// The certificate is another than the one asked for.
    #[error("the certificate for {0} was signed for another user or key")]
    Wrong(String),
    /// Nobody says anything.
    #[error("gave up waiting for the request {0} to be approved and signed")]
    Deadline(String),
}

/// Asks for a certificate and waits for it.
pub(crate) async fn request(
    client: &Client,
    subject: &Subject,
    machine: &str,
    layout: &Layout,
) -> Result<Credentials, CertificateError> {
    let pending = layout.at(PENDING_KEYS).join(format!("{}.key", subject.purpose));
    let key = pending_key(&pending, subject)?;
    let name = request_name(subject, machine, &key);
    let api: Api<CertificateSigningRequest> = Api::all(client.clone());
    let certificate = obtain(&api, &name, subject, &key).await;
    match certificate {
        Ok(certificate) => Ok(Credentials { certificate, key }),
        Err(error) => {
            // The API server may only be away: the request is waited for again, unless it came to a bad end.
            if !matches!(error, CertificateError::Api { .. }) {
                let _ = files::remove(&pending);
            }
            Err(error)
        }
    }
}

/// Forgets the key of a request, after its certificate is kept.
pub(crate) fn settle(subject: &Subject, layout: &Layout) {
    // One that stays is written over by nobody's harm: its request has its certificate already.
    let _ = files::remove(&layout.at(PENDING_KEYS).join(format!("{}.key", subject.purpose)));
}

fn pending_key(path: &PathBuf, subject: &Subject) -> Result<PrivateKey, CertificateError> {
    let found = fs_err::read_to_string(path)
        .ok()
        .and_then(|pem| PrivateKey::from_pem(&pem).ok());
    if let Some(key) = found {
        return Ok(key);
    }
    let key = PrivateKey::generate().map_err(|source| CertificateError::Pki {
        user: subject.user.clone(),
        source,
    })?;
    files::replace(path, 0o600, key.to_pem().as_bytes()).map_err(|source| CertificateError::Key {
        user: subject.user.clone(),
        source,
    })?;
    Ok(key)
}

/// One per key: after a restart the same name is asked for again.
fn request_name(subject: &Subject, machine: &str, key: &PrivateKey) -> String {
    let digest = Sha256::digest(key.public_key_pem().as_bytes());
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{machine}-{digest}", subject.purpose)
}

async fn obtain(
    api: &Api<CertificateSigningRequest>,
    name: &str,
    subject: &Subject,
    key: &PrivateKey,
) -> Result<String, CertificateError> {
    let failed = |source| CertificateError::Api {
        user: subject.user.clone(),
        source: Box::new(source),
    };
    let request = request_object(name, subject, key)?;
    create(api, &request).await.map_err(failed)?;
    let started = Instant::now();
    let (mut wait, mut said) = (FIRST_LOOK, false);
    while started.elapsed() < DEADLINE {
        match api.get(name).await {
            Ok(found) => {
                if let Some(pem) = outcome(&found, subject)? {
                    check(&pem, subject, key)?;
                    return Ok(pem);
                }
            }
            Err(error) if is_not_found(&error) => create(api, &request).await.map_err(failed)?,
            Err(error) => return Err(failed(error)),
        }
        if !said && started.elapsed() > PATIENCE {
            said = true;
            tracing::warn!(
                request = name,
                "waiting for the request of a certificate to be approved and signed"
            );
        }
        tokio::time::sleep(wait).await;
        let longest = if started.elapsed() < PATIENCE {
            OFTEN
        } else {
            LONGEST_LOOK
        };
        wait = (wait * 2).min(longest);
    }
    Err(CertificateError::Deadline(name.to_owned()))
}

async fn create(api: &Api<CertificateSigningRequest>, request: &CertificateSigningRequest) -> Result<(), kube::Error> {
    match api.create(&PostParams::default(), request).await {
        Err(error) if !is_already_exists(&error) => Err(error),
        _ => Ok(()),
    }
}

fn request_object(
    name: &str,
    subject: &Subject,
    key: &PrivateKey,
) -> Result<CertificateSigningRequest, CertificateError> {
    let groups = vec![subject.group.to_owned()];
    // The validity is the signer's to decide.
    let wish = CertificateRequest::client(subject.user.as_str(), groups, Duration::ZERO);
    let pem = signing_request(&wish, key).map_err(|source| CertificateError::Pki {
        user: subject.user.clone(),
        source,
    })?;
    let usages = ["digital signature", "key encipherment", "client auth"];
    Ok(CertificateSigningRequest {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: CertificateSigningRequestSpec {
            request: ByteString(pem.into_bytes()),
            signer_name: SIGNER.to_owned(),
            usages: Some(usages.map(str::to_owned).to_vec()),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    })
}

/// The certificate, if it is there; an error if it will never be.
fn outcome(request: &CertificateSigningRequest, subject: &Subject) -> Result<Option<String>, CertificateError> {
    let Some(status) = &request.status else { return Ok(None) };
    for condition in status.conditions.iter().flatten() {
        if condition.type_ == "Denied" || condition.type_ == "Failed" {
            let reason = condition.message.clone().or_else(|| condition.reason.clone());
            return Err(CertificateError::Refused {
                user: subject.user.clone(),
                reason: reason.unwrap_or_else(|| condition.type_.clone()),
            });
        }
    }
    let certificate = status.certificate.as_ref().filter(|pem| !pem.0.is_empty());
    Ok(certificate.map(|pem| String::from_utf8_lossy(&pem.0).into_owned()))
}

fn check(pem: &str, subject: &Subject, key: &PrivateKey) -> Result<(), CertificateError> {
    let info = CertificateInfo::from_pem(pem).map_err(|source| CertificateError::Pki {
        user: subject.user.clone(),
        source,
    })?;
    if info.common_name == subject.user && belongs(&info, key) {
        Ok(())
    } else {
        Err(CertificateError::Wrong(subject.user.clone()))
    }
}

/// Whether the certificate is for the key.
fn belongs(info: &CertificateInfo, key: &PrivateKey) -> bool {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let pem = key.public_key_pem();
    let encoded: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(encoded).is_ok_and(|der| der == info.public_key_der)
}

/// What of a certificate's life must be left; then it is renewed.
const DUE: f64 = 0.2;

/// How good credentials still are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// They can be used.
    Good,
    /// They can be used, and it is time for others.
    Due,
    /// They cannot be used: over, another's, or broken.
    Nothing,
}

/// How good a certificate and its key are for the subject.
pub(crate) fn worth(certificate: &str, key: &str, subject: &Subject, clock: &dyn Clock) -> Worth {
    let (Ok(info), Ok(key)) = (CertificateInfo::from_pem(certificate), PrivateKey::from_pem(key)) else {
        return Worth::Nothing;
    };
    if info.common_name != subject.user || !belongs(&info, &key) || info.is_expired(clock.now()) {
        Worth::Nothing
    } else if info.is_due(clock.now(), DUE) {
        Worth::Due
    } else {
        Worth::Good
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use k8s_openapi::api::certificates::v1::{CertificateSigningRequestCondition, CertificateSigningRequestStatus};
    use lib_clock::ManualClock;
    use lib_pki::CertificateAuthority;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn subject() -> Subject {
        Subject {
            purpose: "test",
            user: "user".into(),
            group: "group",
        }
    }

    fn issued(user: &str, clock: &dyn Clock) -> (String, PrivateKey) {
        let authority = CertificateAuthority::generate("ca", 10 * DAY, clock).unwrap();
        let issued = authority
            .issue(&CertificateRequest::client(user, vec![], DAY), clock)
            .unwrap();
        (issued.certificate_pem, issued.private_key)
    }

    #[test]
    fn credentials_are_renewed_before_they_end_and_others_are_worth_nothing() {
        let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
        let (certificate, key) = issued("user", &clock);
        let worth = |key: &str| worth(&certificate, key, &subject(), &clock);
        assert_eq!(worth(&key.to_pem()), Worth::Good);
        assert_eq!(worth(&PrivateKey::generate().unwrap().to_pem()), Worth::Nothing);
        assert_eq!(worth(""), Worth::Nothing);
        clock.advance(DAY * 9 / 10);
        assert_eq!(worth(&key.to_pem()), Worth::Due);
        clock.advance(DAY);
        assert_eq!(worth(&key.to_pem()), Worth::Nothing);
    }

    #[test]
    fn another_users_certificate_is_refused() {
        let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
        let (certificate, key) = issued("somebody", &clock);
        assert_eq!(
            check(&certificate, &subject(), &key).unwrap_err().to_string(),
            "the certificate for user was signed for another user or key"
        );
    }

    #[test]
    fn a_denied_request_says_why() {
        let condition = CertificateSigningRequestCondition {
            type_: "Denied".into(),
            status: "True".into(),
            message: Some("no such machine".into()),
            ..CertificateSigningRequestCondition::default()
        };
        let request = CertificateSigningRequest {
            status: Some(CertificateSigningRequestStatus {
                conditions: Some(vec![condition]),
                certificate: None,
            }),
            ..CertificateSigningRequest::default()
        };
        assert_eq!(
            outcome(&request, &subject()).unwrap_err().to_string(),
            "the certificate for user was refused: no such machine"
        );
    }

    #[test]
    fn the_same_key_asks_by_the_same_name() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("pending/test.key");
        let first = pending_key(&path, &subject()).unwrap();
        let second = pending_key(&path, &subject()).unwrap();
        let name = |key| request_name(&subject(), "machine", key);
        assert_eq!(name(&first), name(&second));
        assert_ne!(name(&first), name(&PrivateKey::generate().unwrap()));
    }
}
