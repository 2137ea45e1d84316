//! What this server asks of the kube-apiserver it extends: reviews of tokens and access, and a few plain objects.
//!
//! In: a path and JSON. Out: JSON, or the status the kube-apiserver answered. Handed in as a trait, so that tests need no
//! kube-apiserver. Absent: watches, typed clients, retries.

mod client;
mod kubeconfig;

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::Value;

pub use self::{
    client::KubeApiClient,
    kubeconfig::{KubeApiConfig, KubeconfigError},
};

/// Why the kube-apiserver did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum KubeApiError {
    /// It answered with a failure.
    #[error("kube-apiserver answered {code} ({reason}) to {method} {path}: {message}")]
    Status {
        /// What was asked.
        method: Method,
        /// What was asked.
        path: String,
        /// HTTP status.
        code: StatusCode,
        /// The status object's reason.
        reason: String,
        /// The status object's message.
        message: String,
    },
    /// It did not answer.
    #[error("failed to ask kube-apiserver to {method} {path}")]
    Transport {
        /// What was asked.
        method: Method,
        /// What was asked.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl KubeApiError {
    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Status {
                code: StatusCode::NOT_FOUND,
                ..
            }
        )
    }

    /// Whether the object exists already, or was changed meanwhile.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Status {
                code: StatusCode::CONFLICT,
                ..
            }
        )
    }
}

/// The kube-apiserver, as this server's own identity sees it.
#[async_trait]
pub trait KubeApi: Send + Sync + 'static {
    /// One request; `path` begins with a slash and may hold a query.
    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, KubeApiError>;

    /// Reads an object.
    async fn get(&self, path: &str) -> Result<Value, KubeApiError> {
        self.request(Method::GET, path, None).await
    }

    /// Creates an object, or asks for a review.
    async fn create(&self, path: &str, body: &Value) -> Result<Value, KubeApiError> {
        self.request(Method::POST, path, Some(body)).await
    }
}
