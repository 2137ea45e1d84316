//! The machine controller and the worker's actuator against a real API server, with a cloud in memory.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

mod cloud;
mod drain;
mod faults;
mod life;
mod migration;
mod tokens;
mod worker;
mod world;

use extensions_sdk::{
    conformance,
    machine::{MachineRequest, cluster_tags},
};
use serde_json::json;

#[tokio::test]
async fn the_cloud_in_memory_is_a_good_one() {
    let request = MachineRequest {
        name: "m".to_owned(),
        namespace: "shoot--dev--first".to_owned(),
        provider_spec: json!({}),
        secret: Default::default(),
        user_data: "#!/bin/sh\n".to_owned(),
        tags: cluster_tags("shoot--dev--first"),
    };
    conformance::machines(&cloud::Cloud::new("fake"), &request)
        .await
        .unwrap();
}
