//! Machines on their way into a shoot, against real API servers: one that is the seed, and one that is the shoot and asks
//! the webhook.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::{sync::Arc, time::Duration};

use api::machine::v1alpha1::Machine;
use k8s_openapi::{
    ByteString,
    api::{
        certificates::v1::CertificateSigningRequest,
        core::v1::{Namespace, Node, Pod, Secret},
    },
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use lib_clock::SystemClock;
use lib_pki::{CertificateRequest, PrivateKey, signing_request};
use seed_resource_manager::{
    authorizer::{Reviewer, SECRET_NAME, ServingCertificate, listen},
    certificates::{Context, Error, decide},
    machines::Machines,
    target::Targets,
};
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually};
use tokio_util::sync::{CancellationToken, DropGuard};

const NAMESPACE: &str = "shoot--dev--first";
const SECRET: &str = "gardener-node-agent-pool-0a1b2c3d";
const DEADLINE: Duration = Duration::from_secs(60);

struct World {
    _etcds: [Etcd; 2],
    _stop: DropGuard,
    _seed_server: KubeApiServer,
    shoot_server: KubeApiServer,
    seed: Client,
    shoot: Client,
    machines: Machines,
}

async fn client(server: &KubeApiServer) -> Client {
    controller::connect::from_kubeconfig_str(&server.kubeconfig)
        .await
        .unwrap()
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

impl World {
    /// The seed with all our kinds, and the webhook; then the shoot, whose API server asks it.
    async fn new() -> Self {
        let etcds = [Etcd::start().await, Etcd::start().await];
        let seed_server = KubeApiServer::start(&etcds[0], &[]).await;
        let seed = client(&seed_server).await;
        install_kinds(&seed_server).await;
        let namespaces: Api<Namespace> = Api::all(seed.clone());
        for name in ["garden", NAMESPACE] {
            let namespace = object(json!({ "metadata": { "name": name } }));
            namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        }
        let stop = CancellationToken::new();
        let (machines, watcher) = Machines::new();
        tokio::spawn(watcher.run(seed.clone(), stop.clone()));
        let certificate = ServingCertificate::new(seed.clone(), "garden", Arc::new(SystemClock));
        certificate.refresh().await.unwrap();
        let server = listen(([127, 0, 0, 1], 0).into(), &certificate).await.unwrap();
        let port = server.address().port();
        let reviewer = Reviewer {
            machines: machines.clone(),
            targets: Targets::new(seed.clone()),
        };
        tokio::spawn(server.run(reviewer, stop.clone()));
        let shoot_server = start_shoot(&etcds[1], &seed, port, &seed_server).await;
        let world = Self {
            _etcds: etcds,
            _stop: stop.drop_guard(),
            shoot: client(&shoot_server).await,
            _seed_server: seed_server,
            shoot_server,
            seed,
            machines,
        };
        let internal = json!({ "kubeconfig": world.shoot_server.kubeconfig });
        world
            .put_secret(&world.seed, NAMESPACE, "gardener-internal", "Opaque", &internal)
            .await;
        world
    }

    async fn put_secret(&self, client: &Client, namespace: &str, name: &str, type_: &str, data: &Value) {
        let secret = json!({ "metadata": { "name": name }, "type": type_, "stringData": data });
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        secrets.create(&PostParams::default(), &object(secret)).await.unwrap();
    }

    /// A Machine with an address, as the machine controller makes it.
    async fn put_machine(&self, name: &str, address: &str) {
        let machines: Api<Machine> = Api::namespaced(self.seed.clone(), NAMESPACE);
        let labels = json!({ "worker.gardener.cloud/gardener-node-agent-secret-name": SECRET });
        let machine = json!({
            "metadata": { "name": name, "labels": { "node": name } },
            "spec": { "nodeTemplate": { "metadata": { "labels": labels } } },
        });
        machines.create(&PostParams::default(), &object(machine)).await.unwrap();
        let addresses = json!([{ "type": "InternalIP", "address": address }, { "type": "Hostname", "address": name }]);
        let status = json!({ "status": { "addresses": addresses } });
        machines
            .patch_status(name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
        let found = || async {
            let known = self
                .machines
                .get(NAMESPACE, name)
                .filter(|known| !known.status.addresses.is_empty());
            known.ok_or("not seen")
        };
        eventually(DEADLINE, "the Machine to be seen", found).await;
    }

    async fn put_node(&self, name: &str, address: &str) {
        let nodes: Api<Node> = Api::all(self.shoot.clone());
        nodes
            .create(&PostParams::default(), &object(json!({ "metadata": { "name": name } })))
            .await
            .unwrap();
        self.claim_addresses(name, &[address]).await;
    }

    async fn claim_addresses(&self, name: &str, addresses: &[&str]) {
        let nodes: Api<Node> = Api::all(self.shoot.clone());
        let addresses = addresses
            .iter()
            .map(|address| json!({ "type": "InternalIP", "address": address }));
        let mut addresses: Vec<Value> = addresses.collect();
        addresses.push(json!({ "type": "Hostname", "address": name }));
        let status = json!({ "status": { "addresses": addresses } });
        nodes
            .patch_status(name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
    }

    async fn put_token(&self, id: &str, machine: &str) {
        let description = format!("A bootstrap token for machine \"{machine}\" managed by machine-controller-manager.");
        let data = json!({
            "token-id": id, "token-secret": "0123456789abcdef", "description": description,
            "usage-bootstrap-authentication": "true", "expiration": "2100-01-01T00:00:00Z",
        });
        let name = format!("bootstrap-token-{id}");
        self.put_secret(
            &self.shoot,
            "kube-system",
            &name,
            "bootstrap.kubernetes.io/token",
            &data,
        )
        .await;
    }

    /// The shoot, as another user sees it.
    async fn as_user(&self, user: &str, groups: &[&str]) -> Client {
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&self.shoot_server.kubeconfig).unwrap();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &Default::default())
            .await
            .unwrap();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(groups.iter().map(|group| (*group).to_owned()).collect());
        Client::try_from(config).unwrap()
    }

    async fn agent(&self, machine: &str) -> Client {
        let user = format!("gardener.cloud:node-agent:machine:{machine}");
        self.as_user(&user, &["gardener.cloud:node-agents", "system:authenticated"])
            .await
    }

    /// Decides about a request as the process does; the outcome's condition and its message.
    async fn outcome(&self, request: &CertificateSigningRequest) -> Result<(String, String), Error> {
        let context = Context {
            namespace: NAMESPACE.to_owned(),
            shoot: self.shoot.clone(),
            machines: self.machines.clone(),
            clock: Arc::new(SystemClock),
        };
        decide(request, &context).await?;
        let requests: Api<CertificateSigningRequest> = Api::all(self.shoot.clone());
        let request = requests.get(&request.name_any()).await.unwrap();
        let conditions = request.status.and_then(|status| status.conditions).unwrap_or_default();
        let condition = conditions.into_iter().next();
        Ok(condition.map_or_else(Default::default, |one| (one.type_, one.message.unwrap_or_default())))
    }
}

/// All kinds at once: a schema that a real API server refuses is found here.
async fn install_kinds(server: &KubeApiServer) {
    let definitions = api::crds::all();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": definitions });
    let file = server.directory.join("crds.json");
    std::fs::write(&file, list.to_string()).unwrap();
    server.kubectl(&["create", "-f", file.to_str().unwrap()]).await.unwrap();
    let established = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
    server.kubectl(&established).await.unwrap();
}

/// An API server with RBAC and our webhook, found by the Service's name as in a seed.
async fn start_shoot(etcd: &Etcd, seed: &Client, port: u16, files: &KubeApiServer) -> KubeApiServer {
    let secrets: Api<Secret> = Api::namespaced(seed.clone(), "garden");
    let data = secrets.get(SECRET_NAME).await.unwrap().data.unwrap();
    let authority = files.directory.join("webhook-ca.crt");
    std::fs::write(&authority, &data["ca.crt"].0).unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "webhook",
        "clusters": [{ "name": "webhook", "cluster": {
            "server": format!("https://127.0.0.1:{port}/webhooks/auth/nodeagent/{NAMESPACE}"),
            "tls-server-name": "gardener-resource-manager.garden.svc",
            "certificate-authority": authority,
        } }],
        "users": [{ "name": "webhook", "user": {} }],
        "contexts": [{ "name": "webhook", "context": { "cluster": "webhook", "user": "webhook" } }],
    });
    let file = files.directory.join("webhook.kubeconfig");
    std::fs::write(&file, kubeconfig.to_string()).unwrap();
    let config = format!("--authorization-webhook-config-file={}", file.display());
    let flags = [
        "--authorization-mode=Webhook",
        "--authorization-webhook-version=v1",
        &config,
    ];
    KubeApiServer::start(etcd, &flags).await
}

