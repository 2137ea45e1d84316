//! What can go wrong, on the wire and on the way.

use std::{fmt, io, time::Duration};

use serde::{Deserialize, Serialize};

/// A refusal of the cloud, the JSON body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what was refused, and why.
    pub message: String,
    /// The field of the specification that is meant, `securityGroups[1]`; empty if it is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// For people: what to do about it; empty if there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(formatter, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

/// Classes of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The request itself is wrong.
    Invalid,
    /// There is no such object.
    NotFound,
    /// It exists with another specification, or contradicts another object.
    Conflict,
    /// Something else still needs it.
    InUse,
    /// No free address is left.
    Exhausted,
    /// There are as many objects of this kind as there may be.
    QuotaExceeded,
    /// The specification names something that the cloud does not have: a zone, an image, a flavor, a security group.
    Unknown,
    /// The bearer token is missing or wrong.
    Unauthorized,
    /// The host lacks something: a tool, an image, a right.
    Precondition,
    /// The cloud failed; trying again may help.
    Internal,
}

impl ErrorCode {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorized => 401,
            Self::QuotaExceeded => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::InUse => 409,
            Self::Precondition => 412,
            Self::Unknown => 422,
            Self::Exhausted => 507,
            Self::Internal => 500,
        }
    }
}

/// Why a call of the client failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers there: the daemon does not run, or not yet.
    #[error("failed to connect to the cloud at {endpoint}")]
    Connect {
        /// Path or address.
        endpoint: String,
        /// Cause.
        source: io::Error,
    },
    /// The cloud did not answer in time.
    #[error("the cloud at {endpoint} did not answer {request} within {deadline:?}")]
    Deadline {
        /// Path or address.
        endpoint: String,
        /// Method and path.
        request: String,
        /// How long the client waited.
        deadline: Duration,
    },
    /// The connection broke.
    #[error("failed to exchange {request} with the cloud")]
    Exchange {
        /// Method and path.
        request: String,
        /// Cause.
        source: hyper::Error,
    },
    /// The request cannot be written as HTTP.
    #[error("failed to build the request {request}")]
    Request {
        /// Method and path.
        request: String,
        /// Cause.
        source: http::Error,
    },
    /// The answer is not what this client expects; perhaps the versions differ.
    #[error("failed to read the cloud's answer to {request} (status {status})")]
    Decode {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// Cause.
        source: serde_json::Error,
    },
    /// The specification cannot be written as JSON.
    #[error("failed to encode the body of {request}")]
    Encode {
        /// Method and path.
        request: String,
        /// Cause.
        source: serde_json::Error,
    },
    /// The cloud refused.
    #[error("the cloud refused {request}")]
    Refused {
        /// Method and path.
        request: String,
        /// The refusal.
        source: ApiError,
    },
    /// The proxy on the host's loopback refused or failed.
    #[error("the cloud's proxy at {proxy} did not connect to {target}: {answer}")]
    Proxy {
        /// Address of the proxy.
        proxy: String,
        /// Where to.
        target: String,
        /// First line of its answer, or what happened instead.
        answer: String,
    },
}

impl Error {
    /// The class of the cloud's refusal, if it is one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { source, .. } => Some(source.code),
            _ => None,
        }
    }

    /// The field that the cloud refused, if it named one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Refused { source, .. } if !source.field.is_empty() => Some(&source.field),
            _ => None,
        }
    }
}
