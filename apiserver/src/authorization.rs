//! Whether a user may do what it asks: kube-apiserver decides, by SubjectAccessReview.
//!
//! In: [`AccessAttributes`]. Out: a [`Decision`]. `system:masters` may do everything, also when kube-apiserver is away.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use lib_clock::Clock;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    context::{SYSTEM_MASTERS, UserInfo},
    kube_api::{KubeApi, KubeApiError},
};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// How long an answer is believed; what Kubernetes' extension servers do by default.
const CACHE_TTL: Duration = Duration::from_secs(10);
/// Answers remembered at most; beyond that, expired ones go, then all.
const CACHE_SIZE: usize = 16 * 1024;

/// What a user wants to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessAttributes {
    /// Who.
    pub user: UserInfo,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, or a verb of one's own.
    pub verb: String,
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Plural; empty for a path that is no resource.
    pub resource: String,
    /// Subresource.
    pub subresource: String,
    /// Namespace; empty means all, or cluster-scoped.
    pub namespace: String,
    /// Name; empty means any.
    pub name: String,
    /// The path, where there is no resource.
    pub path: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allow,
    /// No, or nobody said yes; with the reason, if one was given.
    Deny(String),
}

/// Nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationError {
    /// kube-apiserver did not answer.
    #[error("failed to review access")]
    Review(#[from] KubeApiError),
    /// kube-apiserver answered nonsense.
    #[error("failed to read the answer to an access review")]
    Answer(#[from] serde_json::Error),
}

/// Decides who may do what.
#[async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// Decides.
    async fn authorize(&self, attributes: &AccessAttributes) -> Result<Decision, AuthorizationError>;
}

/// Allows everything; for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysAllow;

#[async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _: &AccessAttributes) -> Result<Decision, AuthorizationError> {
        Ok(Decision::Allow)
    }
}

/// Asks kube-apiserver, and believes an answer for a short time.
pub struct AccessReviews {
    kube_api: Arc<dyn KubeApi>,
    clock: Arc<dyn Clock>,
    answers: Mutex<BTreeMap<AccessAttributes, (Timestamp, Decision)>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Review {
    status: ReviewStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReviewStatus {
    allowed: bool,
    reason: String,
}

impl AccessReviews {
    /// Asks this kube-apiserver.
    pub fn new(kube_api: Arc<dyn KubeApi>, clock: Arc<dyn Clock>) -> Self {
        Self {
            kube_api,
            clock,
            answers: Mutex::default(),
        }
    }

    fn remember(&self, attributes: &AccessAttributes, decision: &Decision) {
        let now = self.clock.now();
        let mut answers = self.answers.lock();
        if answers.len() >= CACHE_SIZE {
            answers.retain(|_, (until, _)| *until > now);
        }
        if answers.len() >= CACHE_SIZE {
            answers.clear();
        }
        answers.insert(
            attributes.clone(),
            (now.checked_add(CACHE_TTL).unwrap_or(now), decision.clone()),
        );
    }
}

#[async_trait]
impl Authorizer for AccessReviews {
    async fn authorize(&self, attributes: &AccessAttributes) -> Result<Decision, AuthorizationError> {
        if attributes.user.is_in(SYSTEM_MASTERS) {
            return Ok(Decision::Allow);
        }
        let known = self
            .answers
            .lock()
            .get(attributes)
            .filter(|(until, _)| *until > self.clock.now())
            .cloned();
        if let Some((_, decision)) = known {
            return Ok(decision);
        }
        let answer = self.kube_api.create(REVIEWS, &review(attributes)).await?;
        let status = serde_json::from_value::<Review>(answer)?.status;
        let decision = if status.allowed {
            Decision::Allow
        } else {
            Decision::Deny(status.reason)
        };
        self.remember(attributes, &decision);
        Ok(decision)
    }
}

fn review(attributes: &AccessAttributes) -> Value {
    let user = &attributes.user;
    let mut spec = json!({"user": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra});
    let (field, asked) = if attributes.resource.is_empty() {
        (
            "nonResourceAttributes",
            json!({"path": attributes.path, "verb": attributes.verb}),
        )
    } else {
        let asked = json!({
            "verb": attributes.verb,
            "group": attributes.group,
            "version": attributes.version,
            "resource": attributes.resource,
            "subresource": attributes.subresource,
            "namespace": attributes.namespace,
            "name": attributes.name,
        });
        ("resourceAttributes", asked)
    };
    spec[field] = asked;
    json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::Method;

    use super::*;

    /// Allows `get` only, and counts how often it is asked.
    #[derive(Default)]
    struct FakeKubeApi {
        asked: AtomicUsize,
    }

    #[async_trait]
    impl KubeApi for FakeKubeApi {
        async fn request(&self, _: Method, path: &str, body: Option<&Value>) -> Result<Value, KubeApiError> {
            assert_eq!(path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
            self.asked.fetch_add(1, Ordering::SeqCst);
            let verb = body.unwrap().pointer("/spec/resourceAttributes/verb").unwrap();
            Ok(json!({"status": {"allowed": verb == "get", "reason": "only get"}}))
        }
    }

    fn attributes(verb: &str, groups: &[&str]) -> AccessAttributes {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let user = UserInfo {
            name: "alice".to_owned(),
            groups,
            ..UserInfo::default()
        };
        AccessAttributes {
            user,
            verb: verb.to_owned(),
            resource: "flavors".to_owned(),
            ..AccessAttributes::default()
        }
    }

    #[tokio::test]
    async fn answers_are_believed_for_a_short_time() {
        let kube_api = Arc::new(FakeKubeApi::default());
        let clock = Arc::new(lib_clock::ManualClock::at(Timestamp::UNIX_EPOCH));
        let reviews = AccessReviews::new(kube_api.clone(), clock.clone());
        for _ in 0..3 {
            assert_eq!(
                reviews.authorize(&attributes("get", &[])).await.unwrap(),
                Decision::Allow
            );
        }
        let denied = reviews.authorize(&attributes("delete", &[])).await.unwrap();
        assert_eq!(denied, Decision::Deny("only get".to_owned()));
        assert_eq!(kube_api.asked.load(Ordering::SeqCst), 2);
        clock.advance(CACHE_TTL);
        reviews.authorize(&attributes("get", &[])).await.unwrap();
        assert_eq!(kube_api.asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn masters_need_no_review() {
        let kube_api = Arc::new(FakeKubeApi::default());
        let clock = Arc::new(lib_clock::ManualClock::at(Timestamp::UNIX_EPOCH));
        let reviews = AccessReviews::new(kube_api.clone(), clock.clone());
        assert_eq!(
            reviews
                .authorize(&attributes("delete", &[SYSTEM_MASTERS]))
                .await
                .unwrap(),
            Decision::Allow
        );
        assert_eq!(kube_api.asked.load(Ordering::SeqCst), 0);
    }
}