fn wish(common_name: &str, organization: &str, names: &[&str], addresses: &[&str]) -> CertificateRequest {
    CertificateRequest {
        common_name: common_name.to_owned(),
        organizations: vec![organization.to_owned()],
        dns_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ip_addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        usages: Vec::new(),
        validity: Duration::from_secs(3600),
    }
}

/// Asks for a certificate; who asks is whose client it is.
async fn ask(
    client: &Client,
    signer: &str,
    purpose: &str,
    wish: &CertificateRequest,
) -> Result<CertificateSigningRequest, kube::Error> {
    let pem = signing_request(wish, &PrivateKey::generate().unwrap()).unwrap();
    let request = json!({
        "metadata": { "generateName": "ask-" },
        "spec": {
            "signerName": format!("kubernetes.io/{signer}"), "request": ByteString(pem.into_bytes()),
            "usages": ["digital signature", purpose],
        },
    });
    let requests: Api<CertificateSigningRequest> = Api::all(client.clone());
    requests.create(&PostParams::default(), &object(request)).await
}

fn agent_wish(machine: &str) -> CertificateRequest {
    wish(
        &format!("gardener.cloud:node-agent:machine:{machine}"),
        "gardener.cloud:node-agents",
        &[],
        &[],
    )
}

#[track_caller]
fn expect(outcome: &(String, String), type_: &str, message: &str) {
    assert!(outcome.0 == type_ && outcome.1.contains(message), "{outcome:?}");
}

