//! What the cloud's errors mean to Gardener: causes that users know, and classes that the machine controller knows.

use std::time::Duration;

use api::core::v1beta1::ErrorCode as KnownCause;
use cloud_client::{Error, ErrorCode};
use extensions_sdk::{
    ActuatorError,
    machine::{DriverError, DriverErrorCode},
};

use super::CloudError;

/// A cloud that does not answer comes back when it wants: waiting longer and longer would only lose time then.
const UNREACHABLE_RETRY: Duration = Duration::from_secs(5);

/// The error with the causes that Gardener's users know.
pub(crate) fn refused(step: impl Into<String>, error: CloudError) -> ActuatorError {
    let (cause, unreachable) = (cause_of(&error), is_unreachable(&error));
    let failed = ActuatorError::new(step).caused_by(error);
    let failed = match cause {
        Some(cause) => failed.with_code(cause),
        None => failed,
    };
    if unreachable {
        failed.retry_after(UNREACHABLE_RETRY)
    } else {
        failed
    }
}

fn cause_of(error: &CloudError) -> Option<KnownCause> {
    match error.code() {
        // Only removals are refused so: what is in the way, a machine for one, goes by itself a moment later.
        Some(ErrorCode::InUse) => Some(KnownCause::RetryableInfraDependencies),
        _ => class_of(error).and_then(DriverErrorCode::cause),
    }
}

/// The error as the machine controller knows it.
pub(crate) fn driver_error(step: impl Into<String>, error: CloudError) -> DriverError {
    let class = class_of(&error).unwrap_or(DriverErrorCode::Internal);
    DriverError::new(class, step).caused_by(error)
}

fn class_of(error: &CloudError) -> Option<DriverErrorCode> {
    let code = match error {
        CloudError::Endpoint(_) | CloudError::NoCredentials => return Some(DriverErrorCode::InvalidArgument),
        _ if is_unreachable(error) => return Some(DriverErrorCode::Unavailable),
        _ => error.code()?,
    };
    Some(match code {
        ErrorCode::Unauthorized => DriverErrorCode::Unauthenticated,
        ErrorCode::QuotaExceeded => DriverErrorCode::QuotaExceeded,
        ErrorCode::Exhausted => DriverErrorCode::ResourceExhausted,
        ErrorCode::Invalid | ErrorCode::Unknown | ErrorCode::Conflict => DriverErrorCode::InvalidArgument,
        ErrorCode::InUse => DriverErrorCode::FailedPrecondition,
        ErrorCode::NotFound | ErrorCode::Precondition | ErrorCode::Internal => DriverErrorCode::Internal,
    })
}

fn is_unreachable(error: &CloudError) -> bool {
    match error {
        CloudError::Resolve(_) => true,
        CloudError::Call(error) => matches!(
            **error,
            Error::Connect { .. } | Error::Deadline { .. } | Error::Exchange { .. }
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use cloud_client::ApiError;

    use super::*;

    fn refusal(code: ErrorCode) -> CloudError {
        let source = ApiError {
            code,
            message: "no".to_owned(),
            field: String::new(),
            remedy: String::new(),
        };
        CloudError::Call(Box::new(Error::Refused {
            request: "PUT /v1/networks/x".to_owned(),
            source,
        }))
    }

    #[test]
    fn users_read_causes_that_they_know() {
        for (code, expected) in [
            (ErrorCode::Unauthorized, vec![KnownCause::InfraUnauthenticated]),
            (ErrorCode::QuotaExceeded, vec![KnownCause::InfraQuotaExceeded]),
            (ErrorCode::Exhausted, vec![KnownCause::InfraResourcesDepleted]),
            (ErrorCode::Unknown, vec![KnownCause::ConfigurationProblem]),
            (ErrorCode::Invalid, vec![KnownCause::ConfigurationProblem]),
            (ErrorCode::Conflict, vec![KnownCause::ConfigurationProblem]),
            (ErrorCode::InUse, vec![KnownCause::RetryableInfraDependencies]),
            (ErrorCode::Internal, vec![]),
            (ErrorCode::Precondition, vec![]),
        ] {
            assert_eq!(refused("x", refusal(code)).codes(), expected, "{code:?}");
        }
    }

    #[test]
    fn an_absent_cloud_is_nobodys_fault_and_said() {
        let away = || {
            CloudError::Call(Box::new(Error::Connect {
                endpoint: "172.30.0.1:8080".to_owned(),
                source: std::io::Error::from(std::io::ErrorKind::ConnectionRefused),
            }))
        };
        let error = refused("failed to make the network", away());
        assert!(error.codes().is_empty());
        let text = lib_error_chain::ErrorChain(&error).to_string();
        assert_eq!(
            text,
            "failed to make the network: the cloud failed: failed to connect to the cloud at 172.30.0.1:8080: connection refused"
        );
        assert_eq!(driver_error("x", away()).code(), DriverErrorCode::Unavailable);
    }
}
