//! A real kube-apiserver behind the real processes: it reaches a kubelet through the tunnel, and clients of a node reach it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{net::SocketAddr, path::Path, sync::Arc};

use common::{DAY, PATIENCE, SERVER_NAME, client_certificate, own_address, write_certificate};
use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use lib_resolve::Resolver;
use lib_tunnel::{TUNNEL_GROUP, TUNNEL_USER_PREFIX};
use node_tunnel::{Settings, Times};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Answers every request with its first line.
async fn kubelet(authority: &CertificateAuthority, address: std::net::IpAddr) -> SocketAddr {
    let request = CertificateRequest::server("system:node:one", vec!["one".to_owned()], vec![address], DAY);
    let issued = authority.issue(&request, &SystemClock).unwrap();
    let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.private_key.to_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await?;
                let line = String::from_utf8_lossy(&request[..read])
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{line}",
                    line.len()
                );
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    address
}

fn egress_configuration(directory: &Path) -> std::path::PathBuf {
    let text = format!(
        "apiVersion: apiserver.k8s.io/v1beta1\nkind: EgressSelectorConfiguration\negressSelections:\n- name: cluster\n  connection:\n    proxyProtocol: HTTPConnect\n    transport:\n      uds:\n        udsName: {}\n",
        directory.join("egress.sock").display()
    );
    let path = directory.join("egress.yaml");
    fs_err::write(&path, text).unwrap();
    path
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The files and flags of the tunnel's server beside `api_server`.
fn server_arguments(
    directory: &Path,
    api_server: &KubeApiServer,
    vpn: &CertificateAuthority,
) -> seed_tunnel::Arguments {
    let request = CertificateRequest::server("vpn-seed-server", vec![SERVER_NAME.to_owned()], vec![], DAY);
    write_certificate(directory, &vpn.issue(&request, &SystemClock).unwrap());
    let file = |name: &str| api_server.directory.join(name);
    seed_tunnel::Arguments {
        egress_socket: directory.join("egress.sock"),
        listen: free_port(),
        health_port: free_port().port(),
        certificate_file: directory.join("tls.crt"),
        key_file: directory.join("tls.key"),
        client_ca_file: file("ca.crt"),
        api_server: api_server.url.strip_prefix("https://").unwrap().parse().unwrap(),
        api_server_ca_file: file("ca.crt"),
        api_client_certificate_file: file("admin.crt"),
        api_client_key_file: file("admin.key"),
        node_ranges: Vec::new(),
        pod_ranges: vec!["100.96.0.0/11".parse().unwrap()],
        service_ranges: vec!["10.0.0.0/24".parse().unwrap()],
        seed_ranges: Vec::new(),
        drain: 1,
    }
}

/// The unit of the machine `one`, whose certificate is of the authority that kube-apiserver believes.
fn machine_settings(
    directory: &Path,
    api_server: &KubeApiServer,
    vpn: &CertificateAuthority,
    gateway: SocketAddr,
) -> Settings {
    let read = |name: &str| fs_err::read_to_string(api_server.directory.join(name)).unwrap();
    let authority = CertificateAuthority::from_pem(&read("ca.crt"), &read("ca.key")).unwrap();
    let machine = directory.join("one");
    fs_err::create_dir_all(&machine).unwrap();
    fs_err::write(machine.join("ca.crt"), vpn.certificate_pem()).unwrap();
    let user = format!("{TUNNEL_USER_PREFIX}one");
    write_certificate(&machine, &client_certificate(&authority, &user, TUNNEL_GROUP));
    Settings {
        gateway_host: gateway.ip().to_string(),
        gateway_port: gateway.port(),
        server_names: vec![ServerName::try_from(SERVER_NAME).unwrap()],
        authority_file: machine.join("ca.crt"),
        certificate_file: machine.join("tls.crt"),
        key_file: machine.join("tls.key"),
        listen: free_port(),
        allowed: vec!["100.96.0.0/11".parse().unwrap(), "10.0.0.0/24".parse().unwrap()],
    }
}

async fn create_node(api_server: &KubeApiServer, directory: &Path, kubelet: SocketAddr) {
    let node = directory.join("node.yaml");
    fs_err::write(&node, "apiVersion: v1\nkind: Node\nmetadata: {name: one}\n").unwrap();
    api_server
        .kubectl(&["create", "-f", node.to_str().unwrap()])
        .await
        .unwrap();
    let status = format!(
        r#"{{"status": {{"addresses": [{{"type": "InternalIP", "address": "{}"}}], "daemonEndpoints": {{"kubeletEndpoint": {{"Port": {}}}}}}}}}"#,
        kubelet.ip(),
        kubelet.port()
    );
    let patch = [
        "patch",
        "node",
        "one",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ];
    api_server.kubectl(&patch).await.unwrap();
}

#[tokio::test]
async fn kube_apiserver_and_a_node_reach_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let authority = |name: &str| CertificateAuthority::generate(name, DAY, &SystemClock).unwrap();
    let (vpn, kubelets) = (authority("vpn"), authority("kubelet"));
    let kubelet = kubelet(&kubelets, own_address()).await;
    let bundle = directory.path().join("kubelet-ca.crt");
    fs_err::write(&bundle, kubelets.certificate_pem()).unwrap();
    let egress = egress_configuration(directory.path());
    let etcd = Etcd::start().await;
    let flags = [
        format!("--egress-selector-config-file={}", egress.display()),
        format!("--kubelet-certificate-authority={}", bundle.display()),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let api_server = KubeApiServer::start(&etcd, &flags).await;

    let arguments = server_arguments(directory.path(), &api_server, &vpn);
    let (listen, health) = (arguments.listen, arguments.health_port);
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(seed_tunnel::run(arguments, shutdown.clone()));
    let settings = machine_settings(directory.path(), &api_server, &vpn, listen);
    let inside = settings.listen;
    let machine = tokio::spawn(node_tunnel::serve(settings, Resolver::new(), Times::default()));
    create_node(&api_server, directory.path(), kubelet).await;

    let answer = eventually(PATIENCE, "the kubelet through the tunnel", || async {
        api_server
            .kubectl(&["get", "--raw", "/api/v1/nodes/one/proxy/stats/summary"])
            .await
    })
    .await;
    assert_eq!(answer, "GET /stats/summary HTTP/1.1");

    // The other way: a client at the node's address of the API server. TLS goes end to end, its certificate too.
    let address = format!("--server=https://{inside}");
    let version = eventually(PATIENCE, "the API server from inside", || async {
        api_server.kubectl(&["get", "nodes", "-o", "name", &address]).await
    })
    .await;
    assert_eq!(version.trim(), "node/one");

    let health = SocketAddr::from(([127, 0, 0, 1], health));
    eventually(PATIENCE, "the probe through the data path", || async {
        let text = get(health, "/healthz/tunnel").await;
        ready_when(text.contains("200 OK") && text.contains("[+] one: "), || text)
    })
    .await;
    let metrics = get(health, "/metrics").await;
    assert!(metrics.contains("tunnel_probe_success{node=\"one\"} 1"), "{metrics}");

    // What a user may ask kube-apiserver for, and must not get: here, the API server's own machine.
    let service = "/api/v1/namespaces/default/services/https:kubernetes:https/proxy/healthz";
    let refused = api_server.kubectl(&["get", "--raw", service]).await.unwrap_err();
    assert!(!refused.contains("ok"), "{refused}");

    machine.abort();
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, server)
        .await
        .expect("an end in time")
        .unwrap()
        .unwrap();
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
