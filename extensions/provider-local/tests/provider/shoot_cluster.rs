//! The cloud controllers of a shoot, and the pod network of a node, against a real kube-apiserver. The seed and the cloud are in memory.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use api::extensions::v1alpha1::ControlPlane;
use cloud_client::{ErrorCode, MachineSpec};
use controller::fake::FakeCluster;
use extensions_provider_local::{
    ControlPlaneActuator, bridge_network,
    cloud_controller::{SERVICE_ACCOUNT, ShootControllers},
};
use extensions_sdk::{Actuator as _, Request, machine::cluster_tags};
use k8s_openapi::{
    ByteString,
    api::core::v1::{Event, Node, Secret, Service},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use lib_clock::SystemClock;
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};
use tokio_util::sync::CancellationToken;

use crate::support::MemoryCloud;

const NAMESPACE: &str = "shoot--dev--first";
const DEADLINE: Duration = Duration::from_secs(60);
const TOKEN: &str = "token-of-the-cloud-controllers";

/// A shoot whose API server knows one token: that of the cloud controllers, who may do what their ManagedResource says.
struct Shoot {
    _etcd: Etcd,
    server: KubeApiServer,
    client: Client,
}

impl Shoot {
    async fn start(folder: &Path) -> Self {
        let tokens = folder.join("tokens.csv");
        let user = format!("{TOKEN},system:serviceaccount:kube-system:{SERVICE_ACCOUNT},1\n");
        std::fs::write(&tokens, user).unwrap();
        let etcd = Etcd::start().await;
        let flag = format!("--token-auth-file={}", tokens.display());
        let server = KubeApiServer::start(&etcd, &[&flag]).await;
        let client = controller::connect::from_kubeconfig_str(&server.kubeconfig)
            .await
            .unwrap();
        Self {
            _etcd: etcd,
            server,
            client,
        }
    }

    async fn node(&self, name: &str, range: &str) {
        let node = json!({
            "metadata": { "name": name },
            "spec": { "podCIDR": range, "podCIDRs": [range], "taints": [
                { "key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule", "value": "true" },
                { "key": "example.org/kept", "effect": "NoExecute" },
            ] },
        });
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = serde_json::from_value(node).unwrap();
        nodes.create(&PostParams::default(), &node).await.unwrap();
    }
}

fn text_secret(name: &str, key: &str, value: &str) -> Value {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.namespace = Some(NAMESPACE.to_owned());
    secret.data = Some([(key.to_owned(), ByteString(value.as_bytes().to_vec()))].into());
    serde_json::to_value(secret).unwrap()
}

/// The seed with what gardenlet and resource-manager would have put there.
fn seed(server: &KubeApiServer) -> FakeCluster {
    let authority = std::fs::read_to_string(server.directory.join("ca.crt")).unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{ "name": "x", "cluster": {
            "server": server.url, "certificate-authority": server.directory.join("ca.crt"),
        } }],
        "contexts": [{ "name": "x", "context": { "cluster": "x", "user": "x" } }],
        "users": [{ "name": "x", "user": { "tokenFile": "/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig/token" } }],
    });
    assert!(authority.contains("BEGIN CERTIFICATE"));
    let seed = FakeCluster::new();
    seed.insert(&text_secret(
        "generic-token-kubeconfig",
        "kubeconfig",
        &kubeconfig.to_string(),
    ));
    seed.insert(&text_secret("shoot-access-cloud-controller-manager", "token", TOKEN));
    seed.insert(&text_secret("cloudprovider", "token", "cloud"));
    seed.insert(&control_plane());
    seed
}

fn control_plane() -> ControlPlane {
    serde_json::from_value(json!({
        "metadata": {
            "namespace": NAMESPACE, "name": "first", "uid": "u", "finalizers": ["extensions.gardener.cloud/controlplane"],
        },
        "spec": { "type": "local", "region": "local", "secretRef": { "name": "cloudprovider", "namespace": NAMESPACE } },
    }))
    .unwrap()
}

