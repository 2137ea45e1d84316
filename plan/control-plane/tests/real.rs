//! The planned arguments, given to the real programs: they start, they are secure, and they do what the role is for.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::control_plane;
use k8s_openapi::api::core::v1::Pod;
use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest, PrivateKey, Usage, signing_request};
use plan_control_plane::{
    ComponentAccess, EncryptionKey, Role, StaticPods, StaticPodsOptions, encryption_configuration,
};
use testing_testkit::{TestProcess, eventually, upstream};

const DEADLINE: Duration = Duration::from_secs(120);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A control plane of real processes in a temporary directory.
struct Running {
    directory: tempfile::TempDir,
    ports: BTreeMap<&'static str, u16>,
    processes: Vec<(String, TestProcess)>,
}

impl Running {
    fn start(role: Role) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ports = ["2379", "2380", "2381", "6443", "10257", "10259"].map(|port| (port, free_port()));
        let mut running = Self {
            ports: BTreeMap::from(ports),
            directory,
            processes: Vec::new(),
        };
        let mut plane = control_plane(role);
        plane.secrets.controller_manager_access = ComponentAccess::Kubeconfig("controller-manager".to_owned());
        plane.secrets.scheduler_access = ComponentAccess::Kubeconfig("scheduler".to_owned());
        plane.etcd.endpoints = vec!["https://127.0.0.1:2379".to_owned()];
        let path = |name: &str| running.directory.path().join(name).display().to_string();
        let options = StaticPodsOptions {
            files_directory: path("files"),
            data_directory: path("data"),
        };
        let planned = StaticPods::plan(&plane, &options);
        write_files(&planned, &running);
        for pod in planned
            .pods
            .iter()
            .filter(|pod| role.has_nodes() || !name(pod).ends_with("kube-scheduler"))
        {
            running.start_pod(pod);
        }
        running
    }

    /// Runs a pod's container here: its mounts become the host's directories, its ports free ones.
    fn start_pod(&mut self, pod: &Pod) {
        let spec = pod.spec.as_ref().unwrap();
        let container = &spec.containers[0];
        // A directory that containers share is none of the host's: there is no other container here.
        let host_path = |volume: &str| {
            let mut volumes = spec.volumes.iter().flatten();
            let volume = volumes.find(|known| known.name == volume)?;
            Some(volume.host_path.clone()?.path)
        };
        let mounts = container.volume_mounts.iter().flatten();
        let mut mounts: Vec<(String, String)> = mounts
            .filter_map(|mount| Some((mount.mount_path.clone(), host_path(&mount.name)?)))
            .collect();
        // The longest first: one path may be the beginning of another.
        mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let translate = |argument: &String| {
            let mut argument = argument.replace("=0.0.0.0", "=127.0.0.1");
            for (path, host) in &mounts {
                argument = argument.replace(&format!("={path}"), &format!("={host}"));
            }
            self.ports.iter().fold(argument, |argument, (port, free)| {
                argument
                    .replace(&format!(":{port}"), &format!(":{free}"))
                    .replace(&format!("-port={port}"), &format!("-port={free}"))
            })
        };
        let arguments: Vec<String> = container.command.iter().flatten().map(translate).collect();
        let process = TestProcess::start(
            &container.name,
            &upstream::hyperkube(),
            &arguments,
            self.directory.path(),
        );
        self.processes.push((container.name.clone(), process));
    }

    fn api_server_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports["6443"])
    }

    async fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = tokio::process::Command::new(upstream::hyperkube());
        let kubeconfig = self.directory.path().join("admin.kubeconfig");
        command
            .arg("kubectl")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .kill_on_drop(true);
        let output = command.output().await.unwrap();
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// kubectl as another user.
    async fn kubectl_as(&self, user: &str, arguments: &[&str]) -> Result<String, String> {
        let path = self.directory.path().join(format!("{user}.kubeconfig"));
        let kubeconfig = format!("--kubeconfig={}", path.display());
        self.kubectl(&[arguments, &[kubeconfig.as_str()]].concat()).await
    }

    /// A file of the test's own.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        fs_err::write(&path, text).unwrap();
        path.display().to_string()
    }

    async fn anonymous(&self, path: &str) -> Result<String, String> {
        let nobody = self.directory.path().join("nobody.kubeconfig");
        fs_err::write(&nobody, "apiVersion: v1\nkind: Config\n").unwrap();
        let kubeconfig = format!("--kubeconfig={}", nobody.display());
        let server = format!("--server={}", self.api_server_url());
        // kubectl asks for a name when it has none; the API server knows no such names, so this one is nobody's.
        let name = ["--username=nobody", "--password=nothing", "--insecure-skip-tls-verify"];
        self.kubectl(&[&["get", "--raw", path, &kubeconfig, &server], name.as_slice()].concat())
            .await
    }

    /// Waits until kubectl succeeds; the last lines of all logs are in the failure's message.
    async fn wait_for(&self, what: &str, arguments: &[&str]) -> String {
        eventually(DEADLINE, what, || async {
            self.kubectl(arguments).await.map_err(|error| {
                let logs = self
                    .processes
                    .iter()
                    .map(|(name, process)| format!("\n{name}: {}", process.log_tail()));
                error + &logs.collect::<String>()
            })
        })
        .await
    }
}

fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The contents that the secrets manager would make, by the name of the Secret without its version.
fn write_files(planned: &StaticPods, running: &Running) {
    let base = running.directory.path().join("files");
    let contents = contents(running);
    for file in &planned.files {
        let path = base.join(&file.path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        let text = match (&file.secret, &file.content) {
            (Some((secret, key)), _) => {
                let known = contents
                    .iter()
                    .find(|((name, known), _)| secret.starts_with(name.as_str()) && known == key);
                known
                    .unwrap_or_else(|| panic!("no content for {secret} {key}"))
                    .1
                    .clone()
            }
            // The configuration of authorization names a file beside it.
            (None, content) => content.clone().unwrap().replace(
                "/etc/kubernetes/structured/authorization-kubeconfigs",
                &base.join("authorization-kubeconfigs").display().to_string(),
            ),
        };
        fs_err::write(path, text).unwrap();
    }
    fs_err::create_dir_all(running.directory.path().join("data")).unwrap();
}

type Contents = Vec<((String, String), String)>;

/// Authorities of a control plane.
struct Authorities {
    ca: CertificateAuthority,
    client: CertificateAuthority,
    etcd: CertificateAuthority,
    front_proxy: CertificateAuthority,
    kubelet: CertificateAuthority,
}

fn contents(running: &Running) -> Contents {
    let authority = |name: &str| CertificateAuthority::generate(name, DAY, &SystemClock).unwrap();
    let authorities = Authorities {
        ca: authority("ca"),
        client: authority("client"),
        etcd: authority("etcd"),
        front_proxy: authority("front-proxy"),
        kubelet: authority("kubelet"),
    };
    let mut found = authority_files(&authorities);
    found.extend(certificate_files(&authorities));
    let url = running.api_server_url();
    let kubeconfig = |user: &str, group: &str| kubeconfig(&url, &authorities.ca, &authorities.client, user, group);
    found.push(file(
        "controller-manager",
        "kubeconfig",
        kubeconfig("system:kube-controller-manager", "none"),
    ));
    found.push(file(
        "scheduler",
        "kubeconfig",
        kubeconfig("system:kube-scheduler", "none"),
    ));
    for (user, name, group) in [
        ("admin", "admin", "system:masters"),
        ("node", "system:node:one", "system:nodes"),
        (
            "node-agent",
            "gardener.cloud:node-agent:machine:one",
            "gardener.cloud:node-agents",
        ),
    ] {
        let path = running.directory.path().join(format!("{user}.kubeconfig"));
        fs_err::write(path, kubeconfig(name, group)).unwrap();
    }
    found.push(file(
        "kube-apiserver-authorization-webhooks-kubeconfigs",
        "node-agent-authorizer-kubeconfig.yaml",
        kubeconfig("webhook", "none").replace(&url, "https://127.0.0.1:1"),
    ));
    let key = PrivateKey::generate().unwrap();
    found.push(file("service-account-key-bundle", "bundle.key", key.public_key_pem()));
    found.push(file("service-account-key", "id_rsa", key.to_pem()));
    let key = EncryptionKey {
        name: "key1".to_owned(),
        secret: STANDARD.encode([7_u8; 32]),
    };
    let encryption = encryption_configuration(&["secrets"], &[key]).unwrap();
    found.push(file(
        "kube-apiserver-etcd-encryption-configuration",
        "encryption-configuration.yaml",
        encryption,
    ));
    found
}

fn file(secret: &str, key: &str, text: String) -> ((String, String), String) {
    ((secret.to_owned(), key.to_owned()), text)
}

fn authority_files(authorities: &Authorities) -> Contents {
    let bundles = [
        ("ca-client-bundle", &authorities.client),
        ("ca-etcd-bundle", &authorities.etcd),
        ("ca-front-proxy-bundle", &authorities.front_proxy),
        ("ca-kubelet-bundle", &authorities.kubelet),
        ("ca-bundle", &authorities.ca),
    ];
    let bundle = |(name, authority): (&str, &CertificateAuthority)| {
        file(name, "bundle.crt", authority.certificate_pem().to_owned())
    };
    let mut found: Contents = bundles.into_iter().map(bundle).collect();
    for (name, authority) in [("ca-client", &authorities.client), ("ca-kubelet", &authorities.kubelet)] {
        found.push(file(name, "ca.crt", authority.certificate_pem().to_owned()));
        found.push(file(name, "ca.key", authority.private_key().to_pem()));
    }
    found
}

fn certificate_files(authorities: &Authorities) -> Contents {
    let client = |name: &str, group: &str| CertificateRequest::client(name, vec![group.to_owned()], DAY);
    let server = |name: &str| {
        CertificateRequest::server(
            name,
            vec!["localhost".to_owned()],
            vec![Ipv4Addr::LOCALHOST.into()],
            DAY,
        )
    };
    let certificates = [
        ("etcd-server", &authorities.etcd, server("etcd")),
        ("etcd-client", &authorities.etcd, client("etcd-client", "etcd")),
        (
            "kube-aggregator",
            &authorities.front_proxy,
            client("front-proxy-client", "none"),
        ),
        (
            "kube-apiserver-kubelet",
            &authorities.kubelet,
            client("system:kube-apiserver:kubelet", "none"),
        ),
        ("kube-apiserver-2", &authorities.ca, server("kube-apiserver")),
    ];
    let mut found = Contents::new();
    for (name, authority, request) in certificates {
        let issued = authority.issue(&request, &SystemClock).unwrap();
        found.push(file(name, "tls.crt", issued.certificate_pem));
        found.push(file(name, "tls.key", issued.private_key.to_pem()));
    }
    found
}

fn kubeconfig(url: &str, ca: &CertificateAuthority, client: &CertificateAuthority, user: &str, group: &str) -> String {
    let request = CertificateRequest {
        usages: vec![Usage::Client],
        ..CertificateRequest::client(user, vec![group.to_owned()], DAY)
    };
    let issued = client.issue(&request, &SystemClock).unwrap();
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\nclusters: [{{name: x, cluster: {{server: '{url}', certificate-authority-data: {}}}}}]\nusers: [{{name: x, user: {{client-certificate-data: {}, client-key-data: {}}}}}]\n",
        STANDARD.encode(ca.certificate_pem()),
        STANDARD.encode(issued.certificate_pem),
        STANDARD.encode(issued.private_key.to_pem()),
    )
}

