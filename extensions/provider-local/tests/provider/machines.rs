//! The machine driver against a cloud in memory.

use std::collections::BTreeMap;

use cloud_client::{ErrorCode, Flavor, Limits, Phase};
use extensions_provider_local::LocalMachineDriver;
use extensions_sdk::machine::{
    CloudMachineState, DriverErrorCode, ListRequest, MachineDriver, MachineRequest, cluster_tags,
};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::support::MemoryCloud;

const NAMESPACE: &str = "shoot--dev--first";

fn provider_spec() -> Value {
    json!({
        "apiVersion": "local.provider.extensions.gardener.cloud/v1alpha1", "kind": "MachineProviderSpec",
        "network": NAMESPACE, "securityGroups": [NAMESPACE], "zone": "1",
        "flavor": { "cpuMillis": 2000, "memoryMib": 2048 }, "tags": { "node.kubernetes.io/instance-type": "local" },
    })
}

pub(crate) fn request(name: &str) -> MachineRequest {
    MachineRequest {
        name: name.to_owned(),
        namespace: NAMESPACE.to_owned(),
        provider_spec: provider_spec(),
        secret: Secret::default(),
        user_data: "#!/bin/sh\ntrue\n".to_owned(),
        tags: cluster_tags(NAMESPACE),
    }
}

fn list(tags: BTreeMap<String, String>) -> ListRequest {
    ListRequest {
        namespace: NAMESPACE.to_owned(),
        provider_spec: provider_spec(),
        secret: Secret::default(),
        tags,
    }
}

#[tokio::test]
async fn a_machine_is_made_as_its_class_says() {
    let cloud = MemoryCloud::ready();
    let driver = LocalMachineDriver::new(cloud.clone());
    let machine = driver.create(&request("a")).await.unwrap();
    assert_eq!(machine.provider_id, "local:///test/a");
    assert_eq!(machine.state, CloudMachineState::Running);
    let spec = cloud.0.lock().machines["a"].clone();
    assert_eq!((spec.network.as_str(), spec.zone.as_deref()), (NAMESPACE, Some("1")));
    assert_eq!(spec.security_groups, [NAMESPACE]);
    let limits = Limits {
        cpu_millis: 2000,
        memory_mib: 2048,
    };
    assert_eq!(spec.flavor, Some(Flavor::Limits(limits)));
    assert_eq!(spec.user_data, "#!/bin/sh\ntrue\n");
    assert_eq!(spec.tags["node.kubernetes.io/instance-type"], "local");
    assert!(
        cluster_tags(NAMESPACE)
            .iter()
            .all(|(key, value)| spec.tags.get(key) == Some(value))
    );
}

#[tokio::test]
async fn a_machine_made_before_a_crash_is_found_though_its_token_is_another() {
    let cloud = MemoryCloud::ready();
    let driver = LocalMachineDriver::new(cloud.clone());
    let first = driver.create(&request("a")).await.unwrap();
    let mut again = request("a");
    again.user_data = "#!/bin/sh\nfalse\n".to_owned();
    assert_eq!(driver.create(&again).await.unwrap(), first);
    assert_eq!(cloud.0.lock().machines.len(), 1);
}

#[tokio::test]
async fn machines_are_found_by_their_tags_and_gone_when_removed() {
    let cloud = MemoryCloud::ready();
    let driver = LocalMachineDriver::new(cloud.clone());
    driver.create(&request("a")).await.unwrap();
    let names = |machines: Vec<extensions_sdk::machine::CloudMachine>| -> Vec<String> {
        machines.into_iter().map(|machine| machine.name).collect()
    };
    assert_eq!(names(driver.list(&list(cluster_tags(NAMESPACE))).await.unwrap()), ["a"]);
    assert_eq!(
        names(driver.list(&list(cluster_tags("shoot--dev--other"))).await.unwrap()),
        [""; 0]
    );
    assert_eq!(driver.console(&request("a"), 100).await.unwrap(), "a boots\n");
    for _ in 0..2 {
        driver.delete(&request("a")).await.unwrap();
        assert_eq!(driver.get(&request("a")).await.unwrap(), None);
        assert_eq!(driver.console(&request("a"), 100).await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_machine_that_does_not_run_is_told_apart() {
    let cloud = MemoryCloud::ready();
    let driver = LocalMachineDriver::new(cloud.clone());
    driver.create(&request("a")).await.unwrap();
    for (phase, expected) in [
        (Phase::Pending, CloudMachineState::Pending),
        (
            Phase::Stopped,
            CloudMachineState::Stopped("its processes have ended".to_owned()),
        ),
        (Phase::Deleting, CloudMachineState::Terminating),
    ] {
        cloud.0.lock().phase = phase;
        assert_eq!(driver.get(&request("a")).await.unwrap().unwrap().state, expected);
    }
}

#[tokio::test]
async fn refusals_have_their_class() {
    let cloud = MemoryCloud::ready();
    let driver = LocalMachineDriver::new(cloud.clone());
    for (code, expected) in [
        (ErrorCode::QuotaExceeded, DriverErrorCode::QuotaExceeded),
        (ErrorCode::Unknown, DriverErrorCode::InvalidArgument),
        (ErrorCode::Unauthorized, DriverErrorCode::Unauthenticated),
    ] {
        cloud.refuse(Some(code));
        assert_eq!(driver.create(&request("a")).await.unwrap_err().code(), expected);
    }
    cloud.refuse(None);
    let mut wrong = request("a");
    wrong.provider_spec = json!({});
    assert_eq!(
        driver.create(&wrong).await.unwrap_err().code(),
        DriverErrorCode::InvalidArgument
    );
}