/// Gives the controllers the rights that the ManagedResource says, as resource-manager would.
async fn give_rights(seed: &FakeCluster, server: &KubeApiServer) {
    let path = "/api/v1/namespaces/shoot--dev--first/secrets/managedresource-extension-controlplane-shoot";
    let secret: Secret = seed.get_as(path).unwrap();
    let file = server.directory.join("rights.yaml");
    std::fs::write(&file, &secret.data.unwrap()["objects.yaml"].0).unwrap();
    server.kubectl(&["apply", "-f", file.to_str().unwrap()]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shoots_nodes_and_services_are_served_until_its_control_plane_goes() {
    let folder = tempfile::tempdir().unwrap();
    let shoot = Shoot::start(folder.path()).await;
    let (seed, cloud) = (seed(&shoot.server), MemoryCloud::ready());
    let mut machine = MachineSpec::new(NAMESPACE);
    machine.tags = cluster_tags(NAMESPACE);
    cloud.0.lock().machines.insert("a".to_owned(), machine);

    let controllers = ShootControllers::new(seed.client(), Arc::new(cloud.clone()), Arc::new(SystemClock));
    let controllers = Arc::new(controllers);
    let actuator = ControlPlaneActuator::new(seed.client(), cloud.clone(), Arc::clone(&controllers));
    act(&control_plane(), async |request| actuator.reconcile(request).await).await;
    give_rights(&seed, &shoot.server).await;
    let shutdown = CancellationToken::new();
    let supervising = tokio::spawn({
        let (controllers, shutdown) = (Arc::clone(&controllers), shutdown.clone());
        async move { controllers.supervise(shutdown).await }
    });

    nodes_are_told_of_their_machines(&shoot, &cloud).await;
    a_service_is_served(&shoot, &cloud).await;

    act(&control_plane(), async |request| actuator.delete(request).await).await;
    assert_eq!(cloud.everything(), ["machines/a"]);
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, supervising).await.unwrap().unwrap();
}

async fn act(
    object: &ControlPlane,
    act: impl AsyncFnOnce(Request<'_, ControlPlane>) -> Result<(), extensions_sdk::ActuatorError>,
) {
    let mut status = object.status.clone();
    let request = Request {
        object,
        status: &mut status,
        cluster: None,
        secret: None,
    };
    act(request).await.unwrap();
}

/// Of two nodes, `a` has a machine.
async fn nodes_are_told_of_their_machines(shoot: &Shoot, cloud: &MemoryCloud) {
    shoot.node("a", "10.20.0.0/24").await;
    shoot.node("b", "10.20.1.0/24").await;
    let nodes: Api<Node> = Api::all(shoot.client.clone());
    let node = eventually(DEADLINE, "the node to be initialized", || async {
        let node = nodes.get("a").await.map_err(|error| error.to_string())?;
        let status = serde_json::to_value(&node.status).unwrap_or_default();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let reached = |condition: &Value| condition["type"] == "NetworkUnavailable" && condition["status"] == "False";
        let initialized = node.spec.as_ref().is_some_and(|spec| spec.provider_id.is_some());
        let done = initialized && conditions.iter().any(reached);
        ready_when(done, || format!("{node:?}")).map(|()| node)
    })
    .await;
    let spec = node.spec.clone().unwrap();
    assert_eq!(spec.provider_id.as_deref(), Some("local:///test/a"));
    let taints: Vec<String> = spec.taints.unwrap().into_iter().map(|taint| taint.key).collect();
    assert!(taints.contains(&"example.org/kept".to_owned()), "{taints:?}");
    let uninitialized = "node.cloudprovider.kubernetes.io/uninitialized".to_owned();
    assert!(!taints.contains(&uninitialized), "{taints:?}");
    assert_eq!(node.labels()["topology.kubernetes.io/zone"], "0");
    assert_eq!(cloud.0.lock().routes.keys().collect::<Vec<_>>(), ["a"]);
    eventually(DEADLINE, "the node without a machine to be gone", || async {
        let gone = nodes.get_opt("b").await.map_err(|error| error.to_string())?.is_none();
        ready_when(gone, || "it is there".to_owned())
    })
    .await;
}

async fn a_service_is_served(shoot: &Shoot, cloud: &MemoryCloud) {
    let services: Api<Service> = Api::namespaced(shoot.client.clone(), "default");
    let service = json!({
        "metadata": { "name": "web" },
        "spec": { "type": "LoadBalancer", "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    });
    let service = serde_json::from_value(service).unwrap();
    // What the cloud says no to, its user reads; and when it can be done, it is done.
    cloud.0.lock().refuse_extras = Some(ErrorCode::QuotaExceeded);
    services.create(&PostParams::default(), &service).await.unwrap();
    let events: Api<Event> = Api::namespaced(shoot.client.clone(), "default");
    eventually(DEADLINE, "an Event that says why there is no address", || async {
        let found = events
            .list(&ListParams::default())
            .await
            .map_err(|error| error.to_string())?;
        let told = |event: &Event| {
            event.involved_object.name.as_deref() == Some("web")
                && event.type_.as_deref() == Some("Warning")
                && event.reason.as_deref() == Some("SyncLoadBalancerFailed")
                && event
                    .message
                    .as_deref()
                    .is_some_and(|text| text.starts_with("failed to make the load balancer "))
        };
        ready_when(found.items.iter().any(told), || format!("{:?}", found.items))
    })
    .await;
    cloud.0.lock().refuse_extras = None;
    eventually(DEADLINE, "the Service to have an address", || async {
        let service = services.get("web").await.map_err(|error| error.to_string())?;
        let status = serde_json::to_value(service.status).unwrap_or_default();
        let address = status.pointer("/loadBalancer/ingress/0/ip").cloned();
        ready_when(address == Some(json!("172.30.2.1")), || status.to_string())
    })
    .await;
    let balancer = cloud.0.lock().balancers.values().next().cloned().unwrap();
    assert_eq!(balancer.network, NAMESPACE);
    assert_eq!(balancer.backends.len(), 1, "{balancer:?}");
    services.delete("web", &DeleteParams::default()).await.unwrap();
    eventually(
        DEADLINE,
        "the Service to be gone, and its load balancer with it",
        || async {
            let gone = services
                .get_opt("web")
                .await
                .map_err(|error| error.to_string())?
                .is_none();
            ready_when(gone && cloud.0.lock().balancers.is_empty(), || "it is there".to_owned())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_gets_the_network_of_its_range() {
    let folder = tempfile::tempdir().unwrap();
    let shoot = Shoot::start(folder.path()).await;
    let (rules, nft) = (folder.path().join("rules"), folder.path().join("nft"));
    std::fs::write(&nft, format!("#!/bin/sh\ncat >{}\n", rules.display())).unwrap();
    std::fs::set_permissions(&nft, std::fs::Permissions::from_mode(0o755)).unwrap();
    let plugins = folder.path().join("net.d");
    let arguments = bridge_network::Arguments {
        node_name: "a".to_owned(),
        kubeconfig: Some(shoot.server.kubeconfig_path.clone()),
        tls_server_name: "kubernetes.default.svc".to_owned(),
        pod_ranges: vec!["10.20.0.0/16".parse().unwrap()],
        cni_directory: plugins.clone(),
        nft,
        health_port: 0,
    };
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(bridge_network::run(arguments, shutdown.clone()));
    for range in ["10.20.3.0/24", "10.20.4.0/24"] {
        shoot.node("a", range).await;
        eventually(DEADLINE, "the plugins' file to follow the range", || async {
            let file = std::fs::read_to_string(plugins.join("10-bridge.conflist")).unwrap_or_default();
            ready_when(file.contains(range), || file)
        })
        .await;
        assert!(std::fs::read_to_string(&rules).unwrap().contains(range));
        let nodes: Api<Node> = Api::all(shoot.client.clone());
        nodes.delete("a", &DeleteParams::default()).await.unwrap();
    }
    shutdown.cancel();
    tokio::time::timeout(DEADLINE, running).await.unwrap().unwrap().unwrap();
    assert!(plugins.join("10-bridge.conflist").exists(), "pods keep their network");
}
