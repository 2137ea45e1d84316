//! A garden and a seed in memory, and those who work in the seed: etcd-druid, kubelets, resource-manager, an extension.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use api::core::v1beta1::{ErrorCode, Seed, Shoot, Worker};
use controller::fake::FakeCluster;
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, client::Body};
use lib_clock::{Clock, ManualClock};
use parking_lot::Mutex;
use plan_images::ImageVector;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{context::Gardenlet, settings::Settings, shoot::flow::ShootContext};

const SHOOT: &str = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/shoots/first";

pub(super) struct World {
    pub(super) garden: FakeCluster,
    pub(super) seed: FakeCluster,
    /// What is in the shoot itself.
    pub(super) inside: FakeCluster,
    pub(super) gardenlet: Gardenlet,
    pub(super) clock: Arc<ManualClock>,
    behaviour: Arc<Behaviour>,
}

/// What others do.
#[derive(Default)]
struct Behaviour {
    api_server_is_broken: AtomicBool,
    /// What extensions complain of, by the plural of their kind.
    complaints: Mutex<BTreeMap<&'static str, ErrorCode>>,
}

const CONFIGURATION: &str = "
gardenClientConnection: {kubeconfig: unused}
seedConfig:
  metadata: {name: local}
  spec:
    provider: {type: local, region: local}
    networks: {pods: 10.2.0.0/16, services: 10.3.0.0/16}
    dns:
      internal: {type: local, domain: internal.test, credentialsRef: {name: dns, namespace: garden}}
      defaults: [{type: local, domain: shoots.test, credentialsRef: {name: dns, namespace: garden}}]
";

impl World {
    pub(super) fn new() -> Self {
        let (garden, seed, inside) = (FakeCluster::new(), FakeCluster::new(), FakeCluster::new());
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let behaviour = Arc::new(Behaviour::default());
        let settings = Settings::complete(serde_yaml_ng::from_str(CONFIGURATION).unwrap()).unwrap();
        garden.insert(&settings.seed);
        fill_garden(&garden);
        fill_seed(&seed);
        fill_shoot(&inside);
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let images = ImageVector::embedded().unwrap();
        let mut gardenlet = Gardenlet::new(garden.client(), seed.client(), settings, images, shared);
        let (of_shoot, shoot) = (Arc::clone(&behaviour), inside.clone());
        gardenlet.connect_shoot = Arc::new(move |_| {
            let client = shoot_client(Arc::clone(&of_shoot), shoot.client());
            Box::pin(async move { Ok(client) })
        });
        tokio::spawn(work(seed.clone(), Arc::clone(&behaviour)));
        Self {
            garden,
            seed,
            inside,
            gardenlet,
            clock,
            behaviour,
        }
    }

    /// A world whose shoot has one pool of machines.
    pub(super) fn with_workers() -> Self {
        let world = Self::new();
        world.change_shoot(|shoot| {
            shoot.spec.credentials_binding_name = Some("local".to_owned());
            shoot.spec.networking =
                serde_json::from_value(json!({ "type": "bridge", "nodes": "10.10.0.0/16" })).unwrap();
            shoot.spec.provider.workers = vec![pool("worker")];
        });
        world
    }

    pub(super) fn try_shoot(&self) -> Option<Shoot> {
        self.garden.get_as(SHOOT)
    }

    pub(super) fn shoot(&self) -> Shoot {
        self.try_shoot().expect("the shoot is there")
    }

    pub(super) fn change_shoot(&self, change: impl FnOnce(&mut Shoot)) {
        let mut shoot = self.shoot();
        change(&mut shoot);
        self.garden.insert(&shoot);
    }

    pub(super) fn mark_for_deletion(&self) {
        self.change_shoot(|shoot| {
            shoot.metadata.deletion_timestamp = Some(apimachinery::meta::Time(self.clock.now()));
            shoot.metadata.finalizers = Some(vec!["gardener".to_owned()]);
        });
    }

    pub(super) fn break_api_server(&self) {
        self.behaviour.api_server_is_broken.store(true, Ordering::SeqCst);
    }

    pub(super) fn mend_api_server(&self) {
        self.behaviour.api_server_is_broken.store(false, Ordering::SeqCst);
    }

