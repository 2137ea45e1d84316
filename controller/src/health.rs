//! Answers `/healthz` and `/readyz` over plain HTTP.
//!
//! In: an address and a [`Readiness`], on which parts of the process note whether they are ready. Out: 200, or 503 with
//! the parts that are not. The process is healthy as long as it answers.

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::RwLock;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A probe sends one small request at once; who is slower holds a connection for nothing.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

/// Why probes are not answered.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on {address} for health probes")]
pub struct HealthError {
    /// Where.
    pub address: SocketAddr,
    /// What went wrong.
    pub source: io::Error,
}

/// Which parts of the process are ready; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    parts: Arc<RwLock<BTreeMap<String, bool>>>,
}

impl Readiness {
    /// Without any part, the process is ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes whether a part is ready; from the first call on it counts. Parts are named before the process is served.
    pub fn set(&self, part: &str, ready: bool) {
        self.parts.write().insert(part.to_owned(), ready);
    }

    /// Whether all parts are ready.
    pub fn is_ready(&self) -> bool {
        self.parts.read().values().all(|ready| *ready)
    }

    fn report(&self) -> String {
        let parts = self.parts.read();
        parts
            .iter()
            .map(|(part, ready)| format!("{} {part}\n", if *ready { "[+]" } else { "[-]" }))
            .collect()
    }
}

/// Serves until it is dropped.
#[derive(Debug)]
pub struct HealthServer {
    address: SocketAddr,
    stop: CancellationToken,
}

impl HealthServer {
    /// Where it listens; of interest when the port asked for was 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HealthServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Listens, and answers from now on until the returned server is dropped.
pub async fn serve(address: SocketAddr, readiness: Readiness) -> Result<HealthServer, HealthError> {
    let failed = |source| HealthError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let stop = CancellationToken::new();
    tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, readiness)));
    Ok(HealthServer { address, stop })
}

async fn accept(listener: TcpListener, readiness: Readiness) {
    let connections = TaskTracker::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, readiness.clone()));
            }
            // Out of file descriptors, for example: connections end, so it passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, readiness: Readiness) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.uri().path(), &readiness);
        async move { Ok::<_, Infallible>(answer) }
    });
    // A broken connection concerns nobody but the prober.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(path: &str, readiness: &Readiness) -> Response<Full<Bytes>> {
    let (status, text) = match path {
        "/healthz" | "/livez" => (StatusCode::OK, "ok".to_owned()),
        "/readyz" if readiness.is_ready() => (StatusCode::OK, "ok".to_owned()),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, readiness.report()),
        _ => (StatusCode::NOT_FOUND, "not found".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_part_is() {
        let readiness = Readiness::new();
        assert_eq!(answer("/readyz", &readiness).status(), 200);
        readiness.set("routes", false);
        readiness.set("leader", true);
        assert_eq!(answer("/readyz", &readiness).status(), 503);
        assert_eq!(readiness.report(), "[+] leader\n[-] routes\n");
        assert_eq!(answer("/healthz", &readiness).status(), 200);
        readiness.set("routes", true);
        assert_eq!(answer("/readyz", &readiness).status(), 200);
        assert_eq!(answer("/metrics", &readiness).status(), 404);
    }
}
