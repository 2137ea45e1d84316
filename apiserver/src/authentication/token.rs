//! Users by bearer token, which kube-apiserver reviews.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::header;
use jiff::Timestamp;
use lib_clock::Clock;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{context::UserInfo, kube_api::KubeApi};

use super::{AuthenticationError, Authenticator, Credentials, Extra};

const REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
/// How long an accepted token is believed without asking again; what Kubernetes' extension servers do by default.
const CACHE_TTL: Duration = Duration::from_secs(10);
/// Tokens remembered at most; beyond that, expired ones go, then all.
const CACHE_SIZE: usize = 4096;

type Hash = [u8; 32];

/// Has tokens reviewed by kube-apiserver.
pub struct TokenReviews {
    kube_api: Arc<dyn KubeApi>,
    clock: Arc<dyn Clock>,
    /// By hash: a dump of memory should not show tokens.
    accepted: Mutex<BTreeMap<Hash, (Timestamp, UserInfo)>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Review {
    status: ReviewStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewStatus {
    authenticated: bool,
    user: ReviewUser,
    error: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewUser {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: Extra,
}

impl TokenReviews {
    /// Asks this kube-apiserver.
    pub fn new(kube_api: Arc<dyn KubeApi>, clock: Arc<dyn Clock>) -> Self {
        Self {
            kube_api,
            clock,
            accepted: Mutex::default(),
        }
    }

    async fn review(&self, token: &str) -> Result<UserInfo, AuthenticationError> {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| AuthenticationError::Unavailable(error);
        let answer = self
            .kube_api
            .create(REVIEWS, &body)
            .await
            .map_err(|error| unavailable(error.into()))?;
        let review: Review = serde_json::from_value(answer).map_err(|error| unavailable(error.into()))?;
        if !review.status.authenticated {
            return Err(AuthenticationError::Invalid(format!(
                "token review: {}",
                review.status.error
            )));
        }
        let ReviewUser {
            username,
            uid,
            groups,
            extra,
        } = review.status.user;
        Ok(UserInfo {
            name: username,
            uid,
            groups,
            extra,
        })
    }

    fn remember(&self, hash: Hash, user: &UserInfo) {
        let now = self.clock.now();
        let mut accepted = self.accepted.lock();
        if accepted.len() >= CACHE_SIZE {
            accepted.retain(|_, (until, _)| *until > now);
        }
        if accepted.len() >= CACHE_SIZE {
            accepted.clear();
        }
        accepted.insert(hash, (now.checked_add(CACHE_TTL).unwrap_or(now), user.clone()));
    }
}

#[async_trait]
impl Authenticator for TokenReviews {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError> {
        let header = credentials
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = header
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some(token) = token.map(|(_, token)| token.trim()).filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        let hash: Hash = Sha256::digest(token).into();
        let known = self
            .accepted
            .lock()
            .get(&hash)
            .filter(|(until, _)| *until > self.clock.now())
            .cloned();
        if let Some((_, user)) = known {
            return Ok(Some(user));
        }
        let user = self.review(token).await?;
        self.remember(hash, &user);
        Ok(Some(user))
    }
}
