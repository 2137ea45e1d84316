//! Leader election by a `coordination.k8s.io/v1` Lease, with fencing.
//!
//! Of several replicas one works. It holds the lease and renews it; when it cannot, it stops before another may start:
//! its work is cancelled after [`LeaseOptions::renew_deadline`], which is shorter than the lease. What still writes
//! after that is told apart by [`Leadership::epoch`], which grows with every change of the holder.
//!
//! Others' clocks are not trusted: a lease is over when it was *seen* unchanged for its whole duration.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{is_conflict, is_not_found};

/// Which lease, and the rhythm.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Namespace of the lease.
    pub namespace: String,
    /// Name of the lease: the process.
    pub name: String,
    /// Who we are; unique per replica: the pod's name.
    pub holder: String,
    /// How long the lease lasts after its last renewal.
    pub duration: Duration,
    /// How long renewing may fail before the work is cancelled; less than `duration`.
    pub renew_deadline: Duration,
    /// How often the lease is renewed, or looked at.
    pub retry_period: Duration,
}

impl LeaseOptions {
    /// The rhythm of Kubernetes' own components: 15 s, 10 s, 2 s.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, holder: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            holder: holder.into(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// Being the leader, until [`Leadership::lost`] is cancelled.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// Cancelled when the lease is lost or the process shuts down: end the work.
    pub lost: CancellationToken,
    /// How many holders there were before; grows with each. Fences writes of a former leader.
    pub epoch: i32,
}

/// Why the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The process was told to shut down; the lease was given back.
    ShutDown,
    /// The work returned by itself; the lease was given back.
    Finished,
    /// The lease was lost: the process should end, and start over.
    Lost,
}

/// Waits to become the leader, runs `work` as the leader, and returns when it is over.
///
/// At the shutdown [`Leadership::lost`] is cancelled, and `work` is given the time to end by itself, still as the leader.
/// When the lease is lost, `work` is dropped where it stands.
pub async fn lead<F, W>(
    client: Client,
    options: LeaseOptions,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
    work: W,
) -> Outcome
where
    W: FnOnce(Leadership) -> F,
    F: Future<Output = ()>,
{
    let mut elector = Elector::new(client, options, clock);
    let Some(epoch) = shutdown.run_until_cancelled(elector.acquire()).await else {
        return Outcome::ShutDown;
    };
    tracing::info!(lease = %elector.options.name, epoch, "became the leader");
    let lost = shutdown.child_token();
    let work = work(Leadership {
        lost: lost.clone(),
        epoch,
    });
    let finished = tokio::select! {
        () = elector.keep() => false,
        () = work => true,
    };
    // Of lost work nothing runs on: the select has dropped it. What it spawned hears of it here.
    lost.cancel();
    match finished {
        false => Outcome::Lost,
        true => {
            elector
                .release_soon(if shutdown.is_cancelled() {
                    Outcome::ShutDown
                } else {
                    Outcome::Finished
                })
                .await
        }
    }
}

/// What was seen of the lease, and when, by our own clock.
struct Seen {
    spec: LeaseSpec,
    since: Instant,
}

struct Elector {
    api: Api<Lease>,
    options: LeaseOptions,
    clock: Arc<dyn Clock>,
    seen: Option<Seen>,
}

impl Elector {
    fn new(client: Client, options: LeaseOptions, clock: Arc<dyn Clock>) -> Self {
        let api = Api::namespaced(client, &options.namespace);
        Self {
            api,
            options,
            clock,
            seen: None,
        }
    }

