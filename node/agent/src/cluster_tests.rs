//! A machine joins a real API server, with a double for whoever approves and signs certificates.

use std::{sync::Arc, time::Duration};

use api::config::tunnel_client;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use controller::connect;
use futures::{FutureExt as _, future::join};
use k8s_openapi::{
    ByteString,
    api::{authentication::v1::SelfSubjectReview, certificates::v1::CertificateSigningRequest},
};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use lib_clock::{Clock as _, ManualClock, SystemClock};
use lib_error_chain::ErrorChain;
use lib_pki::{CertificateAuthority, CertificateInfo, Usage};
use plan_node::{BOOTSTRAP_TOKEN, KUBELET_BOOTSTRAP_KUBECONFIG, KUBELET_KUBECONFIG, NODE_AGENT_KUBECONFIG};
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};
use tokio_util::sync::CancellationToken;

use crate::{
    configuration::Configuration,
    download::tests::secret,
    files,
    identity::Identity,
    keeper::tests::Machine,
    layout::PENDING_KEYS,
    process::Agent,
    tunnel,
    wished::tests::{config, file},
};

const DEADLINE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
const TOKEN: &str = "abcdef.0123456789abcdef";

/// A cluster that lets machines in.
struct Cluster {
    server: KubeApiServer,
    client: Client,
    _etcd: Etcd,
}

impl Cluster {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let etcd = Etcd::start().await;
        let server = KubeApiServer::start(&etcd, &["--enable-bootstrap-token-auth=true"]).await;
        let client = connect::from_kubeconfig_file(&server.kubeconfig_path).await.unwrap();
        let cluster = Self {
            server,
            client,
            _etcd: etcd,
        };
        cluster.prepare().await;
        cluster
    }

    async fn prepare(&self) {
        let (id, secret) = TOKEN.split_once('.').unwrap();
        let (id, secret) = (format!("token-id={id}"), format!("token-secret={secret}"));
        let token = [
            "create",
            "secret",
            "generic",
            "bootstrap-token-abcdef",
            "--namespace=kube-system",
        ];
        let data = [
            "--type=bootstrap.kubernetes.io/token",
            "--from-literal",
            &id,
            "--from-literal",
            &secret,
        ];
        let usage = ["--from-literal=usage-bootstrap-authentication=true"];
        self.kubectl(&[&token[..], &data[..], &usage[..]].concat()).await;
        let bind = |name: &'static str, role: &'static str, group: &'static str| {
            vec!["create", "clusterrolebinding", name, role, group]
        };
        let bootstrap = bind(
            "bootstrap",
            "--clusterrole=system:node-bootstrapper",
            "--group=system:bootstrappers",
        );
        self.kubectl(&bootstrap).await;
        // What exactly a node-agent may do is the authorizer's to say, and tested there.
        let agents = bind(
            "agents",
            "--clusterrole=cluster-admin",
            "--group=gardener.cloud:node-agents",
        );
        self.kubectl(&agents).await;
    }

    async fn kubectl(&self, arguments: &[&str]) -> String {
        self.server
            .kubectl(arguments)
            .await
            .unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// Does some work while everything is signed.
    async fn signing<T>(&self, validity: Duration, work: impl Future<Output = T>) -> T {
        tokio::select! {
            () = self.sign_everything(validity) => unreachable!("it goes on until it is dropped"),
            done = tokio::time::timeout(DEADLINE * 2, work) => done.expect("it gets its certificates"),
        }
    }

    /// Approves and signs every request, until it is dropped.
    async fn sign_everything(&self, validity: Duration) {
        let read = |name: &str| fs_err::read_to_string(self.server.directory.join(name)).unwrap();
        let authority = CertificateAuthority::from_pem(&read("ca.crt"), &read("ca.key")).unwrap();
        let api: Api<CertificateSigningRequest> = Api::all(self.client.clone());
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            for request in api.list(&ListParams::default()).await.unwrap() {
                let signed = request
                    .status
                    .as_ref()
                    .is_some_and(|status| status.certificate.is_some());
                if !signed {
                    sign(&api, &authority, &request, validity).await;
                }
            }
        }
    }
}

