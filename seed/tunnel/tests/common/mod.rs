//! Both ends of a tunnel in one process: authorities, the server, machines.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use jiff::Timestamp;
use lib_clock::{Clock, SystemClock};
use lib_pki::{CertificateAuthority, CertificateRequest, IssuedCertificate};
use lib_resolve::Resolver;
use lib_tunnel::{ALPN_API_SERVER, ALPN_TUNNEL, TUNNEL_GROUP, TUNNEL_USER_PREFIX, server_config};
use node_tunnel::{Settings, Times};
use rustls_pki_types::ServerName;
use seed_tunnel::{Listener, Machines, NodeTable, NodeView, Opener, Ranges, Router, serve_egress, serve_machines};
use testing_testkit::{eventually, ready_when};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SERVER_NAME: &str = "tunnel.first.dev.internal.test";

/// An address of this machine that is not loopback: that of the interface towards everywhere. Nothing is sent.
pub(crate) fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket
        .connect("192.0.2.1:9")
        .expect("a route to everywhere: these tests need one address beside loopback");
    socket.local_addr().unwrap().ip()
}

/// Authorities as of one shoot.
pub(crate) struct Authorities {
    pub(crate) client: CertificateAuthority,
    pub(crate) vpn: CertificateAuthority,
}

impl Authorities {
    pub(crate) fn new() -> Self {
        let authority = |name: &str| CertificateAuthority::generate(name, DAY, &SystemClock).unwrap();
        Self {
            client: authority("kubernetes-client"),
            vpn: authority("vpn"),
        }
    }

    pub(crate) fn server(&self) -> IssuedCertificate {
        let request = CertificateRequest::server("vpn-seed-server", vec![SERVER_NAME.to_owned()], vec![], DAY);
        self.vpn.issue(&request, &SystemClock).unwrap()
    }

    pub(crate) fn machine(&self, name: &str) -> IssuedCertificate {
        client_certificate(&self.client, &format!("{TUNNEL_USER_PREFIX}{name}"), TUNNEL_GROUP)
    }
}

pub(crate) fn client_certificate(authority: &CertificateAuthority, user: &str, group: &str) -> IssuedCertificate {
    let request = CertificateRequest::client(user, vec![group.to_owned()], DAY);
    authority.issue(&request, &SystemClock).unwrap()
}

/// The tunnel's server with what it serves.
pub(crate) struct Server {
    pub(crate) authorities: Authorities,
    pub(crate) address: SocketAddr,
    pub(crate) machines: Machines,
    pub(crate) nodes: watch::Sender<Arc<NodeTable>>,
    pub(crate) directory: tempfile::TempDir,
    task: JoinHandle<()>,
}

/// What there is beside the server.
pub(crate) struct Surroundings {
    pub(crate) authorities: Authorities,
    pub(crate) ranges: Ranges,
    pub(crate) api_server: SocketAddr,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) listen: SocketAddr,
}

