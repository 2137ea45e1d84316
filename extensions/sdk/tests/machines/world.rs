//! A real API server that is seed and shoot at once, a cloud in memory, and the machine controller between them.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use api::machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet};
use async_trait::async_trait;
use extensions_sdk::{
    ShootAccessError,
    machine::{self, Options, ShootClients},
};
use k8s_openapi::api::core::v1::{Namespace, Node, Secret};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use lib_clock::ManualClock;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cloud::Cloud;

pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A server, for several namespaces.
pub(crate) struct Server {
    pub(crate) client: Client,
    _server: KubeApiServer,
    _etcd: Etcd,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let etcd = Etcd::start().await;
        let server = KubeApiServer::start(&etcd, &["--disable-admission-plugins=ServiceAccount"]).await;
        let client = controller::connect::from_kubeconfig_str(&server.kubeconfig)
            .await
            .unwrap();
        let wanted = ["machine.sapcloud.io", "resources.gardener.cloud"];
        let extensions = [
            "workers.extensions.gardener.cloud",
            "clusters.extensions.gardener.cloud",
        ];
        let mut definitions = api::crds::all();
        definitions.retain(|definition| {
            wanted.contains(&definition.spec.group.as_str()) || extensions.contains(&definition.name_any().as_str())
        });
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": definitions });
        let file = server.directory.join("crds.json");
        std::fs::write(&file, list.to_string()).unwrap();
        server.kubectl(&["create", "-f", file.to_str().unwrap()]).await.unwrap();
        let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
        server.kubectl(&established).await.unwrap();
        Self {
            client,
            _server: server,
            _etcd: etcd,
        }
    }

    /// A namespace with its own cloud and its own controller.
    pub(crate) async fn world(&self, namespace: &str) -> World {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let object = serde_json::from_value(json!({ "metadata": { "name": namespace } })).unwrap();
        namespaces.create(&PostParams::default(), &object).await.unwrap();
        let shoot = Arc::new(Shoot {
            client: self.client.clone(),
            dead: AtomicBool::new(false),
        });
        // Times in statuses have no fractions: so they are as old as they look.
        let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap();
        let mut world = World {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
            cloud: Cloud::new(namespace),
            clock: Arc::new(ManualClock::at(now)),
            shoot,
            controller: None,
        };
        world.start();
        world
    }
}

/// The shoot, which may be dead.
struct Shoot {
    client: Client,
    dead: AtomicBool,
}

#[async_trait]
impl ShootClients for Shoot {
    async fn client(&self, namespace: &str) -> Result<Client, ShootAccessError> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(ShootAccessError::Missing {
                secret: format!("{namespace}/shoot-access-machine-controller-manager"),
                key: "token",
            });
        }
        Ok(self.client.clone())
    }
}

/// A namespace of the seed, with machines.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) cloud: Cloud,
    pub(crate) clock: Arc<ManualClock>,
    shoot: Arc<Shoot>,
    controller: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.crash();
    }
}

impl World {
    /// Starts the controller.
    pub(crate) fn start(&mut self) {
        let options = Options {
            shoots: Some(self.shoot.clone()),
            resync: Duration::from_millis(300),
            survey: Duration::from_millis(500),
            eviction_retry: Duration::from_millis(200),
            backoff: (Duration::from_millis(100), Duration::from_secs(1)),
            ..Options::new(self.clock.clone())
        };
        let shutdown = CancellationToken::new();
        let driver = Arc::new(self.cloud.clone());
        let running = tokio::spawn(machine::run(self.client.clone(), driver, options, shutdown.clone()));
        self.controller = Some((shutdown, running));
    }

    /// Ends the controller in the middle of whatever it does.
    pub(crate) fn crash(&mut self) {
        if let Some((_, running)) = self.controller.take() {
            running.abort();
        }
    }

    /// Ends the controller; from now on the shoot can't be reached.
    pub(crate) async fn kill_shoot(&mut self) {
        self.crash();
        self.shoot.dead.store(true, Ordering::SeqCst);
        self.start();
    }

    /// From now on the shoot can be reached.
    pub(crate) fn revive_shoot(&self) {
        self.shoot.dead.store(false, Ordering::SeqCst);
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    /// Applies an object; kind, namespace and name as given.
    pub(crate) async fn apply<K>(&self, value: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
    {
        let object: K = serde_json::from_value(value).unwrap();
        let parameters = PatchParams::apply("test").force();
        let name = object.name_any();
        self.api::<K>()
            .patch(&name, &parameters, &Patch::Apply(&object))
            .await
            .unwrap()
    }

    pub(crate) async fn put_class(&self, name: &str) {
        let data = BTreeMap::from([("userData", "#!/bin/sh\njoin <<MACHINE_NAME>> <<BOOTSTRAP_TOKEN>>\n")]);
        self.apply::<Secret>(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": data,
        }))
        .await;
        self.apply::<MachineClass>(json!({
            "apiVersion": "machine.sapcloud.io/v1alpha1", "kind": "MachineClass", "metadata": { "name": name },
            "provider": self.namespace, "providerSpec": { "flavor": "local" },
            "secretRef": { "name": name, "namespace": self.namespace },
        }))
        .await;
    }

