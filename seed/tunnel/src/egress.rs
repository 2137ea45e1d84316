//! What kube-apiserver sends into the shoot: HTTP CONNECT on a Unix socket.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lib_error_chain::ErrorChain;
use lib_tunnel::RelayError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional_with_sizes},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{
    Destination, Opener,
    open::{Opened, RouteError},
    request::{self, RequestError},
};

/// kube-apiserver is beside us and sends its two lines at once.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// Streams at once; more wait to be accepted.
const MOST_STREAMS: usize = 8192;
/// After an error of accepting, most likely for want of files: others must end first.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
const BUFFER: usize = 16 * 1024;

/// How many requests came, and how they ended.
#[derive(Debug, Default)]
pub struct Counts {
    pub(crate) opened: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// Why a request was not served to its end.
#[derive(Debug, thiserror::Error)]
enum EgressError {
    #[error("no request within {} s", REQUEST_DEADLINE.as_secs())]
    TooSlow,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("no connection to {destination}")]
    Route {
        destination: Destination,
        source: Box<RouteError>,
    },
    #[error("failed to answer")]
    Answer(#[source] io::Error),
    #[error("the connection to {destination} broke off")]
    Relay {
        destination: Destination,
        source: RelayError,
    },
    #[error("the connection to {destination} broke off")]
    Copy {
        destination: Destination,
        source: io::Error,
    },
}

/// Serves until it is dropped; `streams` knows what goes on.
pub async fn serve(listener: UnixListener, opener: Opener, counts: Arc<Counts>, streams: TaskTracker) {
    let permits = Arc::new(Semaphore::new(MOST_STREAMS));
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return; // never: nobody closes the semaphore
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "failed to accept a connection of kube-apiserver");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (opener, counts) = (opener.clone(), Arc::clone(&counts));
        streams.spawn(async move {
            if let Err(error) = handle(stream, &opener, &counts).await {
                report(&error);
            }
            drop(permit);
        });
    }
}

fn report(error: &EgressError) {
    match error {
        EgressError::Route { destination, source } => {
            tracing::info!(%destination, status = source.status(), reason = %ErrorChain(source), "refused");
        }
        other => tracing::debug!(error = %ErrorChain(other), "a connection of kube-apiserver ended early"),
    }
}

async fn handle(mut stream: UnixStream, opener: &Opener, counts: &Counts) -> Result<(), EgressError> {
    let request = timeout(REQUEST_DEADLINE, request::read(&mut stream)).await;
    let (destination, first) = match request {
        Ok(Ok(request)) => request,
        Ok(Err(error)) => {
            refuse(&mut stream, 400, &error.to_string()).await?;
            return Err(error.into());
        }
        Err(_) => {
            refuse(&mut stream, 408, "no request in time").await?;
            return Err(EgressError::TooSlow);
        }
    };
    match opener.open(&destination).await {
        Ok(opened) => {
            counts.opened.fetch_add(1, Ordering::Relaxed);
            let answer = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
            answer.map_err(EgressError::Answer)?;
            copy(stream, &first, opened, destination).await
        }
        Err(error) => {
            let status = error.status();
            let count = if status == 403 { &counts.refused } else { &counts.failed };
            count.fetch_add(1, Ordering::Relaxed);
            let reason = ErrorChain(&error).to_string();
            refuse(&mut stream, status, &reason).await?;
            let source = Box::new(error);
            Err(EgressError::Route { destination, source })
        }
    }
}

/// kube-apiserver shows the words after the status to its user; they stay on one line.
async fn refuse(stream: &mut UnixStream, status: u16, reason: &str) -> Result<(), EgressError> {
    let reason: String = reason
        .chars()
        .filter(|character| (' '..='~').contains(character))
        .collect();
    let answer = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.map_err(EgressError::Answer)
}

async fn copy(
    mut stream: UnixStream,
    first: &[u8],
    opened: Opened,
    destination: Destination,
) -> Result<(), EgressError> {
    match opened {
        Opened::Tunnel(through) => {
            let (reader, writer) = stream.into_split();
            let relayed = through.relay(first.chain(reader), writer).await;
            relayed.map_err(|source| EgressError::Relay { destination, source })?;
        }
        Opened::Direct(mut socket) => {
            let copied = async {
                socket.write_all(first).await?;
                copy_bidirectional_with_sizes(&mut stream, &mut socket, BUFFER, BUFFER).await
            };
            let copied = copied.await;
            copied.map_err(|source| EgressError::Copy { destination, source })?;
        }
    }
    Ok(())
}
