//! What a landscape asks of its machine: the chores look before the builds, which take long, and bring-up before it begins.
//!
//! Both go by the same numbers: what is refused at the end is refused at the beginning.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const GIB: u64 = 1 << 30;

/// The port of the proxy on the host's loopback, unless the user chooses another.
pub const PROXY_PORT: u16 = 6480;

/// Bytes of memory that must be available: seed, garden and one shoot, measured, with room for a second.
pub const MEMORY_NEEDED: u64 = 4 * GIB;

/// Bytes that must be free in `/var/lib`: images, volumes and logs of a landscape with a handful of shoots.
pub const DISK_NEEDED: u64 = 8 * GIB;

/// Bytes of memory that can be had, of the text of `/proc/meminfo`; nothing if it does not tell.
pub fn memory_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

/// Whether somebody listens on a port of 127.0.0.1. Asked without listening: a daemon of ours that starts meanwhile finds the port free.
pub fn is_port_taken(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::TimedOut,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_writes_it() {
        assert_eq!(
            memory_available("MemTotal: 24 kB\nMemAvailable:   2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(memory_available("MemTotal: 24 kB\n"), None);
    }

    #[test]
    fn a_port_is_taken_while_somebody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_port_taken(port));
    }
}