async fn sign(
    api: &Api<CertificateSigningRequest>,
    authority: &CertificateAuthority,
    request: &CertificateSigningRequest,
    validity: Duration,
) {
    let name = request.metadata.name.as_deref().unwrap();
    let approval = json!({"status": {"conditions": [
        {"type": "Approved", "status": "True", "reason": "Test", "message": "all are"},
    ]}});
    let parameters = PatchParams::default();
    api.patch_approval(name, &parameters, &Patch::Merge(approval))
        .await
        .unwrap();
    let pem = String::from_utf8(request.spec.request.0.clone()).unwrap();
    let certificate = authority
        .sign_request(&pem, &[Usage::Client], validity, &SystemClock)
        .unwrap();
    let certificate = json!({"status": {"certificate": ByteString(certificate.into_bytes())}});
    api.patch_status(name, &parameters, &Patch::Merge(certificate))
        .await
        .unwrap();
}

fn identity(cluster: &Cluster, machine: &Machine) -> Identity {
    files::replace(&machine.at(BOOTSTRAP_TOKEN), 0o600, TOKEN.as_bytes()).unwrap();
    Identity {
        configuration: Arc::new(Configuration {
            machine: "machine-0".into(),
            server: cluster.server.url.clone(),
            ca_file: cluster.server.directory.join("ca.crt"),
            secret: "gardener-node-agent-worker".into(),
            health: None,
        }),
        layout: machine.keeper.layout.clone(),
        clock: Arc::new(SystemClock),
    }
}

async fn publish(cluster: &Cluster, text: &str) {
    let config = config(vec![file("/etc/file", text)], vec![]);
    let mut secret = serde_json::to_value(secret("gardener-node-agent-worker", &config)).unwrap();
    secret["metadata"]["annotations"] = json!({"checksum/data-script": text});
    let api: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(cluster.client.clone(), "kube-system");
    let parameters = PatchParams::apply("test").force();
    api.patch("gardener-node-agent-worker", &parameters, &Patch::Apply(secret))
        .await
        .unwrap();
}

async fn applied(cluster: &Cluster, text: &str) {
    eventually(DEADLINE, "the Node to be annotated", || async {
        let node = cluster
            .server
            .kubectl(&["get", "node", "machine-0", "--output=yaml"])
            .await?;
        ready_when(node.contains(&format!("checksum/cloud-config-data: {text}")), || node)
    })
    .await;
}

/// All of a machine's life: it joins, is configured, configured anew, and found again after an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_joins_and_is_kept() {
    let cluster = Cluster::start().await;
    let machine = Machine::new();
    let identity = identity(&cluster, &machine);
    let at = |path: &str| machine.at(path);
    let shutdown = CancellationToken::new();
    let script = async {
        // The configuration may come later than the machine.
        eventually(DEADLINE, "the kubelet's first contact", || async {
            ready_when(at(KUBELET_BOOTSTRAP_KUBECONFIG).exists(), || "no kubeconfig".into())
        })
        .await;
        publish(&cluster, "one").await;
        eventually(DEADLINE, "the file", || async {
            let text = fs_err::read_to_string(at("/etc/file")).map_err(|error| error.to_string())?;
            ready_when(text == "one", || text)
        })
        .await;
        // The kubelet comes, and with it the Node.
        files::replace(&at(KUBELET_KUBECONFIG), 0o600, b"{}").unwrap();
        cluster
            .kubectl(&["create", "--raw=/api/v1/nodes", "--filename", &node_file(&machine)])
            .await;
        applied(&cluster, "one").await;
        publish(&cluster, "two").await;
        applied(&cluster, "two").await;
        assert_eq!(machine.read("/etc/file"), "two");
        look_around(&cluster, &machine).await;
        shutdown.cancel();
    };
    let agent = agent(&machine, &identity);
    tokio::select! {
        () = cluster.sign_everything(DAY) => {}
        ((), ()) = async { tokio::join!(agent.run(&shutdown), script) } => {}
    }

    // A process that begins again needs neither the token nor anybody who signs.
    assert!(!at(BOOTSTRAP_TOKEN).exists() && !at(KUBELET_BOOTSTRAP_KUBECONFIG).exists());
    let again = self::agent(&machine, &identity);
    let shutdown = CancellationToken::new();
    let script = async {
        publish(&cluster, "three").await;
        applied(&cluster, "three").await;
        shutdown.cancel();
    };
    tokio::join!(again.run(&shutdown), script);
}