impl Surroundings {
    pub(crate) fn new() -> Self {
        let ranges = |range: &str| vec![range.parse::<IpNet>().unwrap()];
        Self {
            authorities: Authorities::new(),
            ranges: Ranges {
                nodes: Vec::new(),
                pods: ranges("100.96.0.0/11"),
                services: ranges("100.64.0.0/13"),
                seed: ranges("198.51.100.0/24"),
            },
            api_server: SocketAddr::from(([127, 0, 0, 1], 1)),
            clock: Arc::new(SystemClock),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }

    pub(crate) async fn start(self) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let certificate = self.authorities.server();
        let config = server_config(
            certificate.certificate_pem.as_bytes(),
            certificate.private_key.to_pem().as_bytes(),
            self.authorities.client.certificate_pem().as_bytes(),
            &[ALPN_TUNNEL, ALPN_API_SERVER],
        );
        let machines = Machines::default();
        let (nodes, watched) = watch::channel(Arc::new(NodeTable::default()));
        let opener = Opener::new(Router::new(self.ranges), watched, machines.clone(), Resolver::new());
        let listener = Listener {
            acceptor: TlsAcceptor::from(Arc::new(config.unwrap())),
            api_server: self.api_server,
            machines: machines.clone(),
            clock: self.clock,
        };
        let socket = TcpListener::bind(self.listen).await.unwrap();
        let address = socket.local_addr().unwrap();
        let egress = UnixListener::bind(directory.path().join("egress.sock")).unwrap();
        let task = tokio::spawn(async move {
            tokio::join!(
                serve_machines(socket, listener),
                serve_egress(egress, opener, Arc::default(), tokio_util::task::TaskTracker::new()),
            );
        });
        Server {
            authorities: self.authorities,
            address,
            machines,
            nodes,
            directory,
            task,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Ends the server, as if its pod were gone, and returns what a new one needs to be at the same place.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
        self.address
    }

    /// Nodes by name, address and pod range, in the order of their creation.
    pub(crate) fn set_nodes(&self, nodes: &[(&str, &str, &str)]) {
        let view = |(index, (name, address, pods)): (usize, &(&str, &str, &str))| {
            let view = NodeView {
                created: Timestamp::from_second(i64::try_from(index).unwrap()).unwrap(),
                addresses: vec![address.parse().unwrap()],
                pod_ranges: vec![pods.parse().unwrap()],
                kubelet_port: 10250,
            };
            ((*name).to_owned(), view)
        };
        let nodes: BTreeMap<_, _> = nodes.iter().enumerate().map(view).collect();
        self.nodes.send_replace(Arc::new(NodeTable::new(nodes)));
    }

    pub(crate) async fn wait_for_machines(&self, expected: &[&str]) {
        eventually(PATIENCE, "the machines to be connected", || async {
            let names = self.machines.names();
            ready_when(names == expected, || format!("{names:?}"))
        })
        .await;
    }

    /// A machine whose files lie in a folder of the server's.
    pub(crate) fn machine(&self, name: &str) -> Machine {
        self.machine_with(name, &self.authorities.machine(name))
    }

    pub(crate) fn machine_with(&self, name: &str, certificate: &IssuedCertificate) -> Machine {
        let directory = self.directory.path().join(name);
        fs_err::create_dir_all(&directory).unwrap();
        fs_err::write(directory.join("ca.crt"), self.authorities.vpn.certificate_pem()).unwrap();
        write_certificate(&directory, certificate);
        Machine::start(&directory, self.address)
    }

    /// Asks for `target`; the status line, and the stream after it.
    pub(crate) async fn connect(&self, target: &str) -> (String, UnixStream) {
        connect(&self.directory.path().join("egress.sock"), target).await
    }

    /// The status line alone.
    pub(crate) async fn answer(&self, target: &str) -> String {
        self.connect(target).await.0
    }
}

pub(crate) async fn connect(socket: &Path, target: &str) -> (String, UnixStream) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer in time");
        head.push(byte.expect("an answer"));
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
    (line.to_owned(), stream)
}

pub(crate) fn write_certificate(directory: &Path, certificate: &IssuedCertificate) {
    fs_err::write(directory.join("tls.crt"), &certificate.certificate_pem).unwrap();
    fs_err::write(directory.join("tls.key"), certificate.private_key.to_pem()).unwrap();
}

/// A machine's unit.
pub(crate) struct Machine {
    pub(crate) directory: PathBuf,
    /// Where clients of the API server connect.
    pub(crate) api_server: SocketAddr,
    task: JoinHandle<()>,
}

impl Machine {
    fn start(directory: &Path, server: SocketAddr) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let settings = Settings {
            gateway_host: server.ip().to_string(),
            gateway_port: server.port(),
            server_names: vec![ServerName::try_from(SERVER_NAME).unwrap()],
            authority_file: directory.join("ca.crt"),
            certificate_file: directory.join("tls.crt"),
            key_file: directory.join("tls.key"),
            listen: free,
            allowed: vec!["100.96.0.0/11".parse().unwrap(), "100.64.0.0/13".parse().unwrap()],
        };
        let times = Times {
            renewal_check: Duration::from_millis(100),
            ..Times::default()
        };
        Self {
            directory: directory.to_owned(),
            api_server: free,
            task: tokio::spawn(node_tunnel::serve(settings, Resolver::new(), times)),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers every connection with all it got, once it got all.
pub(crate) async fn echo(address: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    address
}

/// Sends `text`, ends, and expects it back.
pub(crate) async fn expect_echo(stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .expect("an answer in time")
        .unwrap();
    assert_eq!(answer, text);
}

pub(crate) async fn dial(address: SocketAddr) -> TcpStream {
    eventually(PATIENCE, "the unit to listen", || async {
        TcpStream::connect(address).await.map_err(|error| error.to_string())
    })
    .await
}
