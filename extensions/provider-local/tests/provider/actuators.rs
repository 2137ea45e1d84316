//! Actuators of shoots' objects, and the cloud controllers of shoots, against a cloud in memory and API servers in memory.

use std::sync::Arc;

use api::{
    core::v1beta1::ErrorCode as KnownCause,
    extensions::v1alpha1::{Cluster, ControlPlane, Infrastructure, Network, OperatingSystemConfig},
};
use cloud_client::{ErrorCode, LoadBalancerSpec, MachineSpec, NetworkRoute, RouteSpec};
use controller::fake::FakeCluster;
use extensions_provider_local::{
    ControlPlaneActuator, InfrastructureActuator, NetworkActuator, OperatingSystemConfigActuator,
    cloud_controller::{NodeReconciler, ShootControllers},
};
use extensions_sdk::{Actuator, ActuatorError, ExtensionKind, Request, machine::cluster_tags};
use http::Method;
use k8s_openapi::api::core::v1::Node;
use lib_clock::ManualClock;
use lib_error_chain::ErrorChain;
use serde_json::{Value, json};

use crate::support::MemoryCloud;

const NAMESPACE: &str = "shoot--dev--first";

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()))
}

pub(crate) fn cluster() -> Cluster {
    serde_json::from_value(json!({
        "metadata": { "name": NAMESPACE },
        "spec": { "cloudProfile": {}, "seed": {}, "shoot": { "spec": {
            "networking": { "type": "bridge", "nodes": "10.10.0.0/16", "pods": "10.20.0.0/16", "services": "10.30.0.0/16" },
            "provider": { "type": "local", "workers": [{ "name": "worker", "zones": ["0"] }] },
        } } },
    }))
    .unwrap()
}

enum Step {
    Reconcile,
    Delete,
}

/// Does it and returns the status.
async fn act<K: ExtensionKind, A: Actuator<K>>(
    actuator: &A,
    object: &K,
    step: Step,
) -> Result<K::Status, ActuatorError> {
    let (mut status, cluster) = (object.status().clone(), cluster());
    let request = Request {
        object,
        status: &mut status,
        cluster: Some(&cluster),
        secret: None,
    };
    match step {
        Step::Reconcile => actuator.reconcile(request).await?,
        Step::Delete => actuator.delete(request).await?,
    }
    Ok(status)
}

pub(crate) fn infrastructure() -> Infrastructure {
    serde_json::from_value(json!({
        "metadata": { "namespace": NAMESPACE, "name": "first" },
        "spec": { "type": "local", "region": "local", "secretRef": { "name": "cloudprovider", "namespace": NAMESPACE } },
    }))
    .unwrap()
}

#[tokio::test]
async fn an_infrastructure_is_made_again_and_again_and_leaves_nothing() {
    let cloud = MemoryCloud::ready();
    let actuator = InfrastructureActuator::new(cloud.clone());
    let made = ["networks/shoot--dev--first", "groups/shoot--dev--first"];
    let mut before = None;
    for _ in 0..2 {
        let status = act(&actuator, &infrastructure(), Step::Reconcile).await.unwrap();
        assert_eq!(cloud.everything(), made);
        let status = serde_json::to_value(status).unwrap();
        let provider = json!({
            "apiVersion": "local.provider.extensions.gardener.cloud/v1alpha1", "kind": "InfrastructureStatus",
            "network": NAMESPACE, "securityGroup": NAMESPACE, "zones": ["0"],
        });
        assert_eq!(status["providerStatus"], provider);
        assert_eq!(status["nodesCIDR"], "10.10.0.0/16");
        assert_eq!(status["egressCIDRs"], json!(["172.30.1.7/32"]));
        let networking = json!({ "pods": ["10.20.0.0/16"], "nodes": ["10.10.0.0/16"], "services": ["10.30.0.0/16"] });
        assert_eq!(status["networking"], networking);
        assert_eq!(*before.get_or_insert_with(|| status.clone()), status);
    }
    // What the cloud controller should have removed goes with it.
    cloud
        .0
        .lock()
        .routes
        .insert("a".to_owned(), route("10.20.0.0/24", "10.10.0.2"));
    cloud.0.lock().balancers.insert("b".to_owned(), balancer(NAMESPACE));
    for _ in 0..2 {
        act(&actuator, &infrastructure(), Step::Delete).await.unwrap();
        assert!(cloud.everything().is_empty(), "{:?}", cloud.everything());
    }
}

