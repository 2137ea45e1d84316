//! The SDK's conformance suite for every kind.

use std::sync::Arc;

use api::extensions::v1alpha1::{ControlPlane, Infrastructure, Network, OperatingSystemConfig};
use controller::fake::FakeCluster;
use extensions_provider_local::{
    ControlPlaneActuator, InfrastructureActuator, LocalMachineDriver, NetworkActuator, OperatingSystemConfigActuator,
    cloud_controller::ShootControllers,
};
use extensions_sdk::{
    ExtensionKind,
    conformance::{self, Case},
};
use k8s_openapi::api::core::v1::Secret;

use crate::{
    actuators::{clock, cluster, config, control_plane, infrastructure, network},
    machines::request,
    support::MemoryCloud,
};

/// The text in a Secret of the shoot's namespace.
fn text(seed: &FakeCluster, secret: &str, key: &str) -> Option<String> {
    let secret: Secret = seed.get_as(&format!("/api/v1/namespaces/shoot--dev--first/secrets/{secret}"))?;
    String::from_utf8(secret.data?.remove(key)?.0).ok()
}

fn case<'a, K: ExtensionKind, T>(object: &'a K, changed: &'a K, nothing: T, made: T, changed_to: T) -> Case<'a, K, T> {
    Case {
        object,
        changed,
        cluster: None,
        secret: None,
        nothing,
        made,
        changed_to,
    }
}

#[tokio::test]
async fn infrastructures_conform() {
    let cloud = MemoryCloud::ready();
    let object: Infrastructure = infrastructure();
    let made = || {
        vec![
            "networks/shoot--dev--first".to_owned(),
            "groups/shoot--dev--first".to_owned(),
        ]
    };
    let cluster = cluster();
    let case = Case {
        cluster: Some(&cluster),
        ..case(&object, &object, Vec::new(), made(), made())
    };
    let look = || std::future::ready(cloud.everything());
    conformance::actuator(&InfrastructureActuator::new(cloud.clone()), &case, look)
        .await
        .unwrap();
}

#[tokio::test]
async fn control_planes_conform() {
    let (seed, cloud) = (FakeCluster::new(), MemoryCloud::ready());
    let controllers = ShootControllers::new(seed.client(), Arc::new(cloud.clone()), clock());
    let actuator = ControlPlaneActuator::new(seed.client(), cloud, Arc::new(controllers));
    let object: ControlPlane = control_plane();
    let look = || {
        let rights = text(&seed, "managedresource-extension-controlplane-shoot", "objects.yaml");
        std::future::ready(rights.is_some())
    };
    let case = case(&object, &object, false, true, true);
    conformance::actuator(&actuator, &case, look).await.unwrap();
}

#[tokio::test]
async fn networks_conform() {
    let seed = FakeCluster::new();
    let (object, mut changed): (Network, Network) = (network(), network());
    changed.spec.pod_cidr = "10.21.0.0/16".to_owned();
    let look = || {
        let objects = text(&seed, "managedresource-extension-networking-bridge", "objects.yaml").unwrap_or_default();
        let range = objects.split("--pod-range=").nth(1);
        let range = range.and_then(|rest| rest.lines().next()).map(str::to_owned);
        std::future::ready(range)
    };
    let range = |text: &str| Some(text.to_owned());
    let case = case(&object, &changed, None, range("10.20.0.0/16"), range("10.21.0.0/16"));
    let actuator = NetworkActuator::new(seed.client(), "registry/kubeception:1");
    conformance::actuator(&actuator, &case, look).await.unwrap();
}

#[tokio::test]
async fn operating_system_configs_conform() {
    let seed = FakeCluster::new();
    let mut object: OperatingSystemConfig = config("provision");
    object.spec.files.pop();
    let mut changed = object.clone();
    changed.spec.units[0].name = "other.service".to_owned();
    let look = || {
        let script = text(
            &seed,
            "osc-result-gardener-node-agent-worker-0123abcd-init",
            "cloud_config",
        );
        let last = script.and_then(|script| Some(script.lines().last()?.to_owned()));
        std::future::ready(last)
    };
    let start = |unit: &str| Some(format!("systemctl start --no-block {unit}"));
    let (made, changed_to) = (start("gardener-node-agent.service"), start("other.service"));
    let case = case(&object, &changed, None, made, changed_to);
    let actuator = OperatingSystemConfigActuator::new(seed.client());
    conformance::actuator(&actuator, &case, look).await.unwrap();
}

#[tokio::test]
async fn machines_conform() {
    let driver = LocalMachineDriver::new(MemoryCloud::ready());
    conformance::machines(&driver, &request("a")).await.unwrap();
}
