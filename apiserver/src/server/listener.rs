//! Connections: accepted, served, and ended in good order.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::Request;
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use lib_error_chain::ErrorChain;
use rustls::pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    authentication::TrustSource,
    cache::WatchCache,
    endpoints::{BodyError, Service},
};

use super::{
    ServerOptions,
    certificate::{CertificateError, ServingCertificate},
};

/// A client that has not finished its TLS handshake by then is gone.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// A client that has not sent its request's headers by then is gone.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);
/// After a failed accept (mostly: no file descriptors left), connections get time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Requests on one HTTP/2 connection at once; what Kubernetes allows, since the front proxy sends all users' requests
/// over few connections.
const MAX_STREAMS: u32 = 1000;

/// Why a server stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be had.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// TLS can't be had.
    #[error("failed to configure TLS")]
    Tls(#[from] CertificateError),
}

/// A server that is ready to run.
pub struct Server {
    service: Arc<Service>,
    caches: Vec<Arc<WatchCache>>,
    trust: Option<Arc<TrustSource>>,
    certificate: Arc<ServingCertificate>,
    address: (IpAddr, u16),
    delay: Duration,
    grace: Duration,
    /// Ends watches.
    stop: CancellationToken,
}

/// A server that has its port.
pub struct Listening {
    server: Server,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
}

impl Server {
    pub(super) fn new(
        service: Service,
        caches: Vec<Arc<WatchCache>>,
        trust: Option<Arc<TrustSource>>,
        certificate: Arc<ServingCertificate>,
        options: &ServerOptions,
        stop: CancellationToken,
    ) -> Self {
        Self {
            service: Arc::new(service),
            caches,
            trust,
            certificate,
            address: (options.bind_address, options.secure_port),
            delay: options.shutdown_delay_duration,
            grace: options.request_timeout,
            stop,
        }
    }

    /// Takes the port.
    pub async fn listen(self) -> Result<Listening, ServeError> {
        let address = SocketAddr::from(self.address);
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let acceptor = TlsAcceptor::from(self.certificate.config()?);
        Ok(Listening {
            server: self,
            listener,
            acceptor,
            address,
        })
    }

    /// Serves until `shutdown`, and then until every request has been answered or its time is over.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let listening = self.listen().await?;
        listening.serve(shutdown).await;
        Ok(())
    }
}

impl Listening {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, and then until every request has been answered or its time is over.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self {
            server,
            listener,
            acceptor,
            address,
        } = self;
        let background = CancellationToken::new();
        let tasks = TaskTracker::new();
        for cache in &server.caches {
            tasks.spawn(Arc::clone(cache).run(background.clone()));
        }
        if let Some(trust) = &server.trust {
            tasks.spawn(Arc::clone(trust).run(background.clone()));
        }
        tasks.spawn(Arc::clone(&server.certificate).run(background.clone()));
        tracing::info!(%address, "serving");

        let connections = TaskTracker::new();
        // Connections are told to end only after the delay: until then nobody need notice.
        let closing = CancellationToken::new();
        let accept = accept_all(&listener, &acceptor, &server.service, &connections, &closing);
        let ending = async {
            shutdown.cancelled().await;
            server.stop.cancel();
            tokio::time::sleep(server.delay).await;
        };
        tokio::select! {
            () = accept => {}
            () = ending => {}
        }
        drop(listener);
        closing.cancel();
        connections.close();
        if tokio::time::timeout(server.grace, connections.wait()).await.is_err() {
            tracing::warn!(
                open = connections.len(),
                "requests did not end in time, they are dropped"
            );
        }
        background.cancel();
        tasks.close();
        tasks.wait().await;
        tracing::info!(%address, "stopped");
    }
}

/// Accepts connections; never returns.
async fn accept_all(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
    service: &Arc<Service>,
    connections: &TaskTracker,
    closing: &CancellationToken,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = serve_connection(stream, peer, acceptor.clone(), Arc::clone(service), closing.clone());
                connections.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    service: Arc<Service>,
    closing: CancellationToken,
) {
    // Events of a watch are small, and must not wait for more.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%peer, error = %ErrorChain(&error), "TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let certificates: Arc<[CertificateDer<'static>]> = shown.iter().map(|der| der.clone().into_owned()).collect();
    let handle = service_fn(move |request: Request<Incoming>| {
        let request = request.map(|body| body.map_err(BodyError::from).boxed_unsync());
        let answer = Arc::clone(&service).answer(request, Arc::clone(&certificates));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS);
    let connection = builder.serve_connection(TokioIo::new(stream), handle);
    tokio::pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, error = %ErrorChain(&*error), "connection broke");
                }
                return;
            }
            () = closing.cancelled(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
