//! A garden for one test: real etcd, real kube-apiserver, and our API server behind its aggregator.

use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;
use garden_apiserver::{Arguments, listen};
use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually};
use tokio_util::sync::CancellationToken;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const DEADLINE: Duration = Duration::from_secs(60);

/// A running garden.
pub(crate) struct Garden {
    pub(crate) kube: KubeApiServer,
    files: tempfile::TempDir,
    end: CancellationToken,
    _etcd: Etcd,
}

impl Drop for Garden {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

/// An address of this machine that is not loopback: an EndpointSlice takes no other. Nothing is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("open a socket");
    socket
        .connect("198.51.100.1:9")
        .expect("this test needs a network interface with a route");
    socket.local_addr().expect("a connected socket has an address").ip()
}

impl Garden {
    /// Starts everything, and waits until the aggregator passes requests on.
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let etcd = Etcd::start().await;
        let kube = KubeApiServer::start(&etcd, &[]).await;
        let files = tempfile::tempdir().expect("make a temporary directory");
        let authority = CertificateAuthority::generate("ca-gardener", YEAR, &SystemClock).expect("make an authority");
        let server = CertificateRequest::server(
            "gardener-apiserver",
            vec!["gardener-apiserver.kube-system.svc".to_owned()],
            Vec::new(),
            YEAR,
        );
        let server = authority.issue(&server, &SystemClock).expect("issue a certificate");
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs_err::write(&path, text).expect("write a file");
            path.display().to_string()
        };
        let kubeconfig = kube.kubeconfig_path.display();
        let command = Command::parse_from([
            "gardener-apiserver".to_owned(),
            "--secure-port=0".to_owned(),
            "--cluster-identity=garden-test".to_owned(),
            format!("--etcd-servers={}", etcd.endpoint),
            format!("--tls-cert-file={}", write("tls.crt", &server.certificate_pem)),
            format!(
                "--tls-private-key-file={}",
                write("tls.key", &server.private_key.to_pem())
            ),
            format!("--kubeconfig={kubeconfig}"),
        ]);
        let listening = listen(command.arguments).await.expect("start gardener-apiserver");
        let (port, end) = (listening.address().port(), CancellationToken::new());
        tokio::spawn(listening.serve(end.clone()));
        let garden = Self {
            kube,
            files,
            end,
            _etcd: etcd,
        };
        garden.register(port, authority.certificate_pem()).await;
        garden
    }

    /// Tells the aggregator where we are, just as the operator does it.
    async fn register(&self, port: u16, authority: &str) {
        let metadata = json!({ "name": "gardener-apiserver", "namespace": "kube-system" });
        let mut slice_metadata = metadata.clone();
        slice_metadata["labels"] = json!({ "kubernetes.io/service-name": "gardener-apiserver" });
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": { "ports": [{ "name": "https", "port": 443 }] },
        }))
        .await;
        self.apply(&json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": slice_metadata, "addressType": "IPv4",
            "endpoints": [{ "addresses": [own_address()], "conditions": { "ready": true } }],
            "ports": [{ "name": "https", "port": port, "protocol": "TCP" }],
        }))
        .await;
        let versions = [
            ("core.gardener.cloud", "v1beta1", 20),
            ("core.gardener.cloud", "v1", 10),
            ("security.gardener.cloud", "v1alpha1", 10),
        ];
        for (group, version, priority) in versions {
            let bundle = k8s_openapi::ByteString(authority.as_bytes().to_vec());
            self.apply(&json!({
                "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
                "metadata": { "name": format!("{version}.{group}") },
                "spec": {
                    "group": group, "version": version, "groupPriorityMinimum": 10000, "versionPriority": priority,
                    "caBundle": bundle,
                    "service": { "name": "gardener-apiserver", "namespace": "kube-system", "port": 443 },
                },
            }))
            .await;
            let name = format!("apiservice/{version}.{group}");
            eventually(DEADLINE, &format!("{name} to be available"), || async {
                let status = self
                    .kube
                    .kubectl(&["get", &name, "-o", "jsonpath={.status.conditions[0]}"])
                    .await?;
                testing_testkit::ready_when(status.contains("\"status\":\"True\""), || status)
            })
            .await;
        }
    }

    /// Writes an object to a file for kubectl.
    pub(crate) fn file(&self, object: &Value) -> PathBuf {
        let path = self.files.path().join("object.json");
        fs_err::write(&path, object.to_string()).expect("write a file");
        path
    }

    /// `kubectl apply`, which must succeed.
    #[track_caller]
    pub(crate) fn apply<'a>(&'a self, object: &'a Value) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            self.try_apply(object)
                .await
                .unwrap_or_else(|error| panic!("{caller}: {error}"))
        }
    }

    /// `kubectl apply`.
    pub(crate) async fn try_apply(&self, object: &Value) -> Result<String, String> {
        let path = self.file(object).display().to_string();
        self.kube.kubectl(&["apply", "-f", &path]).await
    }

    /// PUT of an object to a path.
    pub(crate) async fn put(&self, path: &str, object: &Value) -> Result<String, String> {
        let file = self.file(object).display().to_string();
        self.kube.kubectl(&["replace", "--raw", path, "-f", &file]).await
    }

    /// POST of an object to a path.
    pub(crate) async fn post(&self, path: &str, object: &Value) -> Result<String, String> {
        let file = self.file(object).display().to_string();
        self.kube.kubectl(&["create", "--raw", path, "-f", &file]).await
    }

    /// An object by its path.
    #[track_caller]
    pub(crate) fn get<'a>(&'a self, path: &'a str) -> impl Future<Output = Value> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let text = self
                .kube
                .kubectl(&["get", "--raw", path])
                .await
                .unwrap_or_else(|error| panic!("{caller}: {error}"));
            serde_json::from_str(&text).expect("the answer is JSON")
        }
    }
}
