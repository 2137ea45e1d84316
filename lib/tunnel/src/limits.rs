//! Windows, frames, counts: what the protocol may take of memory and time.

use std::time::Duration;

/// What a stream may have on the way before its reader takes it: at 1 ms of round trip it lets through 4 Gbit/s, at 50 ms
/// 80 Mbit/s, which is plenty for logs and commands.
pub const STREAM_WINDOW: u32 = 512 * 1024;
/// Streams at once over one connection.
pub const MAX_STREAMS: u32 = 512;
/// All streams' windows together: so the connection's window never is what a stream waits for.
pub const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS;
/// Most bytes in one frame: large ones cost less, but whoever comes next waits for them. At 5 Gbit/s this is 0.1 ms.
pub const MAX_FRAME: u32 = 64 * 1024;
/// A read that fills its buffer doubles the next one up to [`MAX_FRAME`]; an idle stream holds no more than this.
pub const FIRST_READ: usize = 4 * 1024;
/// Streams that were reset before they were answered; a busy API server cancels many.
pub(crate) const MAX_PENDING_RESETS: usize = 1024;
/// The other side is asked whether it still lives after this long.
pub const PING_INTERVAL: Duration = Duration::from_secs(10);
/// It must answer within this; a path that takes longer is of no use to a kubelet's client either.
pub const PING_DEADLINE: Duration = Duration::from_secs(10);
