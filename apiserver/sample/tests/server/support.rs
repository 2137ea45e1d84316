//! A sample server on a real etcd, and a small HTTPS client.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use apiserver::{
    authentication::Fixed,
    authorization::AlwaysAllow,
    context::UserInfo,
    server::{ServerConfig, ServerOptions},
    tls::ClientTls,
};
use bytes::{Bytes, BytesMut};
use clap::Parser;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use testing_testkit::Etcd;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// Nothing a test waits for takes as long, also on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    options: ServerOptions,
}

/// The flags of a server on a free port, with further ones.
pub(crate) fn options(further: &[String]) -> ServerOptions {
    let fixed = ["test", "--bind-address=127.0.0.1", "--secure-port=0"].map(str::to_owned);
    Flags::parse_from(fixed.into_iter().chain(further.iter().cloned())).options
}

/// A running sample server.
pub(crate) struct Sample {
    pub(crate) client: Client,
    pub(crate) etcd: Etcd,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Sample {
    /// Starts etcd and a server that takes everybody for `alice`, who may do everything.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with further flags.
    pub(crate) async fn start_with(flags: &[String]) -> Self {
        let etcd = Etcd::start().await;
        let (client, shutdown, task) = serve(&etcd, flags).await;
        Self {
            client,
            etcd,
            shutdown,
            task,
        }
    }
}

/// A server on this etcd.
pub(crate) async fn serve(etcd: &Etcd, flags: &[String]) -> (Client, CancellationToken, tokio::task::JoinHandle<()>) {
    let mut flags = flags.to_vec();
    flags.push(format!("--etcd-servers={}", etcd.endpoint));
    let mut config = ServerConfig::new(options(&flags), "/registry-sample");
    config.authenticator = Some(Arc::new(Fixed(UserInfo {
        name: "alice".to_owned(),
        ..UserInfo::default()
    })));
    config.authorizer = Some(Arc::new(AlwaysAllow));
    let completed = config.complete().await.expect("complete the configuration");
    let listening = apiserver_sample::server(completed)
        .expect("make the server")
        .listen()
        .await
        .expect("listen");
    let address = listening.address();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(listening.serve(shutdown.clone()));
    let client = Client {
        address,
        headers: Vec::new(),
        tls: ClientTls {
            insecure: true,
            ..ClientTls::default()
        },
    };
    client.wait_until_ready().await;
    (client, shutdown, task)
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = || String::from_utf8_lossy(&self.bytes);
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", text()))
    }

    /// The body as JSON, if the code is the expected one.
    #[track_caller]
    pub(crate) fn expect(&self, code: u16) -> Value {
        assert_eq!(self.code.as_u16(), code, "{}", String::from_utf8_lossy(&self.bytes));
        self.json()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.headers
            .get_all("warning")
            .iter()
            .map(|value| value.to_str().expect("text").to_owned())
            .collect()
    }
}

/// A client that connects anew for each request.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) tls: ClientTls,
}

impl Client {
    /// The same client, sending a further header.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    async fn wait_until_ready(&self) {
        testing_testkit::eventually(DEADLINE, "the server to be ready", || async {
            let answer = self.get("/readyz").await;
            testing_testkit::ready_when(answer.code == 200, || {
                String::from_utf8_lossy(&answer.bytes).into_owned()
            })
        })
        .await;
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> http::Response<Incoming> {
        let send = async {
            let tcp = TcpStream::connect(self.address).await.expect("connect");
            let config = self.tls.config(&[b"http/1.1"]).expect("client TLS");
            let name = ServerName::try_from("localhost").expect("a name");
            let stream = TlsConnector::from(config)
                .connect(name, tcp)
                .await
                .expect("TLS handshake");
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
                .await
                .expect("HTTP handshake");
            tokio::spawn(connection);
            let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            sender
                .send_request(request.body(Full::new(body)).expect("a request"))
                .await
                .expect("an answer")
        };
        tokio::time::timeout(DEADLINE, send).await.expect("an answer in time")
    }

    pub(crate) async fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let answer = self.send(method, path, body.into()).await;
        let (code, headers) = (answer.status(), answer.headers().clone());
        let collected = tokio::time::timeout(DEADLINE, answer.into_body().collect())
            .await
            .expect("a body in time");
        Answer {
            code,
            headers,
            bytes: collected.expect("a body").to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.with("content-type", "application/json")
            .request(Method::POST, path, body.to_string())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.with("content-type", "application/json")
            .request(Method::PUT, path, body.to_string())
            .await
    }

    pub(crate) async fn merge(&self, path: &str, body: &Value) -> Answer {
        self.with("content-type", "application/merge-patch+json")
            .request(Method::PATCH, path, body.to_string())
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, "").await
    }

    pub(crate) async fn watch(&self, path: &str) -> Watch {
        let answer = self.send(Method::GET, path, Bytes::new()).await;
        assert_eq!(answer.status(), 200);
        Watch {
            body: answer.into_body(),
            buffer: BytesMut::new(),
        }
    }
}

/// A running watch.
pub(crate) struct Watch {
    body: Incoming,
    buffer: BytesMut,
}

impl Watch {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        tokio::time::timeout(DEADLINE, self.read())
            .await
            .expect("an event in time")
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return Some(serde_json::from_slice(&line).expect("a line of JSON"));
            }
            let frame = self.body.frame().await?.expect("a frame");
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// The next event as `TYPE name`.
    pub(crate) async fn next_short(&mut self) -> String {
        let event = self.next().await.expect("an event");
        let name = event
            .pointer("/object/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        format!("{} {name}", event["type"].as_str().unwrap_or_default())
    }
}
