//! A garden and a seed in memory, and those who work in the seed: etcd-druid, kubelets, resource-manager, an extension.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use api::core::v1beta1::{ErrorCode, Shoot};
use controller::fake::FakeCluster;
use http_body_util::Full;
use hyper::body::Bytes;
use kube::{Client, client::Body};
use lib_clock::{Clock, ManualClock};
use parking_lot::Mutex;
use plan_images::ImageVector;
use serde_json::{Value, json};

use crate::{context::Gardenlet, settings::Settings};

const SHOOT: &str = "/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/shoots/first";

pub(super) struct World {
    pub(super) garden: FakeCluster,
    pub(super) seed: FakeCluster,
    pub(super) gardenlet: Gardenlet,
    pub(super) clock: Arc<ManualClock>,
    behaviour: Arc<Behaviour>,
}

/// What others do.
#[derive(Default)]
struct Behaviour {
    api_server_is_broken: AtomicBool,
    record_error: Mutex<Option<ErrorCode>>,
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
        let (garden, seed) = (FakeCluster::new(), FakeCluster::new());
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let behaviour = Arc::new(Behaviour::default());
        let settings = Settings::complete(serde_yaml_ng::from_str(CONFIGURATION).unwrap()).unwrap();
        garden.insert(&settings.seed);
        fill_garden(&garden);
        fill_seed(&seed);
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let images = ImageVector::embedded().unwrap();
        let mut gardenlet = Gardenlet::new(garden.client(), seed.client(), settings, images, shared);
        let of_shoot = Arc::clone(&behaviour);
        gardenlet.connect_shoot = Arc::new(move |_| {
            let client = shoot_client(Arc::clone(&of_shoot));
            Box::pin(async move { Ok(client) })
        });
        tokio::spawn(work(seed.clone(), Arc::clone(&behaviour)));
        Self {
            garden,
            seed,
            gardenlet,
            clock,
            behaviour,
        }
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

    pub(super) fn fail_records(&self, code: ErrorCode) {
        *self.behaviour.record_error.lock() = Some(code);
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
            ("/apis/extensions.gardener.cloud/v1alpha1", "dnsrecords"),
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

    async fn all(&self, collection: &str) -> Vec<Value> {
        list(&self.seed.client(), collection).await
    }
}

fn name(object: &Value) -> String {
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
        "apiVersion": "core.gardener.cloud/v1beta1", "kind": "CloudProfile", "metadata": { "name": "local" }, "spec": { "type": "local" },
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
}

/// A client of the shoot's API server: it is healthy, or does not answer.
fn shoot_client(behaviour: Arc<Behaviour>) -> Client {
    let answer = move |_: http::Request<Body>| {
        let broken = behaviour.api_server_is_broken.load(Ordering::SeqCst);
        async move {
            let (status, text) = if broken { (500, "etcd failed") } else { (200, "ok") };
            let response = http::Response::builder()
                .status(status)
                .body(Full::new(Bytes::from(text)))
                .unwrap();
            Ok::<_, Infallible>(response)
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
    let body = json!({ part: object[part] }).to_string().into_bytes();
    let request = http::Request::patch(format!("{collection}/{}{subresource}", name(object)));
    let request = request
        .header("content-type", "application/merge-patch+json")
        .body(body)
        .unwrap();
    let _gone: Result<Value, kube::Error> = client.request(request).await;
}

type Worker = (&'static str, fn(Value, &Behaviour) -> Value);

const WORKERS: &[Worker] = &[
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
    (
        "/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/dnsrecords",
        |mut record, behaviour| {
            let generation = record["metadata"]["generation"].clone();
            let operation =
                |state: &str| json!({ "type": "Create", "state": state, "progress": 100, "description": "" });
            record["status"] = match &*behaviour.record_error.lock() {
                None => json!({ "observedGeneration": generation, "lastOperation": operation("Succeeded") }),
                Some(code) => json!({
                    "observedGeneration": generation, "lastOperation": operation("Error"),
                    "lastError": { "description": "the zone is not yours", "codes": [code] },
                }),
            };
            record
        },
    ),
    ("/api/v1/namespaces/shoot--dev--first/secrets", |mut secret, _| {
        if name(&secret).starts_with("shoot-access-") {
            secret["data"] = json!({ "token": "dA==" });
        }
        secret
    }),
];
