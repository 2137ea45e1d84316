//! Real servers on loopback ports, each in a temporary directory: etcd, and a kube-apiserver on it.

use std::{
    net::{IpAddr, Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{eventually, process::TestProcess, upstream};

/// How long a server may take until it answers; generous, since two cores may be busy with compiling.
const START_DEADLINE: Duration = Duration::from_secs(90);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A free port of loopback. Another process may take it before it is used: then the server's start fails, loudly.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A real etcd without TLS, for one test.
#[derive(Debug)]
pub struct Etcd {
    /// Where clients connect, `http://127.0.0.1:<port>`.
    pub endpoint: String,
    process: TestProcess,
    _directory: tempfile::TempDir,
}

impl Etcd {
    /// Starts etcd and waits until it is healthy.
    ///
    /// # Panics
    /// When it does not become healthy in time.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().expect("make a temporary directory");
        let (client, peer) = (free_port(), free_port());
        let endpoint = format!("http://127.0.0.1:{client}");
        let peer_url = format!("http://127.0.0.1:{peer}");
        let arguments = [
            "etcd".to_owned(),
            format!("--data-dir={}", directory.path().join("data").display()),
            format!("--listen-client-urls={endpoint}"),
            format!("--advertise-client-urls={endpoint}"),
            format!("--listen-peer-urls={peer_url}"),
            format!("--initial-advertise-peer-urls={peer_url}"),
            format!("--initial-cluster=default={peer_url}"),
            // Tests make and lose their data at once: there is nothing to keep safe from a power cut.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ];
        let process = TestProcess::start("etcd", &upstream::hyperkube(), &arguments, directory.path());
        eventually(START_DEADLINE, "etcd to be healthy", || async {
            let answer = plain_get(client, "/health")
                .await
                .map_err(|error| format!("{error}\n{}", process.log_tail()))?;
            crate::ready_when(answer.contains("\"health\":\"true\""), || answer)
        })
        .await;
        Self {
            endpoint,
            process,
            _directory: directory,
        }
    }

    /// The server's process.
    #[must_use]
    pub fn process(&self) -> &TestProcess {
        &self.process
    }
}

/// A real kube-apiserver on an [`Etcd`], for one test, with RBAC and a user who may do everything.
#[derive(Debug)]
pub struct KubeApiServer {
    /// A kubeconfig of a member of `system:masters`, with certificates inlined by file path.
    pub kubeconfig: String,
    /// The same kubeconfig as a file.
    pub kubeconfig_path: PathBuf,
    /// Where its certificates and keys lie: `ca.crt`, `ca.key`, `front-proxy-ca.crt`, `admin.crt`, `admin.key`.
    pub directory: PathBuf,
    /// `https://127.0.0.1:<port>`.
    pub url: String,
    _process: TestProcess,
    _directory: tempfile::TempDir,
}

impl KubeApiServer {
    /// Starts a kube-apiserver on `etcd` with further flags, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready in time.
    pub async fn start(etcd: &Etcd, flags: &[&str]) -> Self {
        let temporary = tempfile::tempdir().expect("make a temporary directory");
        let directory = temporary.path().to_owned();
        write_certificates(&directory);
        let (port, health) = (free_port(), "/readyz");
        let url = format!("https://127.0.0.1:{port}");
        let mut arguments = arguments(&directory, &etcd.endpoint, port);
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let process = TestProcess::start("kube-apiserver", &upstream::hyperkube(), &arguments, &directory);
        let kubeconfig = kubeconfig(&directory, &url);
        let kubeconfig_path = directory.join("kubeconfig");
        fs_err::write(&kubeconfig_path, &kubeconfig).expect("write the kubeconfig");
        eventually(START_DEADLINE, "kube-apiserver to be ready", || async {
            let output = kubectl(&kubeconfig_path, &["get", "--raw", health]).await;
            output.map_err(|error| format!("{error}\n{}", process.log_tail()))
        })
        .await;
        Self {
            kubeconfig,
            kubeconfig_path,
            directory,
            url,
            _process: process,
            _directory: temporary,
        }
    }

    /// Runs the real kubectl against this server; `Err` holds what it printed to standard error.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        kubectl(&self.kubeconfig_path, arguments).await
    }
}

async fn kubectl(kubeconfig: &std::path::Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = tokio::process::Command::new(upstream::hyperkube());
    command
        .arg("kubectl")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(arguments)
        .kill_on_drop(true);
    let output = command.output().await.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn arguments(directory: &std::path::Path, etcd: &str, port: u16) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    vec![
        "kube-apiserver".to_owned(),
        format!("--etcd-servers={etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--authorization-mode=RBAC".to_owned(),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--service-account-key-file={}", file("server.crt")),
        format!("--service-account-signing-key-file={}", file("server.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        format!("--requestheader-client-ca-file={}", file("front-proxy-ca.crt")),
        "--requestheader-allowed-names=front-proxy".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", file("front-proxy.crt")),
        format!("--proxy-client-key-file={}", file("front-proxy.key")),
        "--enable-aggregator-routing=true".to_owned(),
    ]
}

fn write_certificates(directory: &std::path::Path) {
    let clock = Arc::new(SystemClock);
    let authority = |name: &str| CertificateAuthority::generate(name, YEAR, &*clock).expect("make an authority");
    let (ca, front_proxy) = (authority("test-ca"), authority("test-front-proxy-ca"));
    let write = |name: &str, text: &str| fs_err::write(directory.join(name), text).expect("write a certificate");
    write("ca.crt", ca.certificate_pem());
    write("ca.key", &ca.private_key().to_pem());
    write("front-proxy-ca.crt", front_proxy.certificate_pem());
    let issue = |file: &str, authority: &CertificateAuthority, request: CertificateRequest| {
        let issued = authority.issue(&request, &*clock).expect("issue a certificate");
        write(&format!("{file}.crt"), &issued.certificate_pem);
        write(&format!("{file}.key"), &issued.private_key.to_pem());
    };
    let names = vec!["localhost".to_owned()];
    let addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    issue(
        "server",
        &ca,
        CertificateRequest::server("kube-apiserver", names, addresses, YEAR),
    );
    issue(
        "admin",
        &ca,
        CertificateRequest::client("admin", vec!["system:masters".to_owned()], YEAR),
    );
    issue(
        "front-proxy",
        &front_proxy,
        CertificateRequest::client("front-proxy", Vec::new(), YEAR),
    );
}

fn kubeconfig(directory: &std::path::Path, url: &str) -> String {
    let file = |name: &str| directory.join(name).display().to_string();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters:\n- name: test\n  cluster:\n    server: {url}\n    certificate-authority: {}\n\
         users:\n- name: test\n  user:\n    client-certificate: {}\n    client-key: {}\n\
         contexts:\n- name: test\n  context:\n    cluster: test\n    user: test\n",
        file("ca.crt"),
        file("admin.crt"),
        file("admin.key"),
    )
}

/// A GET over plain HTTP on loopback, as short as can be: the answer's whole text.
async fn plain_get(port: u16, path: &str) -> Result<String, String> {
    let io = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes())
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    io.await.map_err(|error| error.to_string())
}
