//! Routes and status from objects in an API server in memory, as they come, change and go.

use controller::fake::FakeCluster;
use http::Method;
use lib_clock::ManualClock;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use super::*;
use crate::{objects::Key, routes::Routes};

const ROUTE: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/shoot--dev--first/tlsroutes/kube-apiserver";
const GATEWAY: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/garden/gateways/gateway";
const CLASS: &str = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/kubeception";
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    cluster: FakeCluster,
    routes: Routes,
    readiness: Readiness,
    task: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn insert_all(cluster: &FakeCluster) {
    let api_version = "gateway.networking.k8s.io/v1";
    cluster.insert(&json!({
        "apiVersion": api_version, "kind": "GatewayClass", "metadata": { "name": "kubeception" },
        "spec": { "controllerName": "kubeception.dev/gateway" },
    }));
    cluster.insert(&json!({
        "apiVersion": api_version, "kind": "Gateway", "metadata": { "namespace": "garden", "name": "gateway" },
        "spec": { "gatewayClassName": "kubeception", "listeners": [{
            "name": "tls", "port": 443, "protocol": "TLS", "tls": { "mode": "Passthrough" },
            "allowedRoutes": { "namespaces": { "from": "All" } },
        }] },
    }));
    cluster.insert(&json!({
        "apiVersion": api_version, "kind": "TLSRoute",
        "metadata": { "namespace": "shoot--dev--first", "name": "kube-apiserver" },
        "spec": {
            "parentRefs": [{ "namespace": "garden", "name": "gateway" }], "hostnames": ["api.first.example"],
            "rules": [{ "backendRefs": [{ "name": "kube-apiserver", "port": 443 }] }],
        },
    }));
    cluster.insert(&service("10.3.0.7"));
}

fn service(address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "shoot--dev--first", "name": "kube-apiserver" },
        "spec": { "clusterIP": address, "ports": [{ "port": 443 }] },
    })
}

fn start(cluster: FakeCluster) -> World {
    let options = WatchOptions {
        class: "kubeception".to_owned(),
        tls_route_version: "v1".to_owned(),
        plan: PlanOptions {
            own_service: Key::new("garden", "gateway"),
        },
    };
    let (sender, routes) = watch::channel(Arc::new(RouteTable::default()));
    let readiness = Readiness::new();
    readiness.set(READY_PART, false);
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let task = tokio::spawn(run(cluster.client(), options, clock, sender, readiness.clone()));
    World {
        cluster,
        routes,
        readiness,
        task,
    }
}

impl World {
    /// Waits until the name leads to the address, or to none.
    async fn leads(&mut self, name: &str, address: Option<&str>) {
        let wished = |table: &Arc<RouteTable>| {
            let backend = table.find(name);
            backend
                .and_then(|backend| backend.next().first().map(ToString::to_string))
                .as_deref()
                == address
        };
        timeout(PATIENCE, self.routes.wait_for(wished)).await.unwrap().unwrap();
    }
}

/// Status of a condition at the pointer of a list of conditions.
fn condition(object: Option<&Value>, pointer: &str, type_: &str) -> Option<String> {
    let conditions = object?.pointer(pointer)?.as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == type_)?;
    Some(found["status"].as_str()?.to_owned())
}

#[tokio::test]
async fn routes_and_status_follow_the_objects() {
    let cluster = FakeCluster::new();
    insert_all(&cluster);
    let mut world = start(cluster);
    world.leads("api.first.example", Some("10.3.0.7:443")).await;
    let accepted = |pointer: &'static str| {
        move |object: Option<&Value>| condition(object, pointer, "Accepted").as_deref() == Some("True")
    };
    world
        .cluster
        .eventually(ROUTE, accepted("/status/parents/0/conditions"))
        .await
        .unwrap();
    world
        .cluster
        .eventually(GATEWAY, accepted("/status/conditions"))
        .await
        .unwrap();
    world
        .cluster
        .eventually(CLASS, accepted("/status/conditions"))
        .await
        .unwrap();
    assert!(world.readiness.is_ready());

    world.cluster.insert(&service("10.3.0.8"));
    world.leads("api.first.example", Some("10.3.0.8:443")).await;
    let api = Api::<Service>::namespaced(world.cluster.client(), "shoot--dev--first");
    api.delete("kube-apiserver", &Default::default()).await.unwrap();
    let unresolved = |object: Option<&Value>| {
        condition(object, "/status/parents/0/conditions", "ResolvedRefs").as_deref() == Some("False")
    };
    world.cluster.eventually(ROUTE, unresolved).await.unwrap();
    let resource = tls_route_resource("v1");
    let api = Api::<DynamicObject>::namespaced_with(world.cluster.client(), "shoot--dev--first", &resource);
    api.delete("kube-apiserver", &Default::default()).await.unwrap();
    timeout(PATIENCE, world.routes.wait_for(|table| table.is_empty()))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn status_that_is_as_it_shall_be_is_not_written() {
    let cluster = FakeCluster::new();
    insert_all(&cluster);
    let mut world = start(cluster);
    let attached = |object: Option<&Value>| {
        object.and_then(|object| object.pointer("/status/listeners/0/attachedRoutes")) == Some(&json!(1))
    };
    world.cluster.eventually(GATEWAY, attached).await.unwrap();
    world
        .cluster
        .eventually(ROUTE, |object| {
            condition(object, "/status/parents/0/conditions", "Accepted").is_some()
        })
        .await
        .unwrap();
    let writes = world.cluster.writes().len();
    // An unrelated Service wakes the planner; the new address of ours comes after it and shows that it was planned.
    let mut other = service("10.3.0.9");
    other["metadata"]["name"] = json!("other");
    world.cluster.insert(&other);
    world.cluster.insert(&service("10.3.0.8"));
    world.leads("api.first.example", Some("10.3.0.8:443")).await;
    assert_eq!(world.cluster.writes().len(), writes);
}

#[tokio::test]
async fn a_gateway_that_starts_before_its_cluster_is_not_ready_and_catches_up() {
    let cluster = FakeCluster::new();
    cluster.fail(&Method::GET, "/tlsroutes", 404, 2);
    insert_all(&cluster);
    let mut world = start(cluster);
    assert!(!world.readiness.is_ready());
    world.leads("api.first.example", Some("10.3.0.7:443")).await;
}

#[tokio::test]
async fn a_status_that_was_refused_is_written_later() {
    let cluster = FakeCluster::new();
    insert_all(&cluster);
    cluster.fail(&Method::PATCH, ROUTE, 409, 1);
    let world = start(cluster);
    // Another change of the route brings it again, as after any conflict.
    let mut route = world.cluster.get(ROUTE).unwrap();
    route["metadata"]["labels"] = json!({ "a": "b" });
    world.cluster.insert(&route);
    world
        .cluster
        .eventually(ROUTE, |object| {
            condition(object, "/status/parents/0/conditions", "Accepted").is_some()
        })
        .await
        .unwrap();
}
