//! The side that opens streams: HTTP/2's client, on a connection that the other side dialled.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{Method, Request, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use crate::{
    accept::REASON_HEADER,
    keepalive::{self, Gone},
    limits::{CONNECTION_WINDOW, MAX_FRAME, STREAM_WINDOW},
    relay::{RelayError, Stream, Traffic, relay},
};

/// What a server asks for that is about to end.
pub(crate) const LEAVE: &str = "https://tunnel/leave";

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The other side broke the protocol, or the network did.
    #[error("the connection failed")]
    Failed(#[from] h2::Error),
    /// The other side does not answer any more.
    #[error("the other side is gone: {0}")]
    Gone(String),
}

impl From<Gone> for ConnectionError {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Failed(error) => Self::Failed(error),
            silent @ Gone::Silent => Self::Gone(silent.to_string()),
        }
    }
}

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The other side refused to dial, or failed to.
    #[error("{reason}")]
    Refused {
        /// What it is as an HTTP status: 403 not allowed, 502 failed, 504 no answer.
        status: StatusCode,
        /// In its words: printable ASCII.
        reason: String,
    },
    /// The connection was lost.
    #[error("the tunnel failed")]
    Lost(#[from] h2::Error),
    /// No answer in time.
    #[error("no answer through the tunnel within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Opens streams; clones share the connection. When the last one is dropped, the connection ends with its last stream.
#[derive(Clone, Debug)]
pub struct Connection {
    requests: SendRequest<Bytes>,
    streams: Arc<AtomicUsize>,
}

/// Moves the connection's bytes; without it nothing happens.
pub struct Driver<T> {
    connection: client::Connection<T, Bytes>,
}

impl<T> std::fmt::Debug for Driver<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Driver").finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins on a connected byte stream.
    pub async fn start<T: AsyncRead + AsyncWrite + Unpin>(io: T) -> Result<(Self, Driver<T>), ConnectionError> {
        let (requests, connection) = client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(MAX_FRAME)
            .enable_push(false)
            // The other side may reset as many streams as it likes: it harms its own machine alone.
            .max_local_error_reset_streams(None)
            .handshake(io)
            .await?;
        let opener = Self {
            requests,
            streams: Arc::default(),
        };
        Ok((opener, Driver { connection }))
    }

    /// How many streams there are; the least busy of several connections is the one to take.
    pub fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// Asks the other side to dial `destination`.
    pub async fn open(&self, destination: SocketAddr, deadline: Duration) -> Result<OpenStream, OpenError> {
        let counted = Counted::new(&self.streams);
        let stream = timeout(deadline, self.ask(destination))
            .await
            .map_err(|_| OpenError::TimedOut(deadline))??;
        Ok(OpenStream { stream, counted })
    }

    /// Asks the other side to connect anew, to our successor; this connection goes on with its streams.
    pub async fn leave(&self, deadline: Duration) -> Result<(), OpenError> {
        let mut request = Request::new(());
        *request.uri_mut() = http::Uri::from_static(LEAVE);
        let asking = async {
            let mut requests = self.requests.clone().ready().await?;
            let (response, _) = requests.send_request(request, true)?;
            response.await?;
            Ok(())
        };
        timeout(deadline, asking)
            .await
            .map_err(|_| OpenError::TimedOut(deadline))?
    }

    async fn ask(&self, destination: SocketAddr) -> Result<Stream, OpenError> {
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        // A socket address is an authority: `10.0.0.1:443`, `[::1]:443`.
        let uri = destination.to_string().parse();
        *request.uri_mut() = uri.map_err(|_| h2::Error::from(h2::Reason::INTERNAL_ERROR))?;
        let mut requests = self.requests.clone().ready().await?;
        let (response, send) = requests.send_request(request, false)?;
        let response = response.await?;
        if response.status() != StatusCode::OK {
            return Err(OpenError::Refused {
                status: response.status(),
                reason: reason(&response),
            });
        }
        let receive = response.into_body();
        Ok(Stream { send, receive })
    }
}

/// The other side's words end up in messages to users: no byte in them may mean anything.
fn reason(response: &http::Response<h2::RecvStream>) -> String {
    const LONGEST: usize = 300;
    let bytes = response
        .headers()
        .get(REASON_HEADER)
        .map_or(&b""[..], |value| value.as_bytes());
    let printable = bytes.iter().copied().filter(|byte| (b' '..=b'~').contains(byte));
    printable.take(LONGEST).map(char::from).collect()
}

/// Counts a stream as long as it lives.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(streams: &Arc<AtomicUsize>) -> Self {
        streams.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(streams))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose other end is connected.
#[derive(Debug)]
pub struct OpenStream {
    stream: Stream,
    counted: Counted,
}

impl OpenStream {
    /// Copies between the stream and a socket until both have ended, or either failed.
    pub async fn relay(
        self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
    ) -> Result<Traffic, RelayError> {
        let Self { stream, counted } = self;
        let traffic = relay(stream, reader, writer).await;
        drop(counted);
        traffic
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// Runs until the connection ends: in peace, when nobody holds it any more and its streams are done, or with an error.
    pub async fn run(mut self) -> Result<(), ConnectionError> {
        let pings = self.connection.ping_pong();
        let gone = async {
            match pings {
                Some(pings) => keepalive::watch(pings).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = self.connection => Ok(ended?),
            gone = gone => Err(gone.into()),
        }
    }
}