fn agent(machine: &Machine, identity: &Identity) -> Agent {
    Agent {
        keeper: machine.keeper_again(),
        identity: identity.clone(),
    }
}

fn node_file(machine: &Machine) -> String {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {
        "name": "machine-0",
        "annotations": {"worker.gardener.cloud/restart-systemd-services": "kubelet, containerd.service"},
    }});
    let path = machine.at("/node.json");
    fs_err::write(&path, node.to_string()).unwrap();
    path.display().to_string()
}

/// What else a joined machine has.
async fn look_around(cluster: &Cluster, machine: &Machine) {
    eventually(DEADLINE, "the Lease", || async {
        let lease = [
            "get",
            "lease",
            "--namespace=kube-system",
            "gardener-node-agent-machine-0",
            "--output=yaml",
        ];
        let lease = cluster.server.kubectl(&lease).await?;
        ready_when(lease.contains("kind: Node") && lease.contains("renewTime"), || lease)
    })
    .await;
    eventually(DEADLINE, "the certificate of the tunnel's client", || async {
        let pem =
            fs_err::read_to_string(machine.at(tunnel_client::CERTIFICATE_FILE)).map_err(|error| error.to_string())?;
        let info = CertificateInfo::from_pem(&pem).map_err(|error| error.to_string())?;
        let right = info.common_name == "gardener.cloud:tunnel:machine:machine-0"
            && info.organizations == ["gardener.cloud:tunnels"];
        ready_when(right, || format!("{info:?}"))
    })
    .await;
    let calls = machine.calls();
    for asked in ["restart kubelet.service", "restart containerd.service"] {
        assert!(calls.iter().any(|call| call == asked), "{asked} is not among {calls:?}");
    }
    let node = cluster.kubectl(&["get", "node", "machine-0", "--output=yaml"]).await;
    assert!(!node.contains("restart-systemd-services"), "{node}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_told_from_an_absent_server_and_tried_again() {
    let cluster = Cluster::start().await;
    let machine = Machine::new();
    let identity = identity(&cluster, &machine);
    let error = |error: crate::identity::IdentityError| ErrorChain(&error).to_string();

    files::remove(&machine.at(BOOTSTRAP_TOKEN)).unwrap();
    assert_eq!(
        error(identity.try_establish().await.err().unwrap()),
        "there is neither a valid certificate nor a bootstrap token: this machine has to be replaced"
    );

    files::replace(&machine.at(BOOTSTRAP_TOKEN), 0o600, b"abcdef.ffffffffffffffff").unwrap();
    let refused = error(identity.try_establish().await.err().unwrap());
    assert!(
        refused.starts_with(
            "the API server does not accept the bootstrap token: it is not announced yet, wrong, expired or used up"
        ),
        "{refused}"
    );

    let mut elsewhere = identity.clone();
    elsewhere.configuration = Arc::new(Configuration {
        server: "https://127.0.0.1:1".into(),
        ..(*identity.configuration).clone()
    });
    let away = error(elsewhere.try_establish().await.err().unwrap());
    assert!(
        away.starts_with("failed to get a certificate: failed to ask for a certificate for "),
        "{away}"
    );

    // It waits, and the right token is taken when it is there.
    let establish = identity.establish();
    let script = async {
        files::replace(&machine.at(BOOTSTRAP_TOKEN), 0o600, TOKEN.as_bytes()).unwrap();
        cluster.sign_everything(DAY).await;
    };
    tokio::select! {
        _ = establish => {}
        () = script => {}
    }
    assert!(machine.at(NODE_AGENT_KUBECONFIG).exists());
}

/// Both certificates are exchanged before they end, with nothing but node-agent's own: the token is gone by then.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_before_they_end() {
    let cluster = Cluster::start().await;
    let machine = Machine::new();
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let identity = Identity {
        clock: clock.clone(),
        ..identity(&cluster, &machine)
    };
    let client = cluster.signing(DAY, identity.establish()).await;
    let agents_first = agents_certificate(&machine);
    let tunnels_first = tunnels_certificate(&client, &identity, &machine, None);
    let tunnels_first = cluster.signing(DAY, tunnels_first).await;
    files::remove(&machine.at(BOOTSTRAP_TOKEN)).unwrap();
    assert_eq!(asks(&client, &identity, &machine), 0, "it is too early for both");

    // The API server's clock goes on as ever: to it, all of them are valid all the time.
    clock.advance(DAY * 9 / 10);
    assert_eq!(asks(&client, &identity, &machine), 2, "it is time for both");
    // The next live for longer: to a clock that is ahead, they would be due again at once.
    cluster.signing(DAY * 10, identity.renewed(&client)).await;
    let client = identity.try_establish().await.unwrap();
    let tunnels = tunnels_certificate(&client, &identity, &machine, Some(&tunnels_first));
    let tunnels = cluster.signing(DAY * 10, tunnels).await;
    for (first, second) in [(agents_first, agents_certificate(&machine)), (tunnels_first, tunnels)] {
        assert_ne!(first.serial_number, second.serial_number);
        assert_ne!(first.public_key_der, second.public_key_der);
        assert!(first.not_after < second.not_after, "{first:?} {second:?}");
    }
    assert_eq!(user(&client).await, "gardener.cloud:node-agent:machine:machine-0");
    let tunnels_client = tunnels_client(&identity, &machine).await;
    assert_eq!(user(&tunnels_client).await, "gardener.cloud:tunnel:machine:machine-0");
    assert_eq!(asks(&client, &identity, &machine), 0, "the new ones are good");
}