fn contains(path: &Path, needle: &[u8]) -> bool {
    fs_err::read(path)
        .unwrap()
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn a_workerless_control_plane_serves_what_it_is_for() {
    let running = Running::start(Role::WorkerlessShoot);
    running
        .wait_for("the API server to be ready", &["get", "--raw", "/readyz"])
        .await;
    // The controllers work: they make the default service account and publish the authority.
    running
        .wait_for(
            "the default service account",
            &["get", "serviceaccount", "default", "-n", "default"],
        )
        .await;
    running
        .wait_for(
            "the published authority",
            &["get", "configmap", "kube-root-ca.crt", "-n", "default"],
        )
        .await;
    let token = running.kubectl(&["create", "token", "default"]).await.unwrap();
    assert_eq!(token.trim().split('.').count(), 3);
    // What needs nodes is not there.
    let groups = running.kubectl(&["api-versions"]).await.unwrap();
    assert!(
        !groups.contains("apps/v1") && !groups.contains("storage.k8s.io/v1"),
        "{groups}"
    );
    assert!(
        groups.contains("apiextensions.k8s.io/v1") && groups.contains("rbac.authorization.k8s.io/v1"),
        "{groups}"
    );
    // Secrets are not readable in etcd's file.
    running
        .kubectl(&[
            "create",
            "secret",
            "generic",
            "test",
            "--from-literal=password=not-to-be-found",
        ])
        .await
        .unwrap();
    let database = running.directory.path().join("data/member/snap/db");
    eventually(DEADLINE, "the secret in etcd's file", || async {
        if contains(&database, b"k8s:enc:aescbc:v1:key1:") {
            Ok(())
        } else {
            Err("no encrypted value yet")
        }
    })
    .await;
    assert!(!contains(&database, b"not-to-be-found"));
    // Without credentials there is health, and nothing else.
    assert_eq!(running.anonymous("/readyz").await.unwrap(), "ok");
    assert!(running.anonymous("/api").await.unwrap_err().contains("Unauthorized"));
}

#[tokio::test]
async fn a_seed_control_plane_has_all_of_kubernetes() {
    let running = Running::start(Role::Seed);
    running
        .wait_for("the API server to be ready", &["get", "--raw", "/readyz"])
        .await;
    running
        .wait_for(
            "the default service account",
            &["get", "serviceaccount", "default", "-n", "default"],
        )
        .await;
    running
        .kubectl(&["create", "deployment", "test", "--image=test"])
        .await
        .unwrap();
    running
        .wait_for(
            "the deployment's pod",
            &["wait", "--for=create", "pod", "-l", "app=test", "--timeout=1s"],
        )
        .await;
}

#[tokio::test]
async fn the_garden_has_no_workload() {
    let running = Running::start(Role::Garden);
    running
        .wait_for("the API server to be ready", &["get", "--raw", "/readyz"])
        .await;
    running
        .wait_for(
            "the default service account",
            &["get", "serviceaccount", "default", "-n", "default"],
        )
        .await;
    let refused = running
        .kubectl(&["create", "deployment", "test", "--image=test"])
        .await
        .unwrap_err();
    assert!(
        refused.contains("could not find the requested resource") || refused.contains("no matches"),
        "{refused}"
    );
    running
        .kubectl(&["create", "quota", "test", "--hard=configmaps=3"])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_control_plane_with_machines_knows_their_identities() {
    let running = Running::start(Role::Shoot);
    running
        .wait_for("the API server to be ready", &["get", "--raw", "/readyz"])
        .await;
    // Each node gets its part of the pod range.
    let node = running.write("node.yaml", "apiVersion: v1\nkind: Node\nmetadata: {name: one}\n");
    running.kubectl(&["create", "-f", &node]).await.unwrap();
    let range = ["get", "node", "one", "-o", "jsonpath={.spec.podCIDR}"];
    eventually(DEADLINE, "the node's part of the pod range", || async {
        let range = running.kubectl(&range).await?;
        testing_testkit::ready_when(range.starts_with("100.") && range.ends_with("/24"), || range)
    })
    .await;
    // A kubelet's serving certificate is of the authority that the API server believes kubelets by.
    let request = serving_request();
    let request = running.write("request.yaml", &request);
    running.kubectl_as("node", &["create", "-f", &request]).await.unwrap();
    running.kubectl(&["certificate", "approve", "serving"]).await.unwrap();
    let certificate = ["get", "csr", "serving", "-o", "jsonpath={.status.certificate}"];
    let certificate = eventually(DEADLINE, "the kubelet's certificate", || async {
        let certificate = running.kubectl(&certificate).await?;
        STANDARD
            .decode(certificate.trim())
            .map_err(|error| error.to_string())
            .and_then(|pem| {
                (!pem.is_empty())
                    .then_some(pem)
                    .ok_or_else(|| "not signed yet".to_owned())
            })
    })
    .await;
    assert_eq!(issuer(&certificate), "kubelet");
    // Nodes and roles are asked first; what a node-agent may do only the webhook knows, and it does not answer here.
    assert!(running.kubectl_as("node", &["get", "node", "one"]).await.is_ok());
    let denied = running.kubectl_as("node-agent", &["get", "nodes"]).await.unwrap_err();
    assert!(denied.contains("https://127.0.0.1:1/"), "{denied}");
}

/// A request of the node `one` for its serving certificate.
fn serving_request() -> String {
    let request = CertificateRequest {
        organizations: vec!["system:nodes".to_owned()],
        ..CertificateRequest::server("system:node:one", vec!["one".to_owned()], vec![], DAY)
    };
    let request = signing_request(&request, &PrivateKey::generate().unwrap()).unwrap();
    format!(
        "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {{name: serving}}\nspec:\n  signerName: kubernetes.io/kubelet-serving\n  usages: [digital signature, server auth]\n  request: {}\n",
        STANDARD.encode(request)
    )
}

/// The common name of whoever signed a certificate.
fn issuer(pem: &[u8]) -> String {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).unwrap();
    let certificate = pem.parse_x509().unwrap();
    certificate
        .issuer()
        .iter_common_name()
        .next()
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}