/// What kubelets and bootstrap tokens may do comes from roles; here it is enough that they may ask.
async fn let_them_ask(world: &World) {
    for group in ["system:bootstrappers", "system:nodes"] {
        let name = format!("ask:{group}");
        let role = "--clusterrole=system:node-bootstrapper";
        let group = format!("--group={group}");
        world
            .shoot_server
            .kubectl(&["create", "clusterrolebinding", &name, role, &group])
            .await
            .unwrap();
    }
}

const CLIENT: &str = "kube-apiserver-client";

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_gets_its_certificates_and_no_others() {
    let world = World::new().await;
    let_them_ask(&world).await;
    world.put_machine("m1", "10.10.0.11").await;
    world.put_machine("m2", "10.10.0.12").await;
    world.put_token("abc123", "m1").await;
    let groups = ["system:bootstrappers", "system:authenticated"];
    let token = world.as_user("system:bootstrap:abc123", &groups).await;
    a_token_is_its_machines(&world, &token).await;
    a_kubelet_serves_its_own_address(&world).await;
    // m1 has joined: its token is of no more use.
    let request = ask(&token, CLIENT, "client auth", &agent_wish("m1")).await.unwrap();
    expect(&world.outcome(&request).await.unwrap(), "Denied", "is spent");
    a_node_agent_renews_by_itself(&world).await;
    // What others ask for is left as it is.
    let other = wish("somebody", "some-group", &[], &[]);
    let request = ask(&world.shoot, CLIENT, "client auth", &other).await.unwrap();
    assert_eq!(world.outcome(&request).await.unwrap(), (String::new(), String::new()));
}

async fn a_token_is_its_machines(world: &World, token: &Client) {
    let request = ask(token, CLIENT, "client auth", &agent_wish("m2")).await.unwrap();
    expect(
        &world.outcome(&request).await.unwrap(),
        "Denied",
        "made for \"m1\", not for \"m2\"",
    );
    let request = ask(token, CLIENT, "client auth", &agent_wish("m1")).await.unwrap();
    expect(
        &world.outcome(&request).await.unwrap(),
        "Approved",
        "holds the bootstrap token",
    );
    for (node, verdict) in [("m1", "Approved"), ("m2", "Denied")] {
        let node = wish(&format!("system:node:{node}"), "system:nodes", &[], &[]);
        let request = ask(token, "kube-apiserver-client-kubelet", "client auth", &node)
            .await
            .unwrap();
        expect(&world.outcome(&request).await.unwrap(), verdict, "bootstrap token");
    }
}

/// A kubelet's server certificate waits for its Node, and is good for the Machine's address only.
async fn a_kubelet_serves_its_own_address(world: &World) {
    let kubelet = world
        .as_user("system:node:m1", &["system:nodes", "system:authenticated"])
        .await;
    let serving = wish("system:node:m1", "system:nodes", &["m1"], &["10.10.0.11"]);
    let request = ask(&kubelet, "kubelet-serving", "server auth", &serving).await.unwrap();
    assert!(matches!(world.outcome(&request).await, Err(Error::Later(_))));
    world.put_node("m1", "10.10.0.11").await;
    expect(
        &world.outcome(&request).await.unwrap(),
        "Approved",
        "addresses of its Machine",
    );
    world.claim_addresses("m1", &["10.10.0.11", "10.10.0.12"]).await;
    let stolen = wish("system:node:m1", "system:nodes", &["m1"], &["10.10.0.11", "10.10.0.12"]);
    let request = ask(&kubelet, "kubelet-serving", "server auth", &stolen).await.unwrap();
    expect(
        &world.outcome(&request).await.unwrap(),
        "Denied",
        "but its Machine has m1, 10.10.0.11",
    );
}