    /// A deployment `pool`; `change` changes it before it is applied.
    pub(crate) async fn put_deployment(&self, replicas: i32, class: &str, change: impl FnOnce(&mut Value)) {
        let labels = json!({ "name": "pool" });
        let mut value = json!({
            "apiVersion": "machine.sapcloud.io/v1alpha1", "kind": "MachineDeployment", "metadata": { "name": "pool" },
            "spec": {
                "replicas": replicas, "selector": { "matchLabels": labels },
                "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "class": { "kind": "MachineClass", "name": class } },
                },
            },
        });
        change(&mut value);
        let api = self.api::<MachineDeployment>();
        let wished: MachineDeployment = serde_json::from_value(value).unwrap();
        match api.get_opt("pool").await.unwrap() {
            None => api.create(&PostParams::default(), &wished).await.unwrap(),
            Some(_) => {
                let patch = json!([{ "op": "replace", "path": "/spec", "value": wished.spec }]);
                let patch = Patch::<()>::Json(serde_json::from_value(patch).unwrap());
                api.patch("pool", &PatchParams::default(), &patch).await.unwrap()
            }
        };
    }

    pub(crate) async fn list<K>(&self) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        self.api::<K>().list(&ListParams::default()).await.unwrap().items
    }

    /// Names of the Machines that are not going, with their phases.
    pub(crate) async fn phases(&self) -> BTreeMap<String, String> {
        let machines = self.list::<Machine>().await;
        let living = machines
            .into_iter()
            .filter(|machine| machine.metadata.deletion_timestamp.is_none());
        let phase = |machine: &Machine| machine.status.current_status.phase.to_string();
        living.map(|machine| (machine.name_any(), phase(&machine))).collect()
    }

    /// Waits until the cloud has this many machines, and returns their names.
    pub(crate) async fn cloud_has(&self, count: usize) -> Vec<String> {
        eventually(DEADLINE, &format!("{count} machines in the cloud"), || async {
            let names = self.cloud.names();
            let right = names.len() == count;
            if right {
                Ok(names)
            } else {
                Err(format!("{names:?} {:?}", self.summary().await))
            }
        })
        .await
    }

    /// Every machine of the cloud joins, as its kubelet would do it.
    pub(crate) async fn join_all(&self) {
        for name in self.cloud.names() {
            self.report(&name, "True").await;
        }
    }

    /// A machine's kubelet reports: `True`, `False`, or `Unknown` as the node lifecycle controller does for it.
    pub(crate) async fn report(&self, name: &str, ready: &str) {
        let parameters = PatchParams::apply("kubelet").force();
        let object = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } });
        self.nodes()
            .patch(name, &parameters, &Patch::Apply(&object))
            .await
            .unwrap();
        let now = jiff::Timestamp::now();
        let status = json!({ "apiVersion": "v1", "kind": "Node", "status": { "conditions": [
            { "type": "Ready", "status": ready, "reason": "Test", "message": "as the test wants it", "lastTransitionTime": now },
        ] } });
        let reported = self
            .nodes()
            .patch_status(name, &parameters, &Patch::Apply(&status))
            .await;
        // The machine may go at any time: then its kubelet does not report any more.
        if reported.is_err() || self.cloud.get_made(name).is_none() {
            controller::delete::delete(&self.nodes(), name).await.unwrap();
        }
    }

    /// Joins machines as they come until this many run, and none else is left.
    pub(crate) async fn until_running(&self, count: usize) -> Vec<String> {
        eventually(DEADLINE, &format!("{count} machines to run"), || async {
            self.join_all().await;
            let phases = self.phases().await;
            let all = self.list::<Machine>().await.len();
            let running = all == count && phases.len() == count && phases.values().all(|phase| phase == "Running");
            if running {
                Ok(phases.into_keys().collect())
            } else {
                Err(format!("{:?}", self.summary().await))
            }
        })
        .await
    }

    pub(crate) async fn until_gone(&self) {
        eventually(DEADLINE, "nothing to be left", || async {
            let left = (
                self.list::<MachineDeployment>().await.len(),
                self.list::<MachineSet>().await.len(),
            );
            let nothing = self.cloud.names().is_empty() && left == (0, 0) && self.list::<Machine>().await.is_empty();
            if nothing {
                Ok(())
            } else {
                Err(format!("{left:?} {:?}", self.summary().await))
            }
        })
        .await;
    }

    /// Waits until no Machine is on its way out any more.
    pub(crate) async fn until_settled(&self) {
        eventually(DEADLINE, "the machines that go to be gone", || async {
            let all = self.list::<Machine>().await.len();
            let living = self.phases().await.len();
            ready_when(living == all, || format!("{living} of {all} do not go"))
        })
        .await;
    }

    pub(crate) async fn delete_deployment(&self) {
        let api = self.api::<MachineDeployment>();
        api.delete("pool", &DeleteParams::default()).await.unwrap();
    }

    pub(crate) async fn machine(&self, name: &str) -> Machine {
        self.api::<Machine>().get(name).await.unwrap()
    }

    /// Waits until a machine's last operation says so.
    pub(crate) async fn until_said(&self, name: &str, text: &str) -> Machine {
        eventually(DEADLINE, &format!("{name} to say {text:?}"), || async {
            let machine = self.machine(name).await;
            let said = machine.status.last_operation.description.contains(text);
            ready_when(said, || machine.status.last_operation.description.clone()).map(|()| machine)
        })
        .await
    }

    /// Waits until a machine's bootstrap token is valid, and recorded to be.
    pub(crate) async fn until_announced(&self, name: &str) {
        eventually(DEADLINE, &format!("the token of {name} to be announced"), || async {
            let machine = self.machine(name).await;
            let announced = machine
                .annotations()
                .contains_key("machine.kubeception.dev/bootstrap-token-announced");
            ready_when(announced, || format!("{:?}", machine.annotations()))
        })
        .await;
    }

    async fn summary(&self) -> Vec<String> {
        let describe = |machine: Machine| {
            let status = &machine.status;
            format!(
                "{} {}: {}",
                machine.name_any(),
                status.current_status.phase,
                status.last_operation.description
            )
        };
        self.list::<Machine>().await.into_iter().map(describe).collect()
    }
}
