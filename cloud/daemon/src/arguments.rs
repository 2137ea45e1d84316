//! The daemon: its command line, its start, its end.

use std::{
    fs::Permissions,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cloud_client::ErrorCode;
use lib_clock::SystemClock;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error, Landscape, api,
    catalog::Catalog,
    cloud::{Cloud, Environment},
    daemon_lock::DaemonLock,
    dns,
    error::refuse,
    host, http_server, image,
    layout::{API, DNS, Layout},
    proxy,
    store::write_durably,
};

/// How often the supervisor looks for what failed or ended.
const SUPERVISION: Duration = Duration::from_secs(2);

/// Arguments of `kubeception cloud`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Name of the landscape: it prefixes all that the cloud makes on this machine.
    #[arg(long, default_value = "local")]
    pub landscape: Landscape,
    /// Port of the proxy on 127.0.0.1 (HTTP CONNECT and SOCKS5) that reaches every name and address of the cloud.
    #[arg(long, default_value_t = 6480)]
    pub proxy_port: u16,
    /// Where the machine image lies, and the upstream binaries that go into it [default: $XDG_CACHE_HOME/kubeception].
    #[arg(long, env = "KUBECEPTION_CACHE")]
    pub cache: Option<PathBuf>,
    /// What users may choose from, and how much.
    #[command(flatten)]
    pub catalog: Catalog,
}

/// Runs the cloud until `shutdown`. Its machines go on without it, and the next daemon of the landscape finds them.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    host::check()?;
    let layout = Layout::new(arguments.landscape);
    let _lock = DaemonLock::take(&layout)?;
    let proxy = listen_for_proxy(arguments.proxy_port)?;
    create_private_folder(&layout.state())?;
    let token = load_token(&layout)?;
    host::raise_limits(&layout.landscape().to_string())?;
    host::raise_open_files();
    host::load_modules();

    let environment = Environment {
        clock: Arc::new(SystemClock),
        new_uid: Box::new(Uuid::new_v4),
        host: host::facts()?,
        cache: arguments.cache.unwrap_or_else(image::default_cache),
        proxy_port: proxy
            .local_addr()
            .map_or(arguments.proxy_port, |address| address.port()),
        catalog: arguments.catalog,
    };
    let cloud = Cloud::open(layout.clone(), environment, &token, shutdown.clone())?;
    blocking(&cloud, |cloud| cloud.recover()).await??;
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    serve(&cloud, proxy, token.into(), &stop)?;
    tracing::info!(landscape = %layout.landscape(), proxy = arguments.proxy_port, "the cloud is up");
    supervise(&cloud, &shutdown).await?;
    tracing::info!("the cloud's daemon ends; its machines go on");
    Ok(())
}

async fn supervise(cloud: &Arc<Cloud>, shutdown: &CancellationToken) -> Result<(), Error> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(SUPERVISION) => {}
        }
        blocking(cloud, |cloud| cloud.supervise()).await?;
    }
}

async fn blocking<T: Send + 'static>(
    cloud: &Arc<Cloud>,
    action: impl FnOnce(&Arc<Cloud>) -> T + Send + 'static,
) -> Result<T, Error> {
    let cloud = Arc::clone(cloud);
    let task = tokio::task::spawn_blocking(move || action(&cloud)).await;
    task.map_err(|error| Error::system("look after the cloud")(error.into()))
}

/// Opens all sockets, the Unix socket last: whoever gets an answer there finds everything else open, too.
fn serve(
    cloud: &Arc<Cloud>,
    proxy: tokio::net::TcpListener,
    token: Arc<str>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let dns_udp = cloud
        .in_backbone(|| {
            let socket = UdpSocket::bind(DNS)?;
            socket.set_nonblocking(true).map(|()| socket)
        })
        .and_then(tokio::net::UdpSocket::from_std)
        .map_err(Error::system("listen for DNS questions"))?;
    let dns_tcp = listen_in_backbone(cloud, DNS)?;
    let tcp = listen_in_backbone(cloud, API)?;
    let unix = listen_on_host(&cloud.layout().socket())?;

    let until_stop = |task: Task| {
        let stop = stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(task).await });
    };
    until_stop(Box::pin(dns::server::serve_udp(Arc::clone(cloud), dns_udp)));
    until_stop(Box::pin(dns::server::serve_tcp(Arc::clone(cloud), dns_tcp)));
    until_stop(Box::pin(proxy::serve(Arc::clone(cloud), proxy)));
    let inside = Arc::clone(cloud);
    until_stop(Box::pin(http_server::serve_tcp(tcp, move |_, request| {
        api::answer(Arc::clone(&inside), Some(Arc::clone(&token)), request)
    })));
    let host = Arc::clone(cloud);
    until_stop(Box::pin(http_server::serve_unix(unix, move |_, request| {
        api::answer(Arc::clone(&host), None, request)
    })));
    Ok(())
}

type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn listen_in_backbone(cloud: &Cloud, address: SocketAddr) -> Result<tokio::net::TcpListener, Error> {
    cloud
        .in_backbone(move || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true).map(|()| listener)
        })
        .and_then(tokio::net::TcpListener::from_std)
        .map_err(Error::system(format!("listen on {address} in the backbone")))
}

fn listen_on_host(path: &Path) -> Result<UnixListener, Error> {
    if path.exists() {
        // Of an earlier daemon: the lock says that it is gone.
        fs_err::remove_file(path).map_err(Error::file("remove", path))?;
    }
    let listener = UnixListener::bind(path).map_err(Error::file("listen on", path))?;
    fs_err::set_permissions(path, Permissions::from_mode(0o600)).map_err(Error::file("change mode of", path))?;
    Ok(listener)
}

fn listen_for_proxy(port: u16) -> Result<tokio::net::TcpListener, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| {
            listener.set_nonblocking(true)?;
            tokio::net::TcpListener::from_std(listener)
        })
        .map_err(|source| Error::ProxyPort { port, source })
}

/// The bearer token, made at the first start.
fn load_token(layout: &Layout) -> Result<String, Error> {
    let path = layout.token();
    if path.exists() {
        let token = fs_err::read_to_string(&path).map_err(Error::file("read", &path))?;
        if !token.is_empty() {
            return Ok(token);
        }
        return Err(refuse(
            ErrorCode::Internal,
            format!("{} is empty", path.display()),
            "remove it, and start again",
        ));
    }
    let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    write_durably(&path, token.as_bytes())?;
    Ok(token)
}

/// Records hold user data, and user data holds secrets.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), Error> {
    fs_err::create_dir_all(path).map_err(Error::file("create", path))?;
    fs_err::set_permissions(path, Permissions::from_mode(0o700)).map_err(Error::file("change mode of", path))
}