fn agents_certificate(machine: &Machine) -> CertificateInfo {
    let kubeconfig: Value = serde_json::from_str(&machine.read(NODE_AGENT_KUBECONFIG)).unwrap();
    let encoded = kubeconfig["users"][0]["user"]["client-certificate-data"].as_str();
    let pem = BASE64.decode(encoded.unwrap()).unwrap();
    CertificateInfo::from_pem(&String::from_utf8(pem).unwrap()).unwrap()
}

/// Keeps the tunnel's certificate until there is one, and another than before.
async fn tunnels_certificate(
    client: &Client,
    identity: &Identity,
    machine: &Machine,
    before: Option<&CertificateInfo>,
) -> CertificateInfo {
    let before = before.map(|before| before.serial_number.as_str());
    let look = || async {
        let path = machine.at(tunnel_client::CERTIFICATE_FILE);
        let pem = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
        let found = CertificateInfo::from_pem(&pem).map_err(|error| error.to_string())?;
        let is_another = before != Some(found.serial_number.as_str());
        ready_when(is_another, || format!("still {found:?}"))?;
        Ok::<_, String>(found)
    };
    tokio::select! {
        () = tunnel::keep_certificate(client, identity) => unreachable!("it goes on until it is dropped"),
        found = eventually(DEADLINE, "another certificate of the tunnel's client", look) => found,
    }
}

/// Looks at both certificates once: for how many others is asked. Before anything is asked, its key is on disk.
fn asks(client: &Client, identity: &Identity, machine: &Machine) -> usize {
    let looks = join(identity.renewed(client), tunnel::keep_certificate(client, identity));
    assert!(looks.now_or_never().is_none());
    fs_err::read_dir(machine.at(PENDING_KEYS)).unwrap().count()
}

/// A client with the certificate of the tunnel's.
async fn tunnels_client(identity: &Identity, machine: &Machine) -> Client {
    let encoded = |path: &str| BASE64.encode(machine.read(path));
    let user = json!({
        "client-certificate-data": encoded(tunnel_client::CERTIFICATE_FILE),
        "client-key-data": encoded(tunnel_client::KEY_FILE),
    });
    let kubeconfig = identity.kubeconfig(&user);
    connect::from_kubeconfig_str(&kubeconfig).await.unwrap()
}

/// As whom the API server knows a client.
async fn user(client: &Client) -> String {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = SelfSubjectReview::default();
    let review = api.create(&PostParams::default(), &review).await.unwrap();
    review.status.unwrap().user_info.unwrap().username.unwrap()
}
