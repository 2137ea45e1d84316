//! Accepts connections and speaks HTTP/1 on them.

use std::{convert::Infallible, future::Future, net::IpAddr, time::Duration};

use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
};

/// A client that says nothing for so long has forgotten us.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);

/// When no connection can be accepted (too many open files), the next attempt must not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests on TCP connections for ever, with the address of whoever asks.
pub(crate) async fn serve_tcp<F>(
    listener: TcpListener,
    answer: impl Fn(Option<IpAddr>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(tokio::spawn(connection(stream, Some(peer.ip()), answer.clone()))),
            Err(error) => refused(&error).await,
        }
    }
}

/// The same on a Unix socket.
pub(crate) async fn serve_unix<F>(
    listener: UnixListener,
    answer: impl Fn(Option<IpAddr>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, None, answer.clone()))),
            Err(error) => refused(&error).await,
        }
    }
}

/// A connection could not be accepted: said, and not tried again at once.
pub(crate) async fn refused(error: &std::io::Error) {
    tracing::warn!(%error, "failed to accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn connection<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Option<IpAddr>,
    answer: impl Fn(Option<IpAddr>, Request<Incoming>) -> F,
) where
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(|request| {
        let response = answer(peer, request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
