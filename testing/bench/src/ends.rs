//! Both ends of a tunnel on loopback, each on a thread with a runtime of its own, so that each one's processor time is known.
//!
//! In: nothing. Out: streams to any address, by a Unix socket as kube-apiserver has it: who connects sends the address in a line,
//! gets one byte when the stream is open (kube-apiserver: HTTP's CONNECT), and from then on what the target says.
//!
//! What carries the bytes is what `seed/tunnel` and `node/tunnel` are made of: `lib_tunnel`'s connection, streams and relay, on
//! TLS 1.3 with client certificates that the machine's end dialled. Absent: the gateway between the ends, which copies bytes;
//! the choice of a node, and the judging of addresses, by which nothing on loopback may be dialled.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    os::unix::net as unix,
    sync::{Arc, mpsc},
    time::Duration,
};

use anyhow::{Context, Result};
use lib_clock::SystemClock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use lib_tunnel::{
    ALPN_API_SERVER, ALPN_TUNNEL, AcceptError, Connection, Dial, DialError, TUNNEL_GROUP, TUNNEL_USER_PREFIX,
    accept_streams, client_config, configure_socket, server_config,
};
use nix::time::ClockId;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    runtime::{Builder, Handle},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::report::say;

/// Nothing on loopback takes as long: what does is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
const SERVER_NAME: &str = "tunnel.bench.dev.internal.test";
const SOCKET: &str = "egress.sock";
/// What a client reads when its stream is open.
const OPEN: u8 = b'+';

/// A tunnel with both its ends.
pub(crate) struct Tunnel {
    seed: End,
    machine: End,
    directory: TempDir,
    /// Both ends hear at once that it is gone: neither takes the other's end for a failure.
    _alive: watch::Sender<()>,
}

/// What both ends have spent of the processors' time.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) seed: Duration,
    pub(crate) machine: Duration,
}

impl Tunnel {
    /// Starts both ends; when one fails, it says so.
    pub(crate) fn start() -> Result<Self> {
        let (acceptor, connector) = certificates()?;
        let directory = tempfile::tempdir().context("failed to make a temporary directory")?;
        let egress = unix::UnixListener::bind(directory.path().join(SOCKET)).context("failed to listen for clients")?;
        egress.set_nonblocking(true)?;
        let machines =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to listen for machines")?;
        machines.set_nonblocking(true)?;
        let address = machines.local_addr()?;
        let alive = watch::Sender::new(());
        let seed = End::start("the seed's end", alive.subscribe())?;
        let machine = End::start("the machine's end", alive.subscribe())?;
        seed.run(serve_machine(machines, acceptor, egress));
        machine.run(serve_streams(address, connector));
        Ok(Self {
            seed,
            machine,
            directory,
            _alive: alive,
        })
    }

    /// A stream to `target`; it is open when this returns.
    pub(crate) fn open(&self, target: SocketAddr) -> Result<unix::UnixStream> {
        let mut stream = unix::UnixStream::connect(self.directory.path().join(SOCKET))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.write_all(format!("{target}\n").as_bytes())?;
        let mut answer = [0];
        stream.read_exact(&mut answer).context("the tunnel opens no stream")?;
        Ok(stream)
    }

    pub(crate) fn spent(&self) -> Result<Spent> {
        Ok(Spent {
            seed: self.seed.spent()?,
            machine: self.machine.spent()?,
        })
    }
}

/// Authorities and certificates as of one shoot.
fn certificates() -> Result<(TlsAcceptor, TlsConnector)> {
    let authority = |name: &str| CertificateAuthority::generate(name, DAY, &SystemClock);
    let (clients, servers) = (authority("kubernetes-client")?, authority("vpn")?);
    let request = CertificateRequest::server("vpn-seed-server", vec![SERVER_NAME.to_owned()], Vec::new(), DAY);
    let server = servers.issue(&request, &SystemClock)?;
    let user = format!("{TUNNEL_USER_PREFIX}one");
    let request = CertificateRequest::client(user, vec![TUNNEL_GROUP.to_owned()], DAY);
    let machine = clients.issue(&request, &SystemClock)?;
    let server = server_config(
        server.certificate_pem.as_bytes(),
        server.private_key.to_pem().as_bytes(),
        clients.certificate_pem().as_bytes(),
        &[ALPN_TUNNEL, ALPN_API_SERVER],
    )?;
    let client = client_config(
        machine.certificate_pem.as_bytes(),
        machine.private_key.to_pem().as_bytes(),
        servers.certificate_pem().as_bytes(),
        ALPN_TUNNEL,
    )?;
    Ok((
        TlsAcceptor::from(Arc::new(server)),
        TlsConnector::from(Arc::new(client)),
    ))
}