#[tokio::test]
async fn lines_that_others_wrote_into_the_route_table_stay() {
    let cloud = MemoryCloud::ready();
    let actuator = InfrastructureActuator::new(cloud.clone());
    act(&actuator, &infrastructure(), Step::Reconcile).await.unwrap();
    let line = NetworkRoute {
        destination: "10.99.0.0/16".parse().unwrap(),
        via: "10.10.0.9".parse().unwrap(),
    };
    cloud.0.lock().networks.get_mut(NAMESPACE).unwrap().routes = vec![line.clone()];
    act(&actuator, &infrastructure(), Step::Reconcile).await.unwrap();
    assert_eq!(cloud.0.lock().networks[NAMESPACE].routes, [line]);
}

#[tokio::test]
async fn machines_keep_the_network_and_the_user_is_told() {
    let cloud = MemoryCloud::ready();
    let actuator = InfrastructureActuator::new(cloud.clone());
    act(&actuator, &infrastructure(), Step::Reconcile).await.unwrap();
    cloud
        .0
        .lock()
        .machines
        .insert("m".to_owned(), MachineSpec::new(NAMESPACE));
    let error = act(&actuator, &infrastructure(), Step::Delete).await.unwrap_err();
    // They may be on their way out: it is tried again.
    assert_eq!(error.codes(), [KnownCause::RetryableInfraDependencies]);
    assert!(
        ErrorChain(&error)
            .to_string()
            .starts_with("failed to remove the network shoot--dev--first: ")
    );
}

#[tokio::test]
async fn a_used_up_quota_has_its_code() {
    let cloud = MemoryCloud::ready();
    cloud.refuse(Some(ErrorCode::QuotaExceeded));
    let error = act(&InfrastructureActuator::new(cloud), &infrastructure(), Step::Reconcile).await;
    assert_eq!(error.unwrap_err().codes(), [KnownCause::InfraQuotaExceeded]);
}

pub(crate) fn route(destination: &str, via: &str) -> RouteSpec {
    RouteSpec {
        network: NAMESPACE.to_owned(),
        destination: destination.parse().unwrap(),
        via: via.parse().unwrap(),
    }
}

pub(crate) fn balancer(network: &str) -> LoadBalancerSpec {
    LoadBalancerSpec {
        network: network.to_owned(),
        ports: Vec::new(),
        backends: Vec::new(),
    }
}

pub(crate) fn network() -> Network {
    serde_json::from_value(json!({
        "metadata": { "namespace": NAMESPACE, "name": "first" },
        "spec": { "type": "bridge", "podCIDR": "10.20.0.0/16", "serviceCIDR": "10.30.0.0/16" },
    }))
    .unwrap()
}

#[tokio::test]
async fn the_pod_network_is_a_managed_resource() {
    let seed = FakeCluster::new();
    let actuator = NetworkActuator::new(seed.client(), "registry/kubeception:1");
    let network = network();
    let status = act(&actuator, &network, Step::Reconcile).await.unwrap();
    assert_eq!(serde_json::to_value(status.ip_families).unwrap(), json!(["IPv4"]));
    let resource = "/apis/resources.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/managedresources/extension-networking-bridge";
    let secret = "/api/v1/namespaces/shoot--dev--first/secrets/managedresource-extension-networking-bridge";
    let references = seed.get(resource).unwrap()["spec"]["secretRefs"].clone();
    assert_eq!(
        references,
        json!([{ "name": "managedresource-extension-networking-bridge" }])
    );
    assert!(seed.get(secret).is_some());
    act(&actuator, &network, Step::Delete).await.unwrap();
    assert_eq!((seed.get(resource), seed.get(secret)), (None, None));
}

