//! Copies between a stream of the tunnel and a socket, both ways at once, each way with an end of its own.

use std::{future::poll_fn, io};

use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::{
    limits::{FIRST_READ, MAX_FRAME},
    queue::Queue,
};

/// A stream through the tunnel. Dropped before its end, it is reset: the other side closes its socket.
#[derive(Debug)]
pub struct Stream {
    pub(crate) send: SendStream<Bytes>,
    pub(crate) receive: RecvStream,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from the socket into the tunnel.
    pub sent: u64,
    /// Bytes out of the tunnel into the socket.
    pub received: u64,
}

/// Why a stream ended before both sides were done.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The socket failed.
    #[error("the socket failed")]
    Socket(#[source] io::Error),
    /// The connection was lost, or the other side gave the stream up.
    #[error("the tunnel failed")]
    Tunnel(#[source] h2::Error),
    /// The other side gave the stream up.
    #[error("the other side reset the stream: {0}")]
    Reset(Reason),
    /// The stream was closed under way.
    #[error("the stream was closed")]
    Closed,
}

/// Copies until both sides have ended, or either failed.
pub async fn relay(
    stream: Stream,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
) -> Result<Traffic, RelayError> {
    let Stream { send, receive } = stream;
    let (sent, received) = tokio::try_join!(into_tunnel(reader, send), out_of_tunnel(receive, writer))?;
    Ok(Traffic { sent, received })
}

async fn into_tunnel(mut reader: impl AsyncRead + Unpin, mut send: SendStream<Bytes>) -> Result<u64, RelayError> {
    let mut total = 0;
    let mut room = FIRST_READ;
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(room);
        let read = tokio::select! {
            read = reader.read_buf(&mut buffer) => read.map_err(RelayError::Socket)?,
            reset = poll_fn(|context| send.poll_reset(context)) => {
                return Err(reset.map_or_else(RelayError::Tunnel, RelayError::Reset));
            }
        };
        if read == 0 {
            send.send_data(Bytes::new(), true).map_err(RelayError::Tunnel)?;
            return Ok(total);
        }
        room = next_room(room, read);
        total += read as u64;
        send_all(&mut send, buffer.split().freeze()).await?;
    }
}

/// A full buffer asks for a larger one; one that was almost empty gives memory back.
fn next_room(room: usize, read: usize) -> usize {
    if read >= room {
        (room * 2).min(MAX_FRAME as usize)
    } else if read < room / 8 {
        (room / 2).max(FIRST_READ)
    } else {
        room
    }
}

/// Sends as the window opens. Capacity is reserved for what is there only: reserved and not used, others lack it.
async fn send_all(send: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), RelayError> {
    while !data.is_empty() {
        send.reserve_capacity(data.len());
        let mut capacity = send.capacity();
        if capacity == 0 {
            capacity = match poll_fn(|context| send.poll_capacity(context)).await {
                Some(capacity) => capacity.map_err(RelayError::Tunnel)?,
                None => return Err(RelayError::Closed),
            };
        }
        let piece = data.split_to(capacity.min(data.len()));
        send.send_data(piece, false).map_err(RelayError::Tunnel)?;
    }
    Ok(())
}

async fn out_of_tunnel(mut receive: RecvStream, mut writer: impl AsyncWrite + Unpin) -> Result<u64, RelayError> {
    let mut total = 0;
    let mut queue = Queue::default();
    let mut open = true;
    while open || !queue.is_empty() {
        tokio::select! {
            biased;
            written = queue.write_to(&mut writer), if !queue.is_empty() => {
                let written = written.map_err(RelayError::Socket)?;
                queue.advance(written);
                total += written as u64;
                // Only now: what is not written yet counts against the stream's window.
                receive.flow_control().release_capacity(written).map_err(RelayError::Tunnel)?;
            }
            piece = receive.data(), if open => match piece {
                Some(piece) => queue.push(piece.map_err(RelayError::Tunnel)?),
                None => open = false,
            },
        }
    }
    writer.shutdown().await.map_err(RelayError::Socket)?;
    Ok(total)
}
