//! DNSRecords and LoadBalancer Services against a cloud in memory and an API server in memory.

use std::{net::Ipv4Addr, sync::Arc};

use api::extensions::v1alpha1::DnsRecord;
use cloud_client::{ErrorCode, Phase};
use controller::{fake::FakeCluster, retry::Retry};
use extensions_provider_local::{
    DnsRecordActuator,
    cloud_controller::{FINALIZER, Reconciler},
};
use extensions_sdk::{Actuator as _, Request, conformance};
use http::Method;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::runtime::{reflector::store::Writer, watcher::Event};
use serde_json::{Value, json};

use crate::support::MemoryCloud;

pub(crate) fn record(kind: &str, values: &[&str]) -> DnsRecord {
    serde_json::from_value(json!({
        "metadata": { "namespace": "shoot--dev--first", "name": "external" },
        "spec": {
            "type": "local", "secretRef": {}, "name": "API.first.dev.shoots.local.kubeception.internal.",
            "recordType": kind, "values": values, "ttl": 60,
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn dns_records_conform() {
    let cloud = MemoryCloud::ready();
    let look = || {
        let inner = cloud.0.lock();
        let found = inner.records.get("api.first.dev.shoots.local.kubeception.internal:A");
        std::future::ready(found.map(|record| record.values.clone()).unwrap_or_default())
    };
    let actuator = DnsRecordActuator::new(cloud.clone());
    let (wished, changed) = (record("A", &["172.30.2.1"]), record("A", &["172.30.2.2", "172.30.2.3"]));
    conformance::dns_record(&actuator, &wished, &changed, None, look)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refusal_of_the_cloud_has_the_code_that_users_know() {
    let cloud = MemoryCloud::ready();
    let actuator = DnsRecordActuator::new(cloud.clone());
    for (code, expected) in [
        (ErrorCode::Unauthorized, "ERR_INFRA_UNAUTHENTICATED"),
        (ErrorCode::Invalid, "ERR_CONFIGURATION_PROBLEM"),
        (ErrorCode::Exhausted, "ERR_INFRA_RESOURCES_DEPLETED"),
    ] {
        cloud.refuse(Some(code));
        let object = record("A", &["172.30.2.1"]);
        let mut status = object.status.clone();
        let request = Request {
            object: &object,
            status: &mut status,
            cluster: None,
            secret: None,
        };
        let error = actuator.reconcile(request).await.unwrap_err();
        assert_eq!(serde_json::to_value(error.codes()).unwrap(), json!([expected]));
        assert!(
            error.to_string().starts_with("failed to write the record api.first"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_record_of_an_unknown_type_is_refused_and_can_be_deleted() {
    let actuator = DnsRecordActuator::new(MemoryCloud::ready());
    let object = record("MX", &["mail"]);
    let mut status = object.status.clone();
    let request = Request {
        object: &object,
        status: &mut status,
        cluster: None,
        secret: None,
    };
    let error = actuator.reconcile(request).await.unwrap_err();
    assert_eq!(error.to_string(), r#"DNS records of type "MX" are not supported"#);
    let request = Request {
        object: &object,
        status: &mut status,
        cluster: None,
        secret: None,
    };
    actuator.delete(request).await.unwrap();
}

const SERVICE: &str = "/api/v1/namespaces/garden/services/gateway";
const NAME: &str = "seed-0d6a4c1e5a0b4b5e9a55";

struct World {
    cluster: FakeCluster,
    cloud: MemoryCloud,
    reconciler: Reconciler,
}

fn world() -> World {
    let (cluster, cloud) = (FakeCluster::new(), MemoryCloud::ready());
    cluster.insert(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "namespace": "garden", "name": "gateway", "uid": "0d6a4c1e-5a0b-4b5e-9a55-0123456789ab" },
        "spec": { "type": "LoadBalancer", "ports": [{ "port": 443, "nodePort": 30443 }] },
    }));
    let node: Node = serde_json::from_value(json!({
        "metadata": { "name": "seed" }, "status": { "addresses": [{ "type": "InternalIP", "address": "10.1.0.10" }] },
    }))
    .unwrap();
    let mut writer = Writer::default();
    let nodes = writer.as_reader();
    writer.apply_watcher_event(&Event::Apply(node));
    let reconciler = Reconciler {
        client: cluster.client(),
        cloud: Arc::new(cloud.clone()),
        nodes,
        cluster: "seed".to_owned(),
        network: "seed".to_owned(),
    };
    World {
        cluster,
        cloud,
        reconciler,
    }
}

impl World {
    fn service(&self) -> Service {
        self.cluster.get_as(SERVICE).unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut service = self.cluster.get(SERVICE).unwrap();
        change(&mut service);
        self.cluster.insert(&service);
    }

    fn ingress(&self) -> Value {
        self.cluster.get(SERVICE).unwrap()["status"]["loadBalancer"]["ingress"].clone()
    }
}

#[tokio::test]
async fn a_service_gets_an_address_of_the_cloud() {
    let world = world();
    world.reconciler.reconcile(&world.service()).await.unwrap();
    assert_eq!(world.ingress(), json!([{ "ip": "172.30.2.1", "ipMode": "VIP" }]));
    assert_eq!(world.service().metadata.finalizers.as_deref().unwrap(), [FINALIZER]);
    let balancer = world.cloud.0.lock().balancers[NAME].clone();
    assert_eq!(balancer.backends, [Ipv4Addr::new(10, 1, 0, 10)]);
    assert_eq!((balancer.ports[0].port, balancer.ports[0].backend_port), (443, 30443));
    let writes = world.cluster.writes().len();
    world.reconciler.reconcile(&world.service()).await.unwrap();
    assert_eq!(world.cluster.writes().len(), writes, "nothing to write the second time");
}

#[tokio::test]
async fn a_deleted_service_keeps_its_finalizer_until_the_cloud_has_nothing_of_it() {
    let world = world();
    world.reconciler.reconcile(&world.service()).await.unwrap();
    let api: kube::Api<Service> = kube::Api::namespaced(world.cluster.client(), "garden");
    api.delete("gateway", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    world.cloud.refuse(Some(ErrorCode::Internal));
    let error = world.reconciler.reconcile(&world.service()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(world.cluster.get(SERVICE).is_some());
    world.cloud.refuse(None);
    world.reconciler.reconcile(&world.service()).await.unwrap();
    assert!(world.cloud.0.lock().balancers.is_empty());
    assert_eq!(world.cluster.get(SERVICE), None);
}

#[tokio::test]
async fn a_service_that_changes_its_type_gives_the_address_back() {
    let world = world();
    world.reconciler.reconcile(&world.service()).await.unwrap();
    world.change(|service| service["spec"]["type"] = json!("ClusterIP"));
    world.reconciler.reconcile(&world.service()).await.unwrap();
    assert!(world.cloud.0.lock().balancers.is_empty());
    assert_eq!(world.ingress(), Value::Null);
    assert_eq!(world.service().metadata.finalizers, None);
}

#[tokio::test]
async fn the_finalizer_is_there_before_the_load_balancer() {
    let world = world();
    world.cluster.fail(&Method::PATCH, SERVICE, 500, 1);
    world.reconciler.reconcile(&world.service()).await.unwrap_err();
    assert_eq!(world.cloud.0.lock().puts, 0);
}

#[tokio::test]
async fn an_address_is_told_only_when_the_load_balancer_works() {
    let world = world();
    world.cloud.0.lock().phase = Phase::Pending;
    let error = world.reconciler.reconcile(&world.service()).await.unwrap_err();
    assert!(error.to_string().contains("is not ready: Pending"), "{error}");
    assert_eq!(world.ingress(), Value::Null);
}

#[tokio::test]
async fn what_the_cloud_cannot_do_waits_for_a_change() {
    let world = world();
    world.change(|service| service["spec"]["ports"][0]["protocol"] = json!("SCTP"));
    let error = world.reconciler.reconcile(&world.service()).await.unwrap_err();
    assert_eq!(error.retry(), Retry::OnChange);
    assert!(world.cluster.writes().is_empty());
}

#[tokio::test]
async fn other_services_are_left_alone() {
    let world = world();
    world.change(|service| service["spec"]["type"] = json!("NodePort"));
    world.reconciler.reconcile(&world.service()).await.unwrap();
    assert!(world.cluster.writes().is_empty());
    assert_eq!(world.cloud.0.lock().puts, 0);
}
