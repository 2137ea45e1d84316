//! HTTPS for the webhook.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Error, Reviewer, ServingCertificate};

/// A client that has not finished its TLS handshake by then is gone.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// A client that has not sent its request's headers by then is gone; connections without requests last so long.
const HEADER_DEADLINE: Duration = Duration::from_secs(120);
/// After a failed accept (mostly: no file descriptors left), connections get time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that has its port.
pub struct Server {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
}

/// Takes the port.
pub async fn listen(address: SocketAddr, certificate: &ServingCertificate) -> Result<Server, Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate.clone()));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok(Server {
        listener,
        acceptor,
        address,
    })
}

impl Server {
    /// Where it listens; of interest when the port asked for was 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`.
    pub async fn run(self, reviewer: Reviewer, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, self.acceptor.clone(), reviewer.clone());
                    connections.spawn(shutdown.clone().run_until_cancelled_owned(connection));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, reviewer: Reviewer) {
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await else {
        return;
    };
    let service = service_fn(move |request| {
        let reviewer = reviewer.clone();
        async move { Ok::<_, Infallible>(reviewer.answer(request).await) }
    });
    // A broken connection concerns nobody but the one who asks.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