    /// Tries until we hold the lease; returns the epoch.
    async fn acquire(&mut self) -> i32 {
        loop {
            match self.try_hold().await {
                Ok(Some(epoch)) => return epoch,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(lease = %self.options.name, error = %ErrorChain(&error), "failed to acquire the lease");
                }
            }
            tokio::time::sleep(self.options.retry_period).await;
        }
    }

    /// Renews until that failed for too long, or somebody else holds the lease.
    async fn keep(&mut self) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.options.retry_period).await;
            let left = self.options.renew_deadline.saturating_sub(renewed.elapsed());
            match tokio::time::timeout(left, self.try_hold()).await {
                Ok(Ok(Some(_))) => renewed = Instant::now(),
                Ok(Ok(None)) => {
                    tracing::warn!(lease = %self.options.name, "another holds the lease");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(lease = %self.options.name, error = %ErrorChain(&error), "failed to renew the lease");
                }
                Err(_) => {}
            }
            if renewed.elapsed() >= self.options.renew_deadline {
                tracing::warn!(lease = %self.options.name, "the lease was not renewed in time");
                return;
            }
        }
    }

    /// Takes or renews the lease; `None` when another has it.
    async fn try_hold(&mut self) -> Result<Option<i32>, kube::Error> {
        let lease = match self.api.get(&self.options.name).await {
            Ok(lease) => lease,
            Err(error) if is_not_found(&error) => return self.create().await,
            Err(error) => return Err(error),
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let ours = spec.holder_identity.as_deref() == Some(self.options.holder.as_str());
        if !ours && !self.is_over(&spec) {
            return Ok(None);
        }
        let transitions = spec.lease_transitions.unwrap_or(0) + i32::from(!ours);
        let acquired = if ours { spec.acquire_time } else { None };
        self.write(lease.metadata, acquired, transitions).await
    }

    /// Whether the lease has no holder, or was seen unchanged for its whole duration.
    fn is_over(&mut self, spec: &LeaseSpec) -> bool {
        if spec.holder_identity.as_deref().unwrap_or_default().is_empty() {
            return true;
        }
        let duration = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok());
        let duration = duration.map_or(self.options.duration, Duration::from_secs);
        match &self.seen {
            Some(seen) if seen.spec == *spec => seen.since.elapsed() >= duration,
            _ => {
                self.seen = Some(Seen {
                    spec: spec.clone(),
                    since: Instant::now(),
                });
                false
            }
        }
    }

    async fn create(&mut self) -> Result<Option<i32>, kube::Error> {
        let metadata = ObjectMeta {
            name: Some(self.options.name.clone()),
            ..ObjectMeta::default()
        };
        let lease = self.lease(metadata, None, 0);
        match self.api.create(&PostParams::default(), &lease).await {
            Ok(_) => Ok(Some(0)),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The resource version in the metadata makes this fail when another was faster.
    async fn write(
        &mut self,
        metadata: ObjectMeta,
        acquired: Option<MicroTime>,
        transitions: i32,
    ) -> Result<Option<i32>, kube::Error> {
        let lease = self.lease(metadata, acquired, transitions);
        match self
            .api
            .replace(&self.options.name, &PostParams::default(), &lease)
            .await
        {
            Ok(_) => Ok(Some(transitions)),
            Err(error) => Err(error),
        }
    }

    fn lease(&self, metadata: ObjectMeta, acquired: Option<MicroTime>, transitions: i32) -> Lease {
        let now = MicroTime(self.clock.now());
        let spec = LeaseSpec {
            holder_identity: Some(self.options.holder.clone()),
            lease_duration_seconds: i32::try_from(self.options.duration.as_secs()).ok(),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        };
        Lease {
            metadata,
            spec: Some(spec),
        }
    }

    /// Gives the lease back, so that a successor need not wait; then reports the outcome.
    async fn release_soon(mut self, outcome: Outcome) -> Outcome {
        match tokio::time::timeout(self.options.retry_period, self.release()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(error = %ErrorChain(&error), "failed to give the lease back"),
            Err(_) => tracing::debug!("giving the lease back took too long"),
        }
        outcome
    }

    async fn release(&mut self) -> Result<(), kube::Error> {
        let mut lease = self.api.get(&self.options.name).await?;
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(self.options.holder.as_str()) {
            return Ok(());
        }
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
        self.api
            .replace(&self.options.name, &PostParams::default(), &lease)
            .await?;
        Ok(())
    }
}
