//! The process `tunnel-server`: flags, start, and an end after kube-apiserver's.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use controller::connect::{ConnectError, from_config};
use http::Uri;
use ipnet::IpNet;
use kube::{Client, Config};
use lib_clock::SystemClock;
use lib_resolve::Resolver;
use lib_tunnel::{ALPN_API_SERVER, ALPN_TUNNEL, TlsError, server_config};
use rustls_pki_types::{
    CertificateDer,
    pem::{Error as PemError, PemObject as _},
};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Listener, Machines, NodeTable, Opener, Probes, Ranges, Router,
    egress::{self, Counts},
    listener,
    status::{self, Status},
    watch::run as watch_nodes,
};

/// kube-apiserver begins to end together with us, and still asks the shoot meanwhile: admission webhooks, for one.
const SHORTEST_DRAIN: Duration = Duration::from_secs(2);

/// Flags of the process `tunnel-server`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The Unix socket where kube-apiserver connects.
    #[arg(long, default_value = "/run/tunnel/egress.sock")]
    pub egress_socket: PathBuf,
    /// Where machines connect, by the gateway.
    #[arg(long, default_value = "0.0.0.0:8132")]
    pub listen: SocketAddr,
    /// Port of /healthz, /readyz, /healthz/tunnel and /metrics.
    #[arg(long, default_value_t = 8133)]
    pub health_port: u16,
    /// The server's certificate.
    #[arg(long)]
    pub certificate_file: PathBuf,
    /// The certificate's key.
    #[arg(long)]
    pub key_file: PathBuf,
    /// The authorities of machines' certificates.
    #[arg(long)]
    pub client_ca_file: PathBuf,
    /// Where kube-apiserver listens.
    #[arg(long, default_value = "127.0.0.1:6443")]
    pub api_server: SocketAddr,
    /// The authorities of kube-apiserver's certificate.
    #[arg(long)]
    pub api_server_ca_file: PathBuf,
    /// The certificate by which nodes are read.
    #[arg(long)]
    pub api_client_certificate_file: PathBuf,
    /// The key of that certificate.
    #[arg(long)]
    pub api_client_key_file: PathBuf,
    /// A range of the shoot's nodes.
    #[arg(long = "node-range")]
    pub node_ranges: Vec<IpNet>,
    /// A range of the shoot's pods.
    #[arg(long = "pod-range")]
    pub pod_ranges: Vec<IpNet>,
    /// A range of the shoot's Services.
    #[arg(long = "service-range")]
    pub service_ranges: Vec<IpNet>,
    /// A range of the seed, or one that it blocks: nothing in it is dialled, but for what is the shoot's own.
    #[arg(long = "seed-range")]
    pub seed_ranges: Vec<IpNet>,
    /// How long streams may go on after the shutdown began, in seconds.
    #[arg(long, default_value_t = 25)]
    pub drain: u64,
}

/// Why the tunnel's server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The certificates can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The authorities of kube-apiserver can't be read.
    #[error("failed to read the authorities of kube-apiserver")]
    Authorities(#[source] PemError),
    /// The address of kube-apiserver is none.
    #[error("failed to make a URL of kube-apiserver's address")]
    ApiServer(#[source] http::uri::InvalidUri),
    /// There is no client of kube-apiserver.
    #[error("failed to set up the client of kube-apiserver")]
    Connect(#[from] ConnectError),
    /// An address can't be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// Where.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl Arguments {
    fn ranges(&self) -> Ranges {
        Ranges {
            nodes: self.node_ranges.clone(),
            pods: self.pod_ranges.clone(),
            services: self.service_ranges.clone(),
            seed: self.seed_ranges.clone(),
        }
    }

    fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let config = server_config(
            &fs_err::read(&self.certificate_file)?,
            &fs_err::read(&self.key_file)?,
            &fs_err::read(&self.client_ca_file)?,
            &[ALPN_TUNNEL, ALPN_API_SERVER],
        )?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn client(&self) -> Result<Client, Error> {
        let url: Uri = format!("https://{}", self.api_server)
            .parse()
            .map_err(Error::ApiServer)?;
        let mut config = Config::new(url);
        let authorities = fs_err::read(&self.api_server_ca_file)?;
        let authorities = CertificateDer::pem_slice_iter(&authorities)
            .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
            .collect::<Result<Vec<_>, _>>();
        config.root_cert = Some(authorities.map_err(Error::Authorities)?);
        config.auth_info.client_certificate = Some(self.api_client_certificate_file.display().to_string());
        config.auth_info.client_key = Some(self.api_client_key_file.display().to_string());
        Ok(from_config(config)?)
    }
}

/// Runs until `shutdown`, and then as long as kube-apiserver still needs it.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let acceptor = arguments.acceptor()?;
    let client = arguments.client()?;
    let egress_socket = listen_unix(&arguments.egress_socket)?;
    let machine_socket = listen_tcp(arguments.listen).await?;
    let status_socket = listen_tcp(SocketAddr::new(arguments.listen.ip(), arguments.health_port)).await?;
    tracing::info!(machines = %arguments.listen, api_server = %arguments.egress_socket.display(), "tunnel server listens");

    let (sender, nodes) = watch::channel(Arc::new(NodeTable::default()));
    let machines = Machines::default();
    let opener = Opener::new(
        Router::new(arguments.ranges()),
        nodes,
        machines.clone(),
        Resolver::new(),
    );
    let listener = Listener {
        acceptor,
        api_server: arguments.api_server,
        machines,
        clock: Arc::new(SystemClock),
    };
    let (probes, counts, streams) = (Probes::default(), Arc::new(Counts::default()), TaskTracker::new());
    let status = Status {
        opener: opener.clone(),
        probes: probes.clone(),
        counts: Arc::clone(&counts),
    };
    let serving = async {
        tokio::join!(
            egress::serve(egress_socket, opener.clone(), counts, streams.clone()),
            listener::serve(machine_socket, listener),
            status::serve(status_socket, status),
            watch_nodes(client, sender),
            probes.run(&opener),
        )
    };
    let ending = async {
        shutdown.cancelled().await;
        sleep(SHORTEST_DRAIN / 2).await;
        // By now the Service leads to our successor, if there is one.
        opener.machines().leave().await;
        sleep(SHORTEST_DRAIN / 2).await;
        streams.close();
        let drain = Duration::from_secs(arguments.drain);
        if timeout(drain, streams.wait()).await.is_err() {
            tracing::warn!(streams = streams.len(), "streams were cut at the end of the drain");
        }
    };
    tokio::select! {
        _ = serving => {}
        () = ending => {}
    }
    Ok(())
}

/// The socket of before may still lie there: the container was started anew in its pod.
fn listen_unix(path: &Path) -> Result<UnixListener, Error> {
    let failed = |source| Error::Listen {
        address: path.display().to_string(),
        source,
    };
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // kube-apiserver runs as the same user, and nobody else has business here.
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn listen_tcp(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen {
        address: address.to_string(),
        source,
    })
}