    /// Extensions of the kind with this plural fail from now on.
    pub(super) fn fail_extension(&self, plural: &'static str, code: ErrorCode) {
        self.behaviour.complaints.lock().insert(plural, code);
    }

    pub(super) fn mend_extensions(&self) {
        self.behaviour.complaints.lock().clear();
    }

    /// An object in the shoot's namespace in the seed.
    pub(super) fn extension(&self, plural: &str, name: &str) -> Option<Value> {
        self.seed.get(&format!("{EXTENSIONS}/{plural}/{name}"))
    }

    /// Objects that a ManagedResource is to put into the shoot, as `kind name`.
    pub(super) fn managed(&self, resource: &str) -> Vec<String> {
        let path = format!("/api/v1/namespaces/shoot--dev--first/secrets/managedresource-{resource}");
        let secret: Secret = self.seed.get_as(&path).expect("the ManagedResource has a Secret");
        let bundle = secret.data.unwrap().remove("objects.yaml").unwrap();
        serde_yaml_ng::Deserializer::from_slice(&bundle.0)
            .map(|document| {
                let object = Value::deserialize(document).unwrap();
                format!("{} {}", object["kind"].as_str().unwrap(), name(&object))
            })
            .collect()
    }

    /// Writes of gardenlet and its helpers so far, in both clusters.
    pub(super) fn writes(&self) -> usize {
        self.garden.writes().len() + self.seed.writes().len()
    }

    /// Runs a future, and drops it when so much was written: as a kill would.
    pub(super) async fn run_until_writes<F: Future>(&self, writes: usize, future: F) {
        let mut future = Box::pin(future);
        loop {
            if self.writes() >= writes {
                return;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
                _ = &mut future => return,
            }
        }
    }

    /// Data of all Secrets of the control plane, without those that are tokens.
    pub(super) async fn seed_secrets(&self) -> BTreeMap<String, Value> {
        let secrets = self.all("/api/v1/namespaces/shoot--dev--first/secrets").await;
        secrets
            .into_iter()
            .map(|secret| (name(&secret), secret["data"].clone()))
            .collect()
    }

    /// What is left of the shoot in the seed; the namespace takes along what no other controller keeps.
    pub(super) async fn left_in_seed(&self) -> Vec<String> {
        let mut left = Vec::new();
        for (group, plural) in [
            ("/api/v1", "persistentvolumeclaims"),
            ("/api/v1", "services"),
            ("/apis/apps/v1", "deployments"),
            ("/apis/druid.gardener.cloud/v1alpha1", "etcds"),
            ("/apis/extensions.gardener.cloud/v1alpha1", "controlplanes"),
            ("/apis/extensions.gardener.cloud/v1alpha1", "dnsrecords"),
            ("/apis/extensions.gardener.cloud/v1alpha1", "infrastructures"),
            ("/apis/extensions.gardener.cloud/v1alpha1", "networks"),
            ("/apis/extensions.gardener.cloud/v1alpha1", "operatingsystemconfigs"),
            ("/apis/extensions.gardener.cloud/v1alpha1", "workers"),
            ("/apis/gateway.networking.k8s.io/v1", "tlsroutes"),
            ("/apis/resources.gardener.cloud/v1alpha1", "managedresources"),
        ] {
            let found = self
                .all(&format!("{group}/namespaces/shoot--dev--first/{plural}"))
                .await;
            left.extend(found.iter().map(|object| format!("{plural} {}", name(object))));
        }
        for path in [
            "/api/v1/namespaces/shoot--dev--first",
            "/apis/extensions.gardener.cloud/v1alpha1/clusters/shoot--dev--first",
        ] {
            left.extend(self.seed.get(path).map(|_| path.to_owned()));
        }
        left
    }

    /// What is left of the shoot in its project.
    pub(super) fn left_in_project(&self) -> Vec<String> {
        let paths = [
            "/api/v1/namespaces/garden-dev/configmaps/first.ca-cluster",
            "/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/internalsecrets/first.ca-client",
        ];
        paths
            .into_iter()
            .filter(|path| self.garden.get(path).is_some())
            .map(str::to_owned)
            .collect()
    }

    pub(super) async fn all(&self, collection: &str) -> Vec<Value> {
        list(&self.seed.client(), collection).await
    }
}

