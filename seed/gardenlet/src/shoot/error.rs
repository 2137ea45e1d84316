//! What can go wrong with a shoot, what its user is told, and whether trying again may help.

use api::core::v1beta1::{ErrorCode, LastError};
use apimachinery::meta::Time;
use controller::{apply::ApplyError, connect::ConnectError, delete::DeleteError, status::StatusError, wait::WaitError};
use deploy::{DeployError, SecretsError};
use jiff::Timestamp;
use lib_error_chain::ErrorChain;
use lib_flow::{Outcome, TaskReport};

/// Why a task of a flow failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// The garden refused, or did not answer.
    #[error("failed to {action} in the garden")]
    Garden {
        action: &'static str,
        source: Box<kube::Error>,
    },
    /// The seed refused, or did not answer.
    #[error("failed to {action} in the seed")]
    Seed {
        action: &'static str,
        source: Box<kube::Error>,
    },
    /// The status could not be written.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// An object could not be applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An object could not be deleted.
    #[error(transparent)]
    Delete(#[from] DeleteError),
    /// Something was not ready in time.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// A part of the control plane could not be deployed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// A Secret could not be made.
    #[error("failed to make the control plane's secrets")]
    Secrets(#[from] SecretsError),
    /// The API server's kubeconfig is of no use.
    #[error("failed to connect to the shoot")]
    Connect(#[from] ConnectError),
    /// An extension did not succeed.
    #[error("extension object {object} is not ready")]
    Extension {
        object: String,
        codes: Vec<ErrorCode>,
        source: WaitError,
    },
    /// What users made in the cloud by way of the shoot could not be removed.
    #[error("failed to remove what users made in the cloud")]
    Cleanup {
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The wish can't be fulfilled by this version.
    #[error("{0}")]
    Unsupported(String),
    /// The wish contradicts itself.
    #[error("{0}")]
    Invalid(String),
    /// A task ran before one that it needs.
    #[error("{0} is not there yet: a task of the flow lacks an edge")]
    OutOfOrder(&'static str),
    /// A value can't be written as JSON or YAML.
    #[error("failed to encode {what}")]
    Encode {
        what: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

pub(crate) fn in_garden(action: &'static str) -> impl Fn(kube::Error) -> TaskError {
    move |error| TaskError::Garden {
        action,
        source: Box::new(error),
    }
}

pub(crate) fn in_seed(action: &'static str) -> impl Fn(kube::Error) -> TaskError {
    move |error| TaskError::Seed {
        action,
        source: Box::new(error),
    }
}

impl TaskError {
    /// Gardener's codes: what kind of problem it is, for users and dashboards.
    pub(crate) fn codes(&self) -> Vec<ErrorCode> {
        match self {
            Self::Extension { codes, .. } => codes.clone(),
            Self::Cleanup { .. } => vec![ErrorCode::CleanupClusterResources],
            Self::Unsupported(_) | Self::Invalid(_) => vec![ErrorCode::ConfigurationProblem],
            _ => Vec::new(),
        }
    }
}

/// True when only a change of the shoot, or of its cloud account, can help.
pub(crate) fn is_final(codes: &[ErrorCode]) -> bool {
    let hopeless = [
        ErrorCode::InfraUnauthenticated,
        ErrorCode::InfraUnauthorized,
        ErrorCode::InfraDependencies,
        ErrorCode::ConfigurationProblem,
    ];
    codes.iter().any(|code| hopeless.contains(code))
}

/// A failure as users see it.
pub(crate) fn last_error(error: &TaskError, task: Option<&str>, now: Timestamp) -> LastError {
    let cause = ErrorChain(error).to_string();
    LastError {
        description: task.map_or_else(|| cause.clone(), |task| format!("task \"{task}\" failed: {cause}")),
        task_id: task.map(str::to_owned),
        codes: error.codes(),
        last_update_time: Some(Time(now)),
    }
}

/// The failures of a flow as users see them.
pub(crate) fn last_errors<'a>(
    failures: impl Iterator<Item = &'a TaskReport<TaskError>>,
    now: Timestamp,
) -> Vec<LastError> {
    let describe = |report: &'a TaskReport<TaskError>| {
        let task = report.id.name();
        match &report.outcome {
            Outcome::Failed(error) => last_error(error, Some(task), now),
            other => LastError {
                description: match other {
                    Outcome::TimedOut(deadline) => {
                        format!("task \"{task}\" did not end within {} s", deadline.as_secs())
                    }
                    _ => format!("task \"{task}\" did not run"),
                },
                task_id: Some(task.to_owned()),
                last_update_time: Some(Time(now)),
                ..LastError::default()
            },
        }
    };
    failures.map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_the_task_the_cause_and_the_code() {
        let error = TaskError::Unsupported("workers are not supported".to_owned());
        let shown = last_error(&error, Some("Checking"), Timestamp::UNIX_EPOCH);
        assert_eq!(shown.description, "task \"Checking\" failed: workers are not supported");
        assert_eq!(shown.task_id.as_deref(), Some("Checking"));
        assert!(is_final(&shown.codes));
    }

    #[test]
    fn a_busy_cloud_is_no_reason_to_give_up() {
        assert!(!is_final(&[
            ErrorCode::InfraRateLimitsExceeded,
            ErrorCode::RetryableInfraDependencies
        ]));
    }
}
