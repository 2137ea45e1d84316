//! Settings of TCP connections that carry a tunnel, or that a tunnel's end dialled.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// After this long without traffic the other side's machine is asked whether it still lives.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Sends at once, and notices when the other side's machine is gone.
pub fn configure(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}
