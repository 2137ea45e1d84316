//! The gateway between real TLS clients and servers over loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use seed_gateway::{Backend, RouteTable, ServeOptions, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PATIENCE: Duration = Duration::from_secs(20);

struct Gateway {
    address: SocketAddr,
    table: watch::Sender<Arc<RouteTable>>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    authority: CertificateAuthority,
}

async fn gateway(options: ServeOptions) -> Gateway {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (table, routes) = watch::channel(Arc::new(RouteTable::default()));
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, routes, options, shutdown.clone()));
    let authority = CertificateAuthority::generate("test", DAY, &SystemClock).unwrap();
    Gateway {
        address,
        table,
        shutdown,
        task,
        authority,
    }
}

impl Gateway {
    fn route(&self, routes: &[(&str, Option<SocketAddr>)]) {
        let mut table = RouteTable::default();
        for (hostname, address) in routes {
            table.insert(
                hostname,
                Arc::new(Backend::new(address.iter().map(|address| (*address, 1)))),
            );
        }
        self.table.send_replace(Arc::new(table));
    }

    /// A TLS server for `hostname` that answers every connection with `greeting`, then echoes until the end.
    async fn backend(&self, hostname: &str, greeting: &'static str) -> SocketAddr {
        let request = CertificateRequest::server(hostname, vec![hostname.to_owned()], vec![], DAY);
        let issued = self.authority.issue(&request, &SystemClock).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(issued.private_key.to_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = config
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await.unwrap();
                    stream.write_all(greeting.as_bytes()).await.unwrap();
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.unwrap();
                    // Only once the client has closed its half: the answer goes through the half that is still open.
                    stream.write_all(&all).await.unwrap();
                    stream.shutdown().await.unwrap();
                });
            }
        });
        address
    }

    async fn connect(&self, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream))
            .await
            .unwrap()
    }

    /// Sends raw bytes and returns all that comes back until the gateway closes.
    async fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let mut chunk = [0; 64];
        while let Ok(read) = timeout(PATIENCE, stream.read(&mut chunk)).await.unwrap() {
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&chunk[..read]);
        }
        answer
    }
}

async fn greeting(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = [0; 5];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn each_name_reaches_its_own_server_and_both_halves_close_apart() {
    let gateway = gateway(ServeOptions::default()).await;
    let first = gateway.backend("api.first.example", "first").await;
    let other = gateway.backend("api.other.example", "other").await;
    gateway.route(&[("api.first.example", Some(first)), ("*.other.example", Some(other))]);
    for (name, expected) in [("api.first.example", "first"), ("api.other.example", "other")] {
        let mut stream = gateway.connect(name).await.unwrap();
        assert_eq!(greeting(&mut stream).await, expected);
        // More than fits in the buffers on the way.
        let sent: Vec<u8> = (0..1_000_000u32).map(|index| index.to_le_bytes()[0]).collect();
        stream.write_all(&sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut received = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut received))
            .await
            .unwrap()
            .unwrap();
        assert!(received == sent, "{} of {} bytes came back", received.len(), sent.len());
    }
}

#[tokio::test]
async fn a_refused_client_is_told_why() {
    let gateway = gateway(ServeOptions::default()).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap(); // dropped: nobody listens
    gateway.route(&[("gone.example", Some(closed)), ("empty.example", None)]);
    for (name, alert) in [
        ("unknown.example", "UnrecognisedName"),
        ("gone.example", "InternalError"),
        ("empty.example", "InternalError"),
        ("127.0.0.1", "UnrecognisedName"), // an address is no server name: the client sends none
    ] {
        let error = gateway.connect(name).await.unwrap_err().to_string();
        assert!(error.contains(alert), "{name}: {error}");
    }
}

#[tokio::test]
async fn malformed_input_gets_an_alert_and_a_close() {
    let gateway = gateway(ServeOptions::default()).await;
    // A ClientHello of 16 KiB in records of one byte: 96 KiB, more than anybody reads for a name.
    let message = [b"\x01\x00\x40\x00".as_slice(), &[0; 0x4000]].concat();
    let endless = message.iter().flat_map(|byte| [0x16, 3, 1, 0, 1, *byte]).collect();
    for (bytes, alert) in [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 10),
        (b"\x16\x03\x01\x00\x00".to_vec(), 50),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff".to_vec(), 50),
        (endless, 50),
    ] {
        assert_eq!(
            gateway.raw(&bytes).await,
            [21, 3, 3, 0, 2, 2, alert],
            "{:?}",
            &bytes[..9.min(bytes.len())]
        );
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_at_the_deadline() {
    let options = ServeOptions {
        hello_deadline: Duration::from_millis(50),
        ..ServeOptions::default()
    };
    let gateway = gateway(options).await;
    assert_eq!(gateway.raw(b"").await, b"");
    assert_eq!(gateway.raw(b"\x16\x03\x01\x02").await, b"");
}

#[tokio::test]
async fn new_routes_cut_no_connection() {
    let gateway = gateway(ServeOptions::default()).await;
    let first = gateway.backend("api.first.example", "first").await;
    gateway.route(&[("api.first.example", Some(first))]);
    let mut stream = gateway.connect("api.first.example").await.unwrap();
    assert_eq!(greeting(&mut stream).await, "first");
    gateway.route(&[]);
    assert!(gateway.connect("api.first.example").await.is_err());
    stream.write_all(b"still there").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut received = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received, "still there");
}

#[tokio::test]
async fn a_shutdown_lets_connections_finish_and_accepts_no_more() {
    let gateway = gateway(ServeOptions::default()).await;
    let first = gateway.backend("api.first.example", "first").await;
    gateway.route(&[("api.first.example", Some(first))]);
    let mut stream = gateway.connect("api.first.example").await.unwrap();
    assert_eq!(greeting(&mut stream).await, "first");
    gateway.shutdown.cancel();
    // The listener closes a moment after the cancellation: a level to wait for.
    timeout(PATIENCE, async {
        while TcpStream::connect(gateway.address).await.is_ok() {}
    })
    .await
    .unwrap();
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut received = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received, "last words");
    timeout(PATIENCE, gateway.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_drain_ends_at_its_deadline() {
    let options = ServeOptions {
        drain_deadline: Duration::from_millis(50),
        ..ServeOptions::default()
    };
    let gateway = gateway(options).await;
    let first = gateway.backend("api.first.example", "first").await;
    gateway.route(&[("api.first.example", Some(first))]);
    let mut stream = gateway.connect("api.first.example").await.unwrap();
    assert_eq!(greeting(&mut stream).await, "first");
    gateway.shutdown.cancel();
    timeout(PATIENCE, gateway.task).await.unwrap().unwrap();
}
