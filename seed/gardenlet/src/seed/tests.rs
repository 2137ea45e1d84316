//! Registration and status of the Seed on clusters in memory.

use std::sync::Arc;

use api::core::v1beta1::Seed;
use controller::fake::FakeCluster;
use lib_clock::ManualClock;
use plan_images::ImageVector;

use super::register::register;
use crate::{context::Gardenlet, settings::Settings};

const SEED: &str = "/apis/core.gardener.cloud/v1beta1/seeds/local";
const CONFIGURATION: &str = "
gardenClientConnection: {kubeconfig: unused}
seedConfig:
  metadata: {name: local, labels: {region: here}}
  spec:
    provider: {type: local, region: local}
    networks: {pods: 10.2.0.0/16, services: 10.3.0.0/16}
";

fn gardenlet(garden: &FakeCluster, seed: &FakeCluster, configuration: &str) -> Gardenlet {
    let settings = Settings::complete(serde_yaml_ng::from_str(configuration).unwrap()).unwrap();
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    Gardenlet::new(
        garden.client(),
        seed.client(),
        settings,
        ImageVector::embedded().unwrap(),
        clock,
    )
}

#[tokio::test]
async fn the_seed_is_registered_and_kept_as_configured() {
    let (garden, seed) = (FakeCluster::new(), FakeCluster::new());
    register(&gardenlet(&garden, &seed, CONFIGURATION)).await.unwrap();
    let registered: Seed = garden.get_as(SEED).unwrap();
    assert_eq!(registered.spec.networks.pods, "10.2.0.0/16");
    assert!(
        seed.get("/apis/scheduling.k8s.io/v1/priorityclasses/gardener-system-500")
            .is_some()
    );

    let writes = garden.writes().len();
    register(&gardenlet(&garden, &seed, CONFIGURATION)).await.unwrap();
    assert_eq!(garden.writes().len(), writes);

    let moved = CONFIGURATION.replace("region: here", "region: there");
    register(&gardenlet(&garden, &seed, &moved)).await.unwrap();
    let changed: Seed = garden.get_as(SEED).unwrap();
    assert_eq!(changed.metadata.labels.unwrap()["region"], "there");
    assert_eq!(changed.metadata.uid, registered.metadata.uid);
}
