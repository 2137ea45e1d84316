//! Waiting for the state of one object, by watching it, with a deadline and the last state in the error.

use std::{fmt::Debug, pin::pin, time::Duration};

use futures::StreamExt as _;
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt as _, watcher::watch_object},
};
use lib_error_chain::ErrorChain;
use serde::de::DeserializeOwned;

use crate::{apply::describe, watch::WatchBackoff};

/// What an observer says of the object's present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is as wished.
    Done,
    /// Not yet; the text says what is missing.
    Waiting(String),
    /// It will never be; the text says why.
    Failed(String),
}

/// Why the wait ended without the wished state.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The deadline passed.
    #[error("timed out after {} s waiting for {what}: {last}", deadline.as_secs_f32())]
    TimedOut {
        /// What was waited for: `Deployment garden/gateway to be ready`.
        what: String,
        /// How long.
        deadline: Duration,
        /// The last state seen.
        last: String,
    },
    /// The object failed for good.
    #[error("gave up waiting for {what}: {reason}")]
    Failed {
        /// What was waited for: `Deployment garden/gateway to be ready`.
        what: String,
        /// Why it will not come.
        reason: String,
    },
}

/// Watches the object until `observe` says that it is done, and returns it (`None`: it does not exist).
///
/// `what` completes "waiting for Deployment garden/gateway …", for example `to be ready`; in [`poll`] it is all of it. Errors of the API server do
/// not end the wait: it may be starting; they are the last state in the error.
pub async fn until<K>(
    api: &Api<K>,
    name: &str,
    what: &str,
    deadline: Duration,
    mut observe: impl FnMut(Option<&K>) -> Progress,
) -> Result<Option<K>, WaitError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let what = format!("{} {what}", describe(&K::kind(&()), api.namespace(), name));
    let mut last = "not seen yet".to_owned();
    let watching = async {
        let mut events = pin!(watch_object(api.clone(), name).backoff(WatchBackoff::default()));
        while let Some(event) = events.next().await {
            match event {
                Ok(seen) => match observe(seen.as_ref()) {
                    Progress::Done => return Ok(seen),
                    Progress::Waiting(state) => last = state,
                    Progress::Failed(reason) => return Err(reason),
                },
                Err(error) => last = ErrorChain(&error).to_string(),
            }
        }
        Err("the watch ended".to_owned())
    };
    match tokio::time::timeout(deadline, watching).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(reason)) => Err(WaitError::Failed { what, reason }),
        Err(_) => Err(WaitError::TimedOut { what, deadline, last }),
    }
}

/// Waits until `attempt` says that it is done, asking again every `interval`; for what cannot be watched.
pub async fn poll<F, P>(what: &str, deadline: Duration, interval: Duration, mut attempt: F) -> Result<(), WaitError>
where
    F: FnMut() -> P,
    P: Future<Output = Progress>,
{
    let mut last = "not asked yet".to_owned();
    let asking = async {
        loop {
            match attempt().await {
                Progress::Done => return Ok(()),
                Progress::Waiting(state) => last = state,
                Progress::Failed(reason) => return Err(reason),
            }
            tokio::time::sleep(interval).await;
        }
    };
    match tokio::time::timeout(deadline, asking).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(WaitError::Failed {
            what: what.to_owned(),
            reason,
        }),
        Err(_) => Err(WaitError::TimedOut {
            what: what.to_owned(),
            deadline,
            last,
        }),
    }
}