/// The seed's end: waits for the machine, and opens streams on its connection.
async fn serve_machine(
    machines: std::net::TcpListener,
    acceptor: TlsAcceptor,
    egress: unix::UnixListener,
) -> Result<()> {
    let (stream, _) = TcpListener::from_std(machines)?.accept().await?;
    configure_socket(&stream)?;
    let stream = acceptor.accept(stream).await.context("the TLS handshake failed")?;
    let (connection, driver) = Connection::start(stream).await?;
    tokio::spawn(async move { told("the tunnel's clients", serve_clients(egress, connection).await) });
    driver.run().await?;
    Ok(())
}

async fn serve_clients(egress: unix::UnixListener, connection: Connection) -> Result<()> {
    let egress = UnixListener::from_std(egress)?;
    loop {
        let (client, _) = egress.accept().await?;
        let connection = connection.clone();
        tokio::spawn(async move { told("a stream at the seed's end", carry(connection, client).await) });
    }
}

async fn carry(connection: Connection, mut client: UnixStream) -> Result<()> {
    let mut line = String::new();
    BufReader::new(&mut client).read_line(&mut line).await?;
    let target = line.trim_end().parse::<SocketAddr>();
    let target = target.with_context(|| format!("{line:?} is no address"))?;
    let stream = connection.open(target, DEADLINE).await?;
    client.write_all(&[OPEN]).await?;
    let (reader, writer) = client.into_split();
    stream.relay(reader, writer).await?;
    Ok(())
}

/// The machine's end: dials the seed's, and answers its streams.
async fn serve_streams(server: SocketAddr, connector: TlsConnector) -> Result<()> {
    let stream = TcpStream::connect(server).await?;
    configure_socket(&stream)?;
    let name = ServerName::try_from(SERVER_NAME).context("failed to read the server's name")?;
    let stream = connector.connect(name, stream).await;
    let stream = stream.context("the TLS handshake failed")?;
    accept_streams(stream, Arc::new(Anywhere)).await?;
    Ok(())
}

/// Dials what is asked for, as `node/tunnel` does what may be dialled.
struct Anywhere;

impl Dial for Anywhere {
    async fn dial(&self, address: SocketAddr) -> Result<TcpStream, DialError> {
        let failed = |source| DialError::Failed { address, source };
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        configure_socket(&stream).map_err(failed)?;
        Ok(stream)
    }

    fn failed(&self, error: AcceptError) {
        told("a stream at the machine's end", Err(error.into()));
    }
}

fn told(what: &str, ended: Result<()>) {
    if let Err(error) = ended {
        say(&format!("{what}: {error:#}"));
    }
}

/// A thread with a runtime of its own, as long as somebody is alive.
struct End {
    name: &'static str,
    runtime: Handle,
    alive: watch::Receiver<()>,
}

impl End {
    fn start(name: &'static str, mut alive: watch::Receiver<()>) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("failed to make a runtime")?;
        let end = Self {
            name,
            runtime: runtime.handle().clone(),
            alive: alive.clone(),
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        // Nothing is ever sent: what comes is the end.
        let started = thread.spawn(move || runtime.block_on(alive.changed()));
        started.context("failed to start a thread")?;
        Ok(end)
    }

    fn run(&self, work: impl Future<Output = Result<()>> + Send + 'static) {
        let (name, alive) = (self.name, self.alive.clone());
        self.runtime.spawn(async move {
            let ended = work.await;
            if alive.has_changed().is_ok() {
                told(name, ended);
            }
        });
    }

    /// Asked on the end's only thread: a clock of a thread's processor time tells its own.
    fn spent(&self) -> Result<Duration> {
        let (sender, receiver) = mpsc::channel();
        self.runtime.spawn(async move {
            // Nobody listens any more: nobody needs to know.
            let _ = sender.send(ClockId::CLOCK_THREAD_CPUTIME_ID.now());
        });
        let answer = receiver.recv_timeout(DEADLINE);
        let time = answer.with_context(|| format!("no answer of {}", self.name))?;
        Ok(time.context("failed to read a thread's processor time")?.into())
    }
}
