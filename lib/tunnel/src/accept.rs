//! The machine's side: HTTP/2's server, on a connection that the machine dialled itself.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use h2::{
    RecvStream,
    server::{self, SendResponse},
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    connection::{ConnectionError, LEAVE},
    keepalive,
    limits::{CONNECTION_WINDOW, MAX_FRAME, MAX_PENDING_RESETS, MAX_STREAMS, STREAM_WINDOW},
    relay::{RelayError, Stream, relay},
};

/// The header that says why a stream is refused.
pub(crate) const REASON_HEADER: &str = "tunnel-reason";

/// Why an address is not dialled.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It may not be.
    #[error("{address} may not be dialled: {reason}")]
    Forbidden {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        reason: &'static str,
    },
    /// Nobody there accepts.
    #[error("failed to connect to {address}")]
    Failed {
        /// What was asked for.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// Nobody there answers.
    #[error("no answer from {0}")]
    TimedOut(SocketAddr),
}

impl DialError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Failed { .. } => StatusCode::BAD_GATEWAY,
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Failed { source, .. } => format!("{self}: {source}"),
            other => other.to_string(),
        }
    }
}

/// What the machine does for the other side.
pub trait Dial: Send + Sync + 'static {
    /// Dials what a stream asks for, within a deadline of its own, if it may be.
    fn dial(&self, address: SocketAddr) -> impl Future<Output = Result<TcpStream, DialError>> + Send;

    /// Hears that the other side is about to end, and wants a connection to its successor.
    fn leaving(&self) {}

    /// Hears of each stream that failed.
    fn failed(&self, error: AcceptError);
}

/// Why a stream was not served to its end.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The request is none of the protocol's.
    #[error("the request {0:?} asks for no address")]
    BadRequest(String),
    /// The address was not dialled.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The answer could not be sent.
    #[error("failed to answer")]
    Answer(#[source] h2::Error),
    /// It broke off under way.
    #[error("the stream to {address} broke off")]
    Relay {
        /// Where it went.
        address: SocketAddr,
        /// What went wrong.
        source: RelayError,
    },
}

/// Answers streams until the connection ends. Dropped, all streams are cut.
pub async fn accept_streams<T, D>(io: T, dial: Arc<D>) -> Result<(), ConnectionError>
where
    T: AsyncRead + AsyncWrite + Unpin,
    D: Dial,
{
    let mut connection: server::Connection<T, Bytes> = server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(None)
        .handshake(io)
        .await?;
    let pings = connection.ping_pong();
    let gone = async {
        match pings {
            Some(pings) => keepalive::watch(pings).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(gone);
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                None => return Ok(()),
                Some(accepted) => {
                    let (request, respond) = accepted?;
                    let dial = Arc::clone(&dial);
                    streams.spawn(async move {
                        if let Err(error) = serve(request, respond, &*dial).await {
                            dial.failed(error);
                        }
                    });
                }
            },
            gone = &mut gone => return Err(gone.into()),
            Some(_) = streams.join_next() => {} // each has reported for itself
        }
    }
}

async fn serve<D: Dial>(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    dial: &D,
) -> Result<(), AcceptError> {
    if request.method() == Method::GET && *request.uri() == LEAVE {
        dial.leaving();
        return answer(&mut respond, StatusCode::OK, "");
    }
    let Some(address) = address(&request) else {
        let what = format!("{} {}", request.method(), request.uri());
        answer(&mut respond, StatusCode::BAD_REQUEST, "no address is asked for")?;
        return Err(AcceptError::BadRequest(what));
    };
    let socket = match dial.dial(address).await {
        Ok(socket) => socket,
        Err(error) => {
            answer(&mut respond, error.status(), &error.reason())?;
            return Err(error.into());
        }
    };
    let send = respond
        .send_response(Response::new(()), false)
        .map_err(AcceptError::Answer)?;
    let receive = request.into_body();
    let (reader, writer) = socket.into_split();
    let relayed = relay(Stream { send, receive }, reader, writer).await;
    relayed.map_err(|source| AcceptError::Relay { address, source })?;
    Ok(())
}

fn address(request: &Request<RecvStream>) -> Option<SocketAddr> {
    let authority = request.uri().authority()?;
    (request.method() == Method::CONNECT).then(|| authority.as_str().parse().ok())?
}

fn answer(respond: &mut SendResponse<Bytes>, status: StatusCode, reason: &str) -> Result<(), AcceptError> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    if let Ok(reason) = HeaderValue::from_str(reason) {
        response.headers_mut().insert(REASON_HEADER, reason);
    }
    respond.send_response(response, true).map_err(AcceptError::Answer)?;
    Ok(())
}
