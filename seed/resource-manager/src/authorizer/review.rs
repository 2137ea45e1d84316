//! Answers a review: a POST with a `SubjectAccessReview` as JSON.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Bytes};
use k8s_openapi::api::{
    authorization::v1::{SubjectAccessReview, SubjectAccessReviewStatus},
    certificates::v1::CertificateSigningRequest,
};
use kube::Api;
use lib_error_chain::ErrorChain;

use super::rules::{Answer, PATH_PREFIX, judge};
use crate::{machines::Machines, target::Targets};

/// A review is small; more is no review.
const LARGEST_REVIEW: usize = 256 * 1024;
/// How long a look into the shoot may take: its API server waits for the answer.
const LOOK_UP_DEADLINE: Duration = Duration::from_secs(5);

/// Answers reviews of all shoots.
#[derive(Clone)]
pub struct Reviewer {
    /// The seed's Machines.
    pub machines: Machines,
    /// The shoots.
    pub targets: Targets,
}

impl Reviewer {
    /// Answers an HTTP request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(namespace) = request
            .uri()
            .path()
            .strip_prefix(PATH_PREFIX)
            .filter(|rest| is_name(rest))
        else {
            return text(StatusCode::NOT_FOUND, "not found");
        };
        if request.method() != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only POST");
        }
        let namespace = namespace.to_owned();
        let Ok(body) = Limited::new(request.into_body(), LARGEST_REVIEW).collect().await else {
            return text(StatusCode::BAD_REQUEST, "the body can't be read, or is too long");
        };
        let review = serde_json::from_slice(&body.to_bytes());
        let mut review: SubjectAccessReview = match review {
            Ok(review) => review,
            Err(error) => return text(StatusCode::BAD_REQUEST, &format!("the body is no review: {error}")),
        };
        if !self.machines.are_known().await {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                "the Machines of the seed are not known yet",
            );
        }
        review.status = Some(self.status(&namespace, &review).await);
        match serde_json::to_vec(&review) {
            Ok(body) => response(StatusCode::OK, "application/json", body),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    async fn status(&self, namespace: &str, review: &SubjectAccessReview) -> SubjectAccessReviewStatus {
        let answer = judge(&review.spec, |name| self.machines.get(namespace, name));
        let user = review.spec.user.as_deref().unwrap_or_default();
        let status = match answer {
            Answer::IfOwnRequest(request) => self.own_request(namespace, user, &request).await,
            Answer::Allow => allowed(),
            Answer::Deny(reason) => denied(reason),
            Answer::NoOpinion(reason) => SubjectAccessReviewStatus {
                reason: Some(reason),
                ..SubjectAccessReviewStatus::default()
            },
        };
        if status.denied == Some(true) {
            let reason = status.reason.as_deref().unwrap_or_default();
            tracing::info!(%namespace, %user, %reason, "denied a node-agent");
        }
        status
    }

    async fn own_request(&self, namespace: &str, user: &str, name: &str) -> SubjectAccessReviewStatus {
        let found = tokio::time::timeout(LOOK_UP_DEADLINE, self.find_request(namespace, name)).await;
        let error = match found {
            Ok(Ok(Some(request))) if request.spec.username.as_deref() == Some(user) => return allowed(),
            Ok(Ok(_)) => return denied(format!("certificate request {name:?} was not made by {user:?}")),
            Ok(Err(error)) => error,
            Err(_) => format!("the shoot did not answer within {} s", LOOK_UP_DEADLINE.as_secs()),
        };
        SubjectAccessReviewStatus {
            evaluation_error: Some(format!("failed to look up certificate request {name:?}: {error}")),
            ..SubjectAccessReviewStatus::default()
        }
    }

    async fn find_request(&self, namespace: &str, name: &str) -> Result<Option<CertificateSigningRequest>, String> {
        let target = self.targets.of_namespace(namespace).await;
        let target = target.map_err(|error| ErrorChain(&error).to_string())?;
        let requests: Api<CertificateSigningRequest> = Api::all(target.client);
        requests
            .get_opt(name)
            .await
            .map_err(|error| ErrorChain(&error).to_string())
    }
}

/// A namespace's name, and nothing that could lead elsewhere.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(fits)
}

fn allowed() -> SubjectAccessReviewStatus {
    SubjectAccessReviewStatus {
        allowed: true,
        ..SubjectAccessReviewStatus::default()
    }
}

fn denied(reason: String) -> SubjectAccessReviewStatus {
    SubjectAccessReviewStatus {
        denied: Some(true),
        reason: Some(reason),
        ..SubjectAccessReviewStatus::default()
    }
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    response(status, "text/plain", text.as_bytes().to_vec())
}

fn response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