/// What a flow of an empty shoot works with, in the seed of `seed_client`.
pub(super) fn context(seed_client: Client, clock: Arc<dyn Clock>) -> ShootContext {
    let settings = Settings::complete(serde_yaml_ng::from_str(CONFIGURATION).unwrap()).unwrap();
    let (garden, images) = (FakeCluster::new().client(), ImageVector::embedded().unwrap());
    let gardenlet = Gardenlet::new(garden, seed_client, settings, images, clock);
    let mut shoot = Shoot::default();
    shoot.metadata.name = Some("first".to_owned());
    ShootContext::new(gardenlet, shoot, "dev".to_owned(), Value::Null, Seed::default())
}

/// A pool with one machine.
pub(super) fn pool(name: &str) -> Worker {
    serde_json::from_value(json!({
        "name": name, "minimum": 1, "maximum": 2, "zones": ["0"],
        "machine": { "type": "local", "image": { "name": "local", "version": "1.0.0" } },
    }))
    .unwrap()
}

pub(super) fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

fn fill_garden(garden: &FakeCluster) {
    garden.insert(&json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "garden-dev", "labels": { "project.gardener.cloud/name": "dev" } },
    }));
    garden.insert(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "cluster-identity", "namespace": "kube-system" }, "data": { "cluster-identity": "garden" },
    }));
    garden.insert(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "dns", "namespace": "garden" }, "data": { "token": "dA==" },
    }));
    garden.insert(&json!({
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "CloudProfile", "metadata": { "name": "local" },
        "spec": { "type": "local", "machineTypes": [{ "name": "local", "cpu": "2", "gpu": "0", "memory": "2Gi" }] },
    }));
    garden.insert(&json!({
        "apiVersion": "security.gardener.cloud/v1alpha1", "kind": "CredentialsBinding",
        "metadata": { "name": "local", "namespace": "garden-dev" }, "provider": { "type": "local" },
        "credentialsRef": { "apiVersion": "v1", "kind": "Secret", "name": "local", "namespace": "garden-dev" },
    }));
    garden.insert(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "local", "namespace": "garden-dev" }, "data": { "token": "dA==" },
    }));
    garden.insert(&json!({
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "Shoot",
        "metadata": { "name": "first", "namespace": "garden-dev", "uid": "uid-1", "generation": 1 },
        "spec": {
            "seedName": "local", "region": "local", "cloudProfile": { "kind": "CloudProfile", "name": "local" },
            "provider": { "type": "local" }, "kubernetes": { "version": "1.35.4" },
        },
    }));
}

fn fill_seed(seed: &FakeCluster) {
    seed.insert(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "gateway", "namespace": "garden" }, "spec": {},
        "status": { "loadBalancer": { "ingress": [{ "ip": "172.30.2.1" }] } },
    }));
    seed.insert(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "gardener-resource-manager-server", "namespace": "garden" },
        "data": { "ca.crt": "Y2E=" },
    }));
}

fn fill_shoot(shoot: &FakeCluster) {
    shoot.insert(&json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": "machine" }, "spec": {},
        "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
    }));
}

/// A client of the shoot's API server: it is healthy, or does not answer. What is no question of health `inside` answers.
fn shoot_client(behaviour: Arc<Behaviour>, inside: Client) -> Client {
    let answer = move |request: http::Request<Body>| {
        let (behaviour, inside) = (Arc::clone(&behaviour), inside.clone());
        async move {
            let say = |status: u16, text: &'static str| {
                let response = http::Response::builder().status(status);
                response.body(Body::from(text.as_bytes().to_vec())).unwrap()
            };
            if behaviour.api_server_is_broken.load(Ordering::SeqCst) {
                return Ok(say(500, "etcd failed"));
            }
            match request.uri().path() {
                path if path.ends_with("z") => Ok(say(200, "ok")),
                _ => inside.send(request).await,
            }
        }
    };
    Client::new(tower::service_fn(answer), "default")
}

async fn list(client: &Client, collection: &str) -> Vec<Value> {
    let request = http::Request::get(collection).body(Vec::new()).unwrap();
    let mut answer: Value = client.request(request).await.unwrap();
    serde_json::from_value(answer["items"].take()).unwrap()
}

