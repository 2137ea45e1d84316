//! What all controllers share, and how each of them runs.
//!
//! In: the garden's client and a clock. Out: [`Context`], the errors of reconciling, and one answer to an error.

use std::fmt::Debug;
use std::sync::Arc;

use controller::apply::{Applier, ApplyError};
use controller::delete::DeleteError;
use controller::retry::{Failures, Retry};
use controller::status::StatusError;
use kube::runtime::controller::Action;
use kube::runtime::events::Recorder;
use kube::{Client, Resource, ResourceExt as _};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;

use crate::config::SeedPeriods;

/// The finalizer that keeps an object until nobody uses it, or what belongs to it is gone.
pub(crate) const FINALIZER: &str = "gardener";

/// What reconciling needs.
pub(crate) struct Context {
    pub(crate) garden_client: Client,
    pub(crate) applier: Applier,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) seed_periods: SeedPeriods,
    pub(crate) failures: Failures,
}

/// Why reconciling an object failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("failed to {step}")]
    Request {
        step: &'static str,
        source: Box<kube::Error>,
    },
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Delete(#[from] DeleteError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error("namespace {namespace} belongs to project {owner:?}")]
    ForeignNamespace { namespace: String, owner: String },
}

impl ReconcileError {
    /// Wraps an error of the API server with what was tried.
    pub(crate) fn request(step: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Request {
            step,
            source: Box::new(source),
        }
    }

    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Request { source, .. } if controller::error::is_conflict(source) => Retry::Now,
            Self::Status(error) if error.is_conflict() => Retry::Now,
            Self::ForeignNamespace { .. } => Retry::OnChange,
            Self::Request { .. } | Self::Apply(_) | Self::Delete(_) | Self::Status(_) => Retry::Backoff,
        }
    }
}

/// Logs an error once, and says when to try again.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
pub(crate) fn on_error<K>(object: Arc<K>, error: &ReconcileError, context: Arc<Context>) -> Action
where
    K: Resource<DynamicType = ()> + Debug,
{
    let key = key(object.as_ref());
    tracing::warn!(object = %key, error = %ErrorChain(error), "reconciling failed, will retry");
    context.failures.failed(&key, error.retry())
}

/// Kind, namespace and name.
pub(crate) fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    controller::apply::describe(&K::kind(&()), object.namespace().as_deref(), &object.name_any())
}