async fn a_node_agent_renews_by_itself(world: &World) {
    let agent = world.agent("m1").await;
    let request = ask(&agent, CLIENT, "client auth", &agent_wish("m1")).await.unwrap();
    expect(
        &world.outcome(&request).await.unwrap(),
        "Approved",
        "renewed by the node-agent itself",
    );
    let tunnel = |machine: &str| {
        let user = format!("gardener.cloud:tunnel:machine:{machine}");
        wish(&user, "gardener.cloud:tunnels", &[], &[])
    };
    let request = ask(&agent, CLIENT, "client auth", &tunnel("m1")).await.unwrap();
    expect(&world.outcome(&request).await.unwrap(), "Approved", "tunnel client");
    let request = ask(&agent, CLIENT, "client auth", &tunnel("m2")).await.unwrap();
    expect(
        &world.outcome(&request).await.unwrap(),
        "Denied",
        "is not the node-agent of machine \"m2\"",
    );
}

fn is_forbidden<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> bool {
    matches!(result, Err(kube::Error::Api(status)) if status.code == 403)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_agent_reaches_what_is_its_machines() {
    let world = World::new().await;
    world.put_machine("m1", "10.10.0.11").await;
    world.put_machine("m2", "10.10.0.12").await;
    world.put_node("m1", "10.10.0.11").await;
    world.put_node("m2", "10.10.0.12").await;
    for name in [SECRET, "gardener-node-agent-other-0a1b2c3d"] {
        world
            .put_secret(&world.shoot, "kube-system", name, "Opaque", &json!({ "osc.yaml": "x" }))
            .await;
    }
    let (agent, other) = (world.agent("m1").await, world.agent("m2").await);

    let secrets: Api<Secret> = Api::namespaced(agent.clone(), "kube-system");
    assert_eq!(secrets.get(SECRET).await.unwrap().name_any(), SECRET);
    let own = ListParams::default().fields(&format!("metadata.name={SECRET}"));
    assert_eq!(secrets.list(&own).await.unwrap().items.len(), 1);
    assert!(is_forbidden(secrets.get("gardener-node-agent-other-0a1b2c3d").await));
    assert!(is_forbidden(secrets.list(&ListParams::default()).await));

    let nodes: Api<Node> = Api::all(agent.clone());
    let patch = json!({ "metadata": { "annotations": { "checksum/cloud-config-data": "1" } } });
    nodes
        .patch("m1", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    assert!(is_forbidden(
        nodes.patch("m2", &PatchParams::default(), &Patch::Merge(&patch)).await
    ));
    assert!(is_forbidden(nodes.list(&ListParams::default()).await));

    let pods: Api<Pod> = Api::all(agent.clone());
    pods.list(&ListParams::default().fields("spec.nodeName=m1"))
        .await
        .unwrap();
    assert!(is_forbidden(
        pods.list(&ListParams::default().fields("spec.nodeName=m2")).await
    ));
    assert!(is_forbidden(pods.list(&ListParams::default()).await));

    let request = ask(&agent, "kube-apiserver-client", "client auth", &agent_wish("m1"))
        .await
        .unwrap();
    let requests = |client: &Client| Api::<CertificateSigningRequest>::all(client.clone());
    requests(&agent).get(&request.name_any()).await.unwrap();
    assert!(is_forbidden(requests(&other).get(&request.name_any()).await));
    assert!(is_forbidden(requests(&agent).list(&ListParams::default()).await));
    assert!(is_forbidden(nodes.get("m2").await));
    assert!(is_forbidden(Api::<Node>::all(world.agent("m3").await).get("m3").await));
}

/// The Secret's authority outlives restarts; what somebody broke is made anew.
#[tokio::test]
async fn the_serving_certificate_is_kept_and_mended() {
    let cluster = controller::fake::FakeCluster::new();
    let secrets: Api<Secret> = Api::namespaced(cluster.client(), "garden");
    let refresh = || async {
        let certificate = ServingCertificate::new(cluster.client(), "garden", Arc::new(SystemClock));
        certificate.refresh().await.unwrap();
        secrets.get(SECRET_NAME).await.unwrap().data.unwrap()
    };
    let first = refresh().await;
    assert_eq!(refresh().await, first);
    let broken = json!({ "data": { "tls.key": ByteString(b"broken".to_vec()) } });
    secrets
        .patch(SECRET_NAME, &PatchParams::default(), &Patch::Merge(&broken))
        .await
        .unwrap();
    let second = refresh().await;
    assert_eq!(second["ca.crt"], first["ca.crt"], "who trusts it must not be told");
    assert_ne!(second["tls.crt"], first["tls.crt"]);
}