pub(crate) fn config(purpose: &str) -> OperatingSystemConfig {
    serde_json::from_value(json!({
        "metadata": { "namespace": NAMESPACE, "name": "gardener-node-agent-worker-0123abcd-init", "uid": "7" },
        "spec": {
            "type": "local", "purpose": purpose,
            "files": [
                { "path": "/a", "permissions": 384, "content": { "inline": { "encoding": "b64", "data": "Zmlyc3QK" } } },
                { "path": "/b", "content": { "secretRef": { "name": "ca", "dataKey": "bundle.crt" } } },
            ],
            "units": [{ "name": "gardener-node-agent.service", "content": "[Service]\n" }],
        },
    }))
    .unwrap()
}

#[tokio::test]
async fn user_data_lies_in_a_secret_that_the_status_names() {
    let seed = FakeCluster::new();
    seed.insert(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": NAMESPACE, "name": "ca" },
        "data": { "bundle.crt": "c2Vjb25kCg==" },
    }));
    let actuator = OperatingSystemConfigActuator::new(seed.client());
    let status = act(&actuator, &config("provision"), Step::Reconcile).await.unwrap();
    let reference = status.cloud_config.unwrap().secret_ref;
    assert_eq!(
        (reference.name.as_deref(), reference.namespace.as_deref()),
        (
            Some("osc-result-gardener-node-agent-worker-0123abcd-init"),
            Some(NAMESPACE)
        )
    );
    let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/{}", reference.name.unwrap());
    let secret: k8s_openapi::api::core::v1::Secret = seed.get_as(&path).unwrap();
    let script = String::from_utf8(secret.data.unwrap()["cloud_config"].0.clone()).unwrap();
    assert!(script.starts_with("#!/bin/sh\n"), "{script}");
    assert!(
        script.contains("\nfirst\n") && script.contains("put 0600 /a <<"),
        "{script}"
    );
    assert!(script.contains("\nsecond\n"), "{script}");
    assert!(
        script.contains("systemctl start --no-block gardener-node-agent.service"),
        "{script}"
    );
    assert_eq!(
        secret.metadata.owner_references.unwrap()[0].kind,
        "OperatingSystemConfig"
    );
    for _ in 0..2 {
        act(&actuator, &config("provision"), Step::Delete).await.unwrap();
        assert_eq!(seed.get(&path), None);
    }
}

