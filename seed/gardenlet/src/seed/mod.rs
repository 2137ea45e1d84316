//! The Seed that this gardenlet stands for: registered, its lease renewed, its status told.
//!
//! In: the seed's template from the configuration, and the seed cluster as it is. Out: the Seed object, its Lease and its
//! status in the garden. What the operator owns on a runtime cluster that is also a seed (CRDs, gateway,
//! resource-manager, etcd controller) is found and left alone.

mod health; // judges the seed's system components
mod lease; // says that gardenlet lives
mod register; // creates or updates the Seed object
mod status; // tells what is

use std::{sync::Arc, time::Duration};

use api::core::v1beta1::{Gardener, SeedTemplate};
use kube::Client;
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

/// How often the lease is renewed (`seedLeaseResyncSeconds`, Gardener's default).
const LEASE_PERIOD: Duration = Duration::from_secs(2);
/// How often the Seed's status is looked at.
const STATUS_PERIOD: Duration = Duration::from_secs(5);
/// How often it is looked at while something is not as it should be.
const STATUS_IMPATIENT: Duration = Duration::from_millis(500);
/// Longest that one pass may take.
const PASS_DEADLINE: Duration = Duration::from_secs(30);

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request to one of the clusters failed.
    #[error("failed to {action}")]
    Request {
        /// What was to be done.
        action: &'static str,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// The Seed's status could not be written.
    #[error("failed to write the status of the Seed")]
    Status(#[from] controller::status::StatusError),
    /// The template is of no use.
    #[error("seedConfig.metadata.name: Required value: gardenlet must know which Seed it stands for")]
    NoName,
}

pub(crate) fn failed(action: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Request {
        action,
        source: Box::new(source),
    }
}

/// What the seed's passes need.
pub struct SeedAgent {
    /// Client of the garden cluster, as this seed's own user.
    pub garden_client: Client,
    /// Client of the seed cluster.
    pub seed_client: Client,
    /// The wished Seed.
    pub template: SeedTemplate,
    /// Who writes the status.
    pub gardener: Gardener,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl SeedAgent {
    /// Name of the Seed.
    pub fn name(&self) -> Result<&str, Error> {
        self.template.metadata.name.as_deref().ok_or(Error::NoName)
    }

    /// Keeps Seed, lease and status until `shutdown`; failures are logged and repeated.
    pub async fn run(&self, shutdown: CancellationToken) {
        let lease = shutdown.clone().run_until_cancelled_owned(self.keep_lease());
        let status = shutdown.run_until_cancelled_owned(self.keep_status());
        futures::join!(lease, status);
    }

    async fn keep_lease(&self) {
        let mut ticks = tokio::time::interval(LEASE_PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match tokio::time::timeout(PASS_DEADLINE, lease::renew(self)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(error = %ErrorChain(&error), "failed to renew the seed's lease"),
                Err(_) => tracing::warn!(deadline = ?PASS_DEADLINE, "renewing the seed's lease took too long"),
            }
        }
    }

    async fn keep_status(&self) {
        loop {
            let pass = tokio::time::timeout(PASS_DEADLINE, self.pass()).await;
            let healthy = match pass {
                Ok(Ok(healthy)) => healthy,
                Ok(Err(error)) => {
                    tracing::warn!(error = %ErrorChain(&error), "seed pass failed, will retry");
                    false
                }
                Err(_) => {
                    tracing::warn!(deadline = ?PASS_DEADLINE, "seed pass took too long, will retry");
                    false
                }
            };
            tokio::time::sleep(if healthy { STATUS_PERIOD } else { STATUS_IMPATIENT }).await;
        }
    }

    /// Registers the Seed and tells its status; whether all is as it should be.
    async fn pass(&self) -> Result<bool, Error> {
        let seed = register::register(self).await?;
        let observed = status::observe(self).await?;
        let wished = status::status(&seed, &observed, &self.gardener, self.clock.now());
        let healthy = observed.complaints.is_empty();
        let api = kube::Api::all(self.garden_client.clone());
        controller::status::update(&api, &seed, &seed.status, &wished).await?;
        Ok(healthy)
    }
}
