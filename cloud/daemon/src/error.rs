//! What can go wrong while the cloud is built, run and torn down.

use std::{io, path::PathBuf, time::Duration};

use cloud_client::{ApiError, ErrorCode};
use lib_error_chain::ErrorChain;

/// Why the cloud, or something it makes, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cloud makes namespaces, mounts and control groups.
    #[error("the local cloud needs root: run it with sudo")]
    NotRoot,
    /// A program of the host is missing.
    #[error("{program} is not installed: install the package {package}")]
    MissingProgram {
        /// What was looked for.
        program: String,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// Another daemon of this landscape runs.
    #[error(
        "the cloud of landscape {landscape} already runs as process {pid}: use it, or choose another name with --landscape"
    )]
    AlreadyRunning {
        /// Its landscape.
        landscape: String,
        /// Its process id as it wrote it down.
        pid: String,
    },
    /// The proxy's port is taken.
    #[error("failed to listen for the proxy on 127.0.0.1:{port}: choose a free port with --proxy-port")]
    ProxyPort {
        /// The port.
        port: u16,
        /// Cause.
        source: io::Error,
    },
    /// Not the name of a landscape.
    #[error(transparent)]
    Landscape(#[from] crate::layout::InvalidLandscape),
    /// A file or folder.
    #[error("failed to {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file of ours that is not what we wrote.
    #[error("failed to read {}: it is damaged", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
    /// Something for which there is only an operating system error.
    #[error("failed to {action}")]
    System {
        /// What was tried.
        action: String,
        /// Cause.
        source: io::Error,
    },
    /// A program of the host could not be started.
    #[error("failed to start {program}")]
    Start {
        /// Its name.
        program: String,
        /// Cause.
        source: io::Error,
    },
    /// A program of the host failed.
    #[error("{program} failed ({status}) while the cloud tried to {purpose}: {output}")]
    Program {
        /// Its name.
        program: String,
        /// What it was run for.
        purpose: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error.
        output: String,
    },
    /// Something did not happen in time.
    #[error("waited {deadline:?} in vain for {what}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// For how long.
        deadline: Duration,
    },
    /// The machine image is not there.
    #[error("the machine image {version} is not built: run `kubeception up`, which builds it")]
    NoImage {
        /// The version this daemon wants.
        version: String,
    },
    /// A binary that goes into the machine image is not there.
    #[error("{} is missing: build it with `make upstream`", path.display())]
    MissingBinary {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The host's package sources do not fit its distribution.
    #[error(
        "found no package source of {distribution} in /etc/apt: the machine image is made from the host's own packages"
    )]
    NoSources {
        /// Code name of the distribution.
        distribution: String,
    },
    /// The host's kernel or its set-up lacks something.
    #[error("{0}")]
    Unsupported(String),
    /// A request that the cloud refuses.
    #[error(transparent)]
    Refused(#[from] ApiError),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }

    /// The same for clients of the API.
    pub(crate) fn into_api(self) -> ApiError {
        let code = match &self {
            Self::Refused(refusal) => return refusal.clone(),
            Self::NoImage { .. } | Self::MissingProgram { .. } | Self::MissingBinary { .. } | Self::Unsupported(_) => {
                ErrorCode::Precondition
            }
            _ => ErrorCode::Internal,
        };
        ApiError {
            code,
            message: ErrorChain(&self).to_string(),
            field: String::new(),
            remedy: String::new(),
        }
    }
}

/// A refusal with what to do about it.
pub(crate) fn refuse(code: ErrorCode, message: impl Into<String>, remedy: impl Into<String>) -> Error {
    refuse_field(code, "", message, remedy)
}

/// The same, naming the field that is meant.
pub(crate) fn refuse_field(
    code: ErrorCode,
    field: impl Into<String>,
    message: impl Into<String>,
    remedy: impl Into<String>,
) -> Error {
    Error::Refused(ApiError {
        code,
        message: message.into(),
        field: field.into(),
        remedy: remedy.into(),
    })
}