#[tokio::test]
async fn a_running_node_needs_nothing_more() {
    let seed = FakeCluster::new();
    let actuator = OperatingSystemConfigActuator::new(seed.client());
    let status = act(&actuator, &config("reconcile"), Step::Reconcile).await.unwrap();
    assert_eq!(status, config("reconcile").status);
    assert!(seed.writes().is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_named() {
    let seed = FakeCluster::new();
    let actuator = OperatingSystemConfigActuator::new(seed.client());
    for (content, expected) in [
        (
            json!({ "imageRef": { "image": "x", "filePathInImage": "/y" } }),
            "file /a: a first boot can only write inline content and content of Secrets",
        ),
        (
            json!({ "inline": { "encoding": "gzip", "data": "" } }),
            "file /a: encoding \"gzip\" is not known",
        ),
    ] {
        let mut config = config("provision");
        config.spec.files[0].content = serde_json::from_value(content).unwrap();
        let error = act(&actuator, &config, Step::Reconcile).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.codes(), [KnownCause::ConfigurationProblem]);
    }
}

pub(crate) fn control_plane() -> ControlPlane {
    serde_json::from_value(json!({
        "metadata": { "namespace": NAMESPACE, "name": "first", "uid": "u" },
        "spec": { "type": "local", "region": "local", "secretRef": { "name": "cloudprovider", "namespace": NAMESPACE } },
    }))
    .unwrap()
}

#[tokio::test]
async fn cloud_controllers_get_access_and_leave_nothing_behind() {
    let (seed, cloud) = (FakeCluster::new(), MemoryCloud::ready());
    let controllers = ShootControllers::new(seed.client(), Arc::new(cloud.clone()), clock());
    let actuator = ControlPlaneActuator::new(seed.client(), cloud.clone(), Arc::new(controllers));
    act(&actuator, &control_plane(), Step::Reconcile).await.unwrap();
    let access = "/api/v1/namespaces/shoot--dev--first/secrets/shoot-access-cloud-controller-manager";
    let labels = seed.get(access).unwrap()["metadata"]["labels"].clone();
    assert_eq!(labels["resources.gardener.cloud/purpose"], "token-requestor");
    let resource = "/apis/resources.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/managedresources/extension-controlplane-shoot";
    assert!(seed.get(resource).is_some());

    cloud
        .0
        .lock()
        .routes
        .insert("a".to_owned(), route("10.20.0.0/24", "10.10.0.2"));
    cloud.0.lock().balancers.insert("b".to_owned(), balancer(NAMESPACE));
    cloud
        .0
        .lock()
        .balancers
        .insert("another".to_owned(), balancer("another"));
    for _ in 0..2 {
        act(&actuator, &control_plane(), Step::Delete).await.unwrap();
        assert_eq!(cloud.everything(), ["balancers/another"]);
        assert_eq!((seed.get(access), seed.get(resource)), (None, None));
    }
}

/// A shoot with the nodes `a` (new) and `b` (whose machine is gone), and a machine `a`.
struct Shoot {
    cluster: FakeCluster,
    cloud: MemoryCloud,
    reconciler: NodeReconciler,
}

const NODE: &str = "/api/v1/nodes/a";

fn shoot() -> Shoot {
    let (cluster, cloud) = (FakeCluster::new(), MemoryCloud::ready());
    let node = |name: &str, range: &str, ready: &str| {
        json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "uid": name },
            "spec": { "podCIDR": range, "podCIDRs": [range], "taints": [
                { "key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule", "value": "true" },
                { "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" },
            ] },
            "status": { "conditions": [{ "type": "Ready", "status": ready }] },
        })
    };
    cluster.insert(&node("a", "10.20.0.0/24", "False"));
    cluster.insert(&node("b", "10.20.1.0/24", "Unknown"));
    let mut machine = MachineSpec::new(NAMESPACE).zone("1");
    machine.tags = cluster_tags(NAMESPACE);
    cloud.0.lock().machines.insert("a".to_owned(), machine);
    let reconciler = NodeReconciler {
        client: cluster.client(),
        cloud: Arc::new(cloud.clone()),
        clock: clock(),
        namespace: NAMESPACE.to_owned(),
        network: NAMESPACE.to_owned(),
        region: "local".to_owned(),
    };
    Shoot {
        cluster,
        cloud,
        reconciler,
    }
}

impl Shoot {
    async fn pass(&self) -> Result<(), extensions_provider_local::cloud_controller::NodesError> {
        let nodes = ["a", "b"].map(|name| self.cluster.get_as::<Node>(&format!("/api/v1/nodes/{name}")));
        self.reconciler
            .pass(&nodes.into_iter().flatten().collect::<Vec<_>>())
            .await
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut node = self.cluster.get(NODE).unwrap();
        change(&mut node);
        self.cluster.insert(&node);
    }
}

#[tokio::test]
async fn a_node_is_told_of_its_machine_and_its_pods_are_reached() {
    let shoot = shoot();
    shoot.pass().await.unwrap();
    let node = shoot.cluster.get(NODE).unwrap();
    assert_eq!(node["spec"]["providerID"], "local:///test/a");
    assert_eq!(
        node["spec"]["taints"],
        json!([{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }])
    );
    assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/zone"], "1");
    assert_eq!(node["metadata"]["labels"]["topology.kubernetes.io/region"], "local");
    assert_eq!(
        node["status"]["addresses"][0],
        json!({ "type": "InternalIP", "address": "10.10.0.2" })
    );
    let conditions = node["status"]["conditions"].as_array().unwrap();
    let network = conditions
        .iter()
        .find(|condition| condition["type"] == "NetworkUnavailable")
        .unwrap();
    assert_eq!(
        (&network["status"], &network["reason"]),
        (&json!("False"), &json!("RouteCreated"))
    );
    assert_eq!(shoot.cloud.0.lock().routes["a"], route("10.20.0.0/24", "10.10.0.2"));
    // The node without a machine is gone, and a second pass has nothing to write.
    assert_eq!(shoot.cluster.get("/api/v1/nodes/b"), None);
    let writes = shoot.cluster.writes().len();
    shoot.pass().await.unwrap();
    assert_eq!(shoot.cluster.writes().len(), writes, "{:?}", shoot.cluster.writes());
}