/// Those who work in the seed: whatever is there becomes as it is wished.
async fn work(seed: FakeCluster, behaviour: Arc<Behaviour>) {
    let client = seed.client();
    loop {
        for (collection, respond) in WORKERS {
            for object in list(&client, collection).await {
                let wished = respond(object.clone(), &behaviour);
                if wished != object {
                    write(&client, collection, &wished).await;
                }
            }
        }
        for plural in EXTENSION_KINDS {
            let collection = format!("{EXTENSIONS}/{plural}");
            let complaint = behaviour.complaints.lock().get(plural).cloned();
            for object in list(&client, &collection).await {
                extend(&client, &collection, object, complaint.clone()).await;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
}

/// Writes what workers write; an object that is gone meanwhile is left alone.
async fn write(client: &Client, collection: &str, object: &Value) {
    let (part, subresource) = if object["status"].is_null() {
        ("data", "")
    } else {
        ("status", "/status")
    };
    let path = format!("{collection}/{}{subresource}", name(object));
    patch(client, &path, &json!({ part: object[part] })).await;
}

async fn patch(client: &Client, path: &str, body: &Value) {
    let request = http::Request::patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(body.to_string().into_bytes())
        .unwrap();
    let _gone: Result<Value, kube::Error> = client.request(request).await;
}

const EXTENSIONS: &str = "/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first";
const EXTENSION_KINDS: [&str; 6] = [
    "controlplanes",
    "dnsrecords",
    "infrastructures",
    "networks",
    "operatingsystemconfigs",
    "workers",
];

/// Does what an extension does that was asked: it says how it went, and takes the question.
async fn extend(client: &Client, collection: &str, mut object: Value, complaint: Option<ErrorCode>) {
    const OPERATION: &str = "gardener.cloud/operation";
    let asked = object["metadata"]["annotations"][OPERATION].is_string();
    let generation = object["metadata"]["generation"].clone();
    let state = if complaint.is_some() { "Error" } else { "Succeeded" };
    if !asked && object["status"]["lastOperation"]["state"] == state {
        return;
    }
    let secret = format!("osc-result-{}", name(&object));
    object["status"] = json!({
        "observedGeneration": generation,
        "lastOperation": {
            "type": "Create", "state": state, "progress": 100, "description": "", "lastUpdateTime": "2100-01-01T00:00:00Z",
        },
        "lastError": complaint.map(|code| json!({ "description": "the cloud says no", "codes": [code] })),
        // One status for all kinds: each reads what it knows.
        "providerStatus": { "network": "made" }, "nodesCIDR": "10.10.0.0/24", "egressCIDRs": ["192.0.2.1/32"],
        "cloudConfig": { "secretRef": { "name": secret, "namespace": "shoot--dev--first" } },
    });
    write(client, collection, &object).await;
    let taken = json!({ "metadata": { "annotations": { OPERATION: null } } });
    patch(client, &format!("{collection}/{}", name(&object)), &taken).await;
}

type Role = (&'static str, fn(Value, &Behaviour) -> Value);

const WORKERS: &[Role] = &[
    (
        "/apis/apps/v1/namespaces/shoot--dev--first/deployments",
        |mut deployment, _| {
            let generation = deployment["metadata"]["generation"].clone();
            deployment["status"] = json!({
                "observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "readyReplicas": 1,
            });
            deployment
        },
    ),
    (
        "/apis/druid.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/etcds",
        |mut etcd, _| {
            let generation = etcd["metadata"]["generation"].clone();
            etcd["status"] = json!({ "observedGeneration": generation, "ready": true, "readyReplicas": 1 });
            etcd
        },
    ),
    (
        "/apis/resources.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/managedresources",
        |mut resource, _| {
            let generation = resource["metadata"]["generation"].clone();
            let condition = |type_: &str| json!({ "type": type_, "status": "True", "reason": "Test", "message": "" });
            resource["status"] = json!({
                "observedGeneration": generation,
                "conditions": [condition("ResourcesApplied"), condition("ResourcesHealthy")],
            });
            resource
        },
    ),
    ("/api/v1/namespaces/shoot--dev--first/secrets", |mut secret, _| {
        if name(&secret).starts_with("shoot-access-") {
            secret["data"] = json!({ "token": "dA==" });
        }
        secret
    }),
];
