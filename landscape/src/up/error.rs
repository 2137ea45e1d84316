//! Why a bring-up ended early.

use std::io;

use super::checks::Problem;
use crate::images::{ImageSetError, PushError};
use crate::lock::LockError;
use crate::seed::{SeedError, SeedPkiError};

/// Why a bring-up ended early. Running it again goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The host lacks something.
    #[error("this host is not ready:{}", list(.0))]
    NotReady(Vec<Problem>),
    /// Another command is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The state's folder cannot be used.
    #[error("failed to prepare the landscape's state")]
    State(#[source] io::Error),
    /// The image vector is damaged.
    #[error("failed to read the image vector")]
    Images(#[from] plan_images::ImageVectorError),
    /// The image vector lacks an image.
    #[error("failed to find an image")]
    Image(#[from] plan_images::ImageNotFound),
    /// The seed's certificates cannot be had.
    #[error(transparent)]
    SeedPki(#[from] SeedPkiError),
    /// The cloud's daemon cannot be started.
    #[error("failed to start the local cloud")]
    StartCloud(#[source] io::Error),
    /// The cloud's daemon ended.
    #[error("the local cloud does not answer; the end of {log}:\n{tail}")]
    CloudSilent {
        /// Its log.
        log: String,
        /// The last lines.
        tail: String,
    },
    /// The cloud refused.
    #[error("failed to ask the local cloud")]
    Cloud(#[from] cloud_client::Error),
    /// The machine image cannot be built.
    #[error("failed to build the machine image")]
    MachineImage(#[source] Box<cloud_daemon::Error>),
    /// An image cannot be put together.
    #[error(transparent)]
    ImageSet(#[from] ImageSetError),
    /// An image cannot be pushed.
    #[error(transparent)]
    Push(#[from] PushError),
    /// A chart cannot be packed.
    #[error("failed to pack a chart")]
    Chart(#[source] io::Error),
    /// The seed's machine cannot be described.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The seed's machine failed to boot.
    #[error("the seed's machine did not come up: {message}; the end of its console:\n{console}")]
    Machine {
        /// What the cloud says of it.
        message: String,
        /// The last lines.
        console: String,
    },
    /// A name is wrong.
    #[error("{0:?} is no IP network")]
    Network(&'static str),
    /// A client cannot be made.
    #[error("failed to make a client for the {cluster}")]
    Connect {
        /// Which cluster.
        cluster: &'static str,
        /// Why.
        source: controller::connect::ConnectError,
    },
    /// A kubeconfig cannot be written.
    #[error("failed to write a kubeconfig")]
    Kubeconfig(#[from] serde_yaml_ng::Error),
    /// A phase ran before the one that it needs: a mistake in the flow.
    #[error("there is no client for the {0} yet")]
    NoClient(&'static str),
    /// A phase ran before the images were pushed: a mistake in the flow.
    #[error("our own images are not pushed yet")]
    NoImage,
    /// An object was refused.
    #[error(transparent)]
    Apply(#[from] controller::apply::ApplyError),
    /// An object cannot be written down.
    #[error("failed to encode an object")]
    Encode(#[from] serde_json::Error),
    /// A request failed.
    #[error("failed to {step}")]
    Request {
        /// What was tried.
        step: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// Something did not come in time.
    #[error(transparent)]
    Wait(#[from] controller::wait::WaitError),
    /// A cluster cannot be reached.
    #[error(transparent)]
    Access(#[from] crate::access::AccessError),
    /// A certificate cannot be made.
    #[error("failed to make a key or a signing request")]
    Pki(#[from] lib_pki::Error),
    /// The flow itself is wrong.
    #[error("the bring-up is planned wrongly")]
    Flow(#[from] lib_flow::GraphError),
    /// A blocking step was cut off.
    #[error("a step was cut off")]
    Interrupted(#[from] tokio::task::JoinError),
    /// A phase failed.
    #[error("{phase} failed")]
    Phase {
        /// The phase.
        phase: &'static str,
        /// Why.
        source: Box<UpError>,
    },
    /// A phase took too long.
    #[error("it did not end within {seconds} s{}", last.as_ref().map(|last| format!(" ({last})")).unwrap_or_default())]
    Deadline {
        /// How long it had.
        seconds: u64,
        /// What it did or waited for last.
        last: Option<String>,
    },
    /// The user ended it.
    #[error("interrupted: run `kubeception up` again to go on, or `kubeception down` to remove what was made")]
    Cancelled,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}
