//! What an extension brings: how its things are made and removed.

use std::time::Duration;

use api::{core::v1beta1::ErrorCode, extensions::v1alpha1::Cluster};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;

use crate::ExtensionKind;

/// What an actuator is handed.
#[derive(Debug)]
pub struct Request<'a, K: ExtensionKind> {
    /// The object.
    pub object: &'a K,
    /// Its status, for what only the extension knows; operation, error and generation are written by the driver.
    pub status: &'a mut K::Status,
    /// The shoot's `Cluster`, if the object lies in a shoot's namespace. Of a backup's objects there is none: they lie in no
    /// namespace, and outlive the shoot.
    pub cluster: Option<&'a Cluster>,
    /// The Secret that `spec.secretRef` names (of a `SelfHostedShootExposure`: `spec.credentialsRef`), if it names one.
    pub secret: Option<&'a Secret>,
}

/// Makes and removes what objects of a kind stand for.
///
/// **Invariant:** every function is idempotent, and safe to repeat after a crash at any point.
#[async_trait]
pub trait Actuator<K: ExtensionKind>: Send + Sync + 'static {
    /// Makes the world be as the object says.
    async fn reconcile(&self, request: Request<'_, K>) -> Result<(), ActuatorError>;

    /// Removes what `reconcile` made; `Ok` when nothing is left, also when nothing was there.
    async fn delete(&self, request: Request<'_, K>) -> Result<(), ActuatorError>;

    /// Takes over what another seed's extension made; `status.state` is set. The same as `reconcile` for most.
    async fn restore(&self, request: Request<'_, K>) -> Result<(), ActuatorError> {
        self.reconcile(request).await
    }

    /// Gives up the object without removing what it stands for. Nothing to do for most.
    async fn migrate(&self, _request: Request<'_, K>) -> Result<(), ActuatorError> {
        Ok(())
    }
}

/// Why an actuator failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ActuatorError {
    message: String,
    codes: Vec<ErrorCode>,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ActuatorError {
    /// The step that failed, without its cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            codes: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Adds a known cause, by which users and controllers decide what to do.
    #[must_use]
    pub fn with_code(mut self, code: ErrorCode) -> Self {
        self.codes.push(code);
        self
    }

    /// Says when to try again, instead of later and later.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The known causes.
    pub fn codes(&self) -> &[ErrorCode] {
        &self.codes
    }

    pub(crate) fn wait(&self) -> Option<Duration> {
        self.retry_after
    }
}
