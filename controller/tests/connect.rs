//! Clients against real sockets: kubeconfigs, tokens, the proxy, health probes.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use controller::{
    connect::{from_kubeconfig_file, from_kubeconfig_str},
    health::{Readiness, serve},
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use lib_error_chain::ErrorChain;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// An API server that knows the namespace `garden`, and remembers the tokens that it saw.
async fn api_server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                let token = request
                    .headers()
                    .get("authorization")
                    .and_then(|value| value.to_str().ok());
                seen.lock().push(token.unwrap_or_default().to_owned());
                let body = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"garden"}}"#;
                async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body)))) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, tokens)
}

/// A proxy that connects every CONNECT to `target`, and remembers what was asked for.
async fn proxy(target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            seen.lock()
                .push(String::from_utf8(head).unwrap().lines().next().unwrap().to_owned());
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut backend = TcpStream::connect(target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut backend).await });
        }
    });
    (address, asked)
}

fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    )
}

fn install_provider() {
    // The first test of the process does it; an error means that it is done.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn a_kubeconfig_reaches_the_server_with_its_token() {
    install_provider();
    let (address, tokens) = api_server().await;
    let text = kubeconfig(&format!("server: 'http://{address}'"), "token: geheim");
    let client = from_kubeconfig_str(&text).await.unwrap();
    Api::<Namespace>::all(client).get("garden").await.unwrap();
    assert_eq!(*tokens.lock(), ["Bearer geheim"]);
}

#[tokio::test]
async fn a_token_file_is_found_beside_the_kubeconfig() {
    install_provider();
    let (address, tokens) = api_server().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("token"), "from-file").unwrap();
    let path = directory.path().join("kubeconfig");
    std::fs::write(
        &path,
        kubeconfig(&format!("server: 'http://{address}'"), "tokenFile: token"),
    )
    .unwrap();
    let client = from_kubeconfig_file(&path).await.unwrap();
    Api::<Namespace>::all(client).get("garden").await.unwrap();
    assert_eq!(*tokens.lock(), ["Bearer from-file"]);
}

#[tokio::test]
async fn the_proxy_of_the_kubeconfig_resolves_the_name() {
    install_provider();
    let (address, _) = api_server().await;
    let (proxy, asked) = proxy(address).await;
    let cluster = format!("server: 'http://api.first.example:6443', proxy-url: 'http://{proxy}'");
    let client = from_kubeconfig_str(&kubeconfig(&cluster, "")).await.unwrap();
    Api::<Namespace>::all(client).get("garden").await.unwrap();
    assert_eq!(*asked.lock(), ["CONNECT api.first.example:6443 HTTP/1.1"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_kubeconfig_is_said() {
    install_provider();
    let error = from_kubeconfig_file("/does/not/exist").await.err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with("failed to read the kubeconfig /does/not/exist"),
        "{error}"
    );
    let error = from_kubeconfig_str("a: [").await.err().unwrap();
    assert_eq!(error.to_string(), "failed to read the kubeconfig");
    let text = kubeconfig("server: 'http://a.example', proxy-url: 'socks5://127.0.0.1:1'", "");
    let error = from_kubeconfig_str(&text).await.err().unwrap();
    assert!(error.to_string().contains("is not an http:// URL"), "{error}");
}

#[tokio::test]
async fn an_unknown_host_is_named_in_the_error() {
    install_provider();
    let client = from_kubeconfig_str(&kubeconfig("server: 'http://no..such..host'", ""))
        .await
        .unwrap();
    let error = Api::<Namespace>::all(client).get("garden").await.err().unwrap();
    let chain = ErrorChain(&error).to_string();
    assert!(chain.contains("failed to resolve no..such..host"), "{chain}");
}

#[tokio::test]
async fn probes_are_answered_over_http() {
    let readiness = Readiness::new();
    readiness.set("routes", false);
    let server = serve("127.0.0.1:0".parse().unwrap(), readiness.clone()).await.unwrap();
    let get = async |path: &str| {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap().to_owned()
    };
    assert_eq!(get("/healthz").await, "HTTP/1.1 200 OK");
    assert_eq!(get("/readyz").await, "HTTP/1.1 503 Service Unavailable");
    readiness.set("routes", true);
    assert_eq!(get("/readyz").await, "HTTP/1.1 200 OK");
    let error = serve(server.address(), readiness).await.err().unwrap();
    assert!(
        error.to_string().starts_with("failed to listen on 127.0.0.1:"),
        "{error}"
    );
}
