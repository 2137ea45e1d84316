//! Makes the machine what its OperatingSystemConfig says, and keeps it so.
//!
//! In: the wish. Out: files, programs and units as wished; what was ours and is not wished any more is gone. Every pass looks at the
//! whole machine: what somebody changed or stopped is repaired, and where all is as it should be nothing happens.
//!
//! The order of a pass: note what is ours and what will have to be restarted; write files; remove what is unwished; let systemd read
//! its units; containerd; programs out of images; all other units; at last, if need be, ourselves. A step that fails keeps only those
//! from happening that hang on it.

mod pass; // one look at the machine, and what it takes
mod record; // what is ours

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lib_error_chain::ErrorChain;
use plan_node::machine::MachineFacts;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::{pass::Pass, record::Ledger};
use crate::{
    address::Addresses,
    download::Download,
    files::{self, Trace},
    images::Images,
    layout::{Layout, RECORD},
    retry::Attempts,
    units::{UnitState, Units},
    wished::{WishError, Wished, wished},
};

/// How often the machine is looked at although nothing is known to have changed: a look costs some milliseconds.
const LOOK: Duration = Duration::from_secs(10);
/// How often it is glanced at: whether a file or a unit is not as the last pass left it.
const GLANCE: Duration = Duration::from_secs(2);

/// Keeps the machine.
pub(crate) struct Keeper {
    /// Where things lie.
    pub(crate) layout: Layout,
    /// The machine's name.
    pub(crate) machine: String,
    /// What only the machine knows.
    pub(crate) facts: MachineFacts,
    /// Runs units.
    pub(crate) units: Arc<dyn Units>,
    /// Has images.
    pub(crate) images: Arc<dyn Images>,
    /// Gives addresses to the machine.
    pub(crate) addresses: Arc<dyn Addresses>,
}

/// What changes when somebody touches the machine.
#[derive(Debug, PartialEq, Eq)]
struct Glance {
    files: Vec<Option<Trace>>,
    units: BTreeMap<String, UnitState>,
}

/// Why the machine is not as wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// The wish cannot be fulfilled by anyone.
    #[error("failed to understand the OperatingSystemConfig")]
    Wish(#[from] WishError),
    /// Steps failed; each with its causes.
    #[error("{} of the steps to apply the OperatingSystemConfig failed: {}", .0.len(), .0.join("; "))]
    Steps(Vec<String>),
}

impl Keeper {
    /// One pass.
    pub(crate) async fn apply(&self, download: &Download) -> Result<(), KeepError> {
        let wished = wished(&download.config, &self.machine, &self.facts)?;
        let ledger = Ledger::open(&self.layout.at(RECORD));
        let failures = Pass::new(self, &wished, ledger).run().await;
        if failures.is_empty() {
            Ok(())
        } else {
            Err(KeepError::Steps(failures))
        }
    }

    /// Keeps the machine until the end. `applied` is told what the machine was made.
    pub(crate) async fn keep(
        &self,
        mut wishes: watch::Receiver<Option<Arc<Download>>>,
        applied: &watch::Sender<Option<Arc<Download>>>,
        shutdown: &CancellationToken,
    ) {
        let mut attempts = Attempts::new(Duration::from_millis(500), LOOK);
        while !shutdown.is_cancelled() {
            let wish = wishes.borrow_and_update().clone();
            let wait = match &wish {
                None => LOOK,
                Some(download) => self.attempt(download, &mut attempts, applied).await,
            };
            let changed = async {
                if wishes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = changed => {}
                () = tokio::time::sleep(wait) => {}
                () = self.disturbed(wish.as_deref()) => tracing::debug!("something changed on the machine"),
            }
        }
    }

    /// Returns when somebody touched what the wish is about.
    async fn disturbed(&self, wish: Option<&Download>) {
        let wished = wish.and_then(|download| wished(&download.config, &self.machine, &self.facts).ok());
        let Some(wished) = wished else {
            return std::future::pending().await;
        };
        let before = self.glance(&wished).await;
        loop {
            tokio::time::sleep(GLANCE).await;
            if self.glance(&wished).await != before {
                return;
            }
        }
    }

    async fn glance(&self, wished: &Wished) -> Glance {
        let names: Vec<&str> = wished.units.keys().map(String::as_str).collect();
        let traces = wished.files.keys().map(|path| files::trace(&self.layout.at(path)));
        Glance {
            files: traces.collect(),
            // When systemd does not answer, the next pass says so.
            units: self.units.states(&names).await.unwrap_or_default(),
        }
    }

    async fn attempt(
        &self,
        download: &Arc<Download>,
        attempts: &mut Attempts,
        applied: &watch::Sender<Option<Arc<Download>>>,
    ) -> Duration {
        match self.apply(download).await {
            Ok(()) => {
                attempts.succeeded();
                let news = applied.send_if_modified(|last| {
                    let news = last.as_ref().is_none_or(|last| last.checksum != download.checksum);
                    if news {
                        *last = Some(download.clone());
                    }
                    news
                });
                if news {
                    tracing::info!(checksum = %download.checksum, "applied the OperatingSystemConfig");
                }
                LOOK
            }
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, "the machine is not as wished, will retry");
                }
                attempts.failed()
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
