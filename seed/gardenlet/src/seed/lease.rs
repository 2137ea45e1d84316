//! The sign of life: a Lease in the garden, renewed while the seed's API server answers.
//!
//! gardener-controller-manager takes a seed whose lease is not renewed for dead.

use std::time::Duration;

use api::constants::SEED_LEASE_NAMESPACE;
use controller::apply::Applier;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use lib_error_chain::ErrorChain;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::context::{FIELD_MANAGER, Gardenlet};

/// A renewal that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Renews until `shutdown`.
pub(crate) async fn renew(gardenlet: Gardenlet, shutdown: CancellationToken) {
    let garden = Applier::new(gardenlet.garden_client.clone(), FIELD_MANAGER);
    let mut ticks = tokio::time::interval(gardenlet.settings.lease_period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let renewed = tokio::time::timeout(PATIENCE, renew_once(&gardenlet, &garden)).await;
        match renewed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "the seed's lease was not renewed"),
            Err(_) => tracing::warn!("the seed's lease was not renewed in time"),
        }
    }
}

async fn renew_once(gardenlet: &Gardenlet, garden: &Applier) -> Result<(), String> {
    // A gardenlet that can't reach its seed is of no use to it, however well it feels itself.
    let seed = gardenlet.seed_client().apiserver_version().await;
    seed.map_err(|error| format!("the seed does not answer: {}", ErrorChain(&error)))?;
    garden
        .apply(&lease(gardenlet))
        .await
        .map(drop)
        .map_err(|error| ErrorChain(&error).to_string())
}

fn lease(gardenlet: &Gardenlet) -> Lease {
    let name = gardenlet.settings.seed_name().to_owned();
    Lease {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(SEED_LEASE_NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name),
            lease_duration_seconds: i32::try_from(gardenlet.settings.lease_period.as_secs()).ok(),
            renew_time: Some(MicroTime(gardenlet.clock.now())),
            ..LeaseSpec::default()
        }),
    }
}
