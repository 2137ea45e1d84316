//! Renews the Lease that says: this seed's gardenlet lives, and its seed answers.

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};

use super::{Error, SeedAgent, failed};

/// Namespace of the leases in the garden (Gardener's name).
const NAMESPACE: &str = "gardener-system-seed-lease";
/// How long a lease is good for (`seedLeaseDurationSeconds` of Gardener).
const SECONDS: i32 = 40;

/// Renews the lease if the seed's API server answers; without an answer the lease runs out, as it should.
pub(crate) async fn renew(agent: &SeedAgent) -> Result<(), Error> {
    agent
        .seed_client
        .apiserver_version()
        .await
        .map_err(failed("reach the seed's API server"))?;
    let name = agent.name()?;
    let lease = lease(name, agent.clock.now());
    let api: Api<Lease> = Api::namespaced(agent.garden_client.clone(), NAMESPACE);
    let parameters = PatchParams::apply("gardenlet").force();
    api.patch(name, &parameters, &Patch::Apply(&lease))
        .await
        .map_err(failed("renew the seed's lease"))
        .map(|_| ())
}

fn lease(name: &str, now: Timestamp) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.to_owned()),
            lease_duration_seconds: Some(SECONDS),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}