#[tokio::test]
async fn a_node_whose_pods_cannot_be_reached_says_so_and_why() {
    let shoot = shoot();
    let network = |shoot: &Shoot| {
        let node = shoot.cluster.get(NODE).unwrap();
        let conditions = node["status"]["conditions"].as_array().unwrap().clone();
        conditions
            .into_iter()
            .find(|condition| condition["type"] == "NetworkUnavailable")
            .unwrap()
    };
    shoot.cloud.0.lock().refuse_extras = Some(ErrorCode::QuotaExceeded);
    let error = shoot.pass().await.unwrap_err();
    assert_eq!(error.to_string(), "failed to make the route a");
    let condition = network(&shoot);
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&json!("True"), &json!("NoRouteCreated"))
    );
    let message = condition["message"].as_str().unwrap();
    assert!(message.starts_with("failed to make the route a: "), "{message}");
    let writes = shoot.cluster.writes().len();
    shoot.pass().await.unwrap_err();
    assert_eq!(shoot.cluster.writes().len(), writes, "said once");
    shoot.cloud.0.lock().refuse_extras = None;
    shoot.pass().await.unwrap();
    assert_eq!(network(&shoot)["status"], "False");
}

#[tokio::test]
async fn a_node_that_claims_anothers_address_is_corrected() {
    let shoot = shoot();
    shoot.pass().await.unwrap();
    shoot.change(|node| node["status"]["addresses"][0]["address"] = json!("10.10.0.77"));
    shoot.pass().await.unwrap();
    assert_eq!(
        shoot.cluster.get(NODE).unwrap()["status"]["addresses"][0]["address"],
        "10.10.0.2"
    );
    assert_eq!(shoot.cloud.0.lock().routes["a"].via.to_string(), "10.10.0.2");
}

#[tokio::test]
async fn a_machine_of_another_network_is_no_nodes_machine() {
    let shoot = shoot();
    shoot.cloud.0.lock().machines.get_mut("a").unwrap().network = "another".to_owned();
    shoot.change(|node| node["status"]["conditions"][0]["status"] = json!("True"));
    shoot.pass().await.unwrap();
    let node = shoot.cluster.get(NODE).unwrap();
    assert_eq!(node["spec"]["providerID"], Value::Null);
    assert_eq!(node["spec"]["taints"].as_array().unwrap().len(), 2);
    assert!(shoot.cloud.0.lock().routes.is_empty());
}

#[tokio::test]
async fn routes_go_with_their_nodes() {
    let shoot = shoot();
    shoot.pass().await.unwrap();
    shoot.reconciler.pass(&[]).await.unwrap();
    assert!(shoot.cloud.0.lock().routes.is_empty());
}

#[tokio::test]
async fn an_absent_cloud_removes_no_nodes() {
    let shoot = shoot();
    shoot.cloud.refuse(Some(ErrorCode::Internal));
    shoot.pass().await.unwrap_err();
    assert!(shoot.cluster.get("/api/v1/nodes/b").is_some());
    assert!(shoot.cluster.writes().is_empty());
}

#[tokio::test]
async fn what_fails_for_one_node_does_not_keep_the_others_waiting() {
    let shoot = shoot();
    shoot.cluster.fail(&Method::DELETE, "/api/v1/nodes/b", 500, 1);
    let error = shoot.pass().await.unwrap_err();
    assert_eq!(error.to_string(), "failed to remove a node whose machine is gone");
    assert_eq!(
        shoot.cluster.get(NODE).unwrap()["spec"]["providerID"],
        "local:///test/a"
    );
    assert!(shoot.cloud.0.lock().routes.contains_key("a"));
}
