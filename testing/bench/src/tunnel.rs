//! The tunnel by itself, in this process and on loopback: what it adds to a direct TCP connection of the same run.
//!
//! In: nothing; no landscape is needed. Out: latency of an echo and of opening a stream, throughput by the clock and by the time
//! the busier end spent of a processor. Both ways have the same clients and targets: threads with blocking sockets.
//! Absent: a network, and the gateway.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    ends::{DEADLINE, Tunnel},
    report::{Figure, Report, say},
};

/// As large as a line of a terminal or a small frame of HTTP/2.
const MESSAGE: usize = 64;
const ROUND_TRIPS: usize = 10_000;
/// They do not count: the kernel's buffers and both ends' grow first.
const WARM_UP: usize = 500;
const OPENINGS: usize = 1_000;
/// What is pushed through: 2 GiB, in pieces of the size of the tunnel's frames.
const BYTES: u64 = 2 << 30;
const PIECE: usize = 64 * 1024;

/// Takes all figures, so many times.
pub(crate) fn measure(rounds: u32, report: &mut Report) -> Result<()> {
    if cfg!(debug_assertions) {
        say(
            "  (this build is not optimized: for figures of the tunnel, run `cargo run --release -p testing-bench -- --only tunnel`)",
        );
    }
    let (echo, count) = (listen(echo)?, listen(count)?);
    let tunnel = &Tunnel::start()?;
    for _ in 0..rounds {
        compare(report, tunnel, "echo of 64 bytes", |way| round_trips(way, echo))?;
        compare(report, tunnel, "opening a stream", |way| openings(way, echo))?;
        throughput(report, tunnel, count)?;
    }
    Ok(())
}

/// How bytes get to a target.
#[derive(Clone, Copy)]
enum Way<'a> {
    Direct,
    Through(&'a Tunnel),
}

impl Way<'_> {
    fn open(self, target: SocketAddr) -> Result<Box<dyn Socket>> {
        match self {
            Self::Direct => {
                let socket = TcpStream::connect(target)?;
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(DEADLINE))?;
                socket.set_write_timeout(Some(DEADLINE))?;
                Ok(Box::new(socket))
            }
            Self::Through(tunnel) => Ok(Box::new(tunnel.open(target)?)),
        }
    }
}

/// A connection whose own way can be ended.
trait Socket: Read + Write {
    fn end_writing(&self) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Socket for UnixStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Reports what is usual and what is seldom exceeded: direct, through the tunnel, and by how much more that is.
fn compare<F>(report: &mut Report, tunnel: &Tunnel, what: &str, measure: F) -> Result<()>
where
    F: Fn(Way<'_>) -> Result<Vec<Duration>>,
{
    let direct = measure(Way::Direct).with_context(|| format!("{what}, direct"))?;
    let through = measure(Way::Through(tunnel)).with_context(|| format!("{what}, through the tunnel"))?;
    for percent in [50, 99] {
        let (direct, through) = (percentile(&direct, percent), percentile(&through, percent));
        let mut add = |way: &str, took| {
            let name = format!("{what}, {way}, p{percent}");
            report.add(&name, Figure::microseconds(took));
        };
        add("direct TCP", direct);
        add("through the tunnel", through);
        add("added by the tunnel", through.saturating_sub(direct));
    }
    Ok(())
}

/// The time within which so many of a hundred were done.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn round_trips(way: Way<'_>, target: SocketAddr) -> Result<Vec<Duration>> {
    let mut socket = way.open(target)?;
    let mut message = [0_u8; MESSAGE];
    let mut times = Vec::with_capacity(WARM_UP + ROUND_TRIPS);
    for _ in 0..WARM_UP + ROUND_TRIPS {
        let started = Instant::now();
        socket.write_all(&message)?;
        socket.read_exact(&mut message)?;
        times.push(started.elapsed());
    }
    finish(socket)?;
    Ok(times.split_off(WARM_UP))
}

fn openings(way: Way<'_>, target: SocketAddr) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(OPENINGS);
    for _ in 0..OPENINGS {
        let started = Instant::now();
        let socket = way.open(target)?;
        times.push(started.elapsed());
        finish(socket)?;
    }
    Ok(times)
}

/// Ends both ways, so that nothing of this connection is left to do while the next one is measured.
fn finish(mut socket: Box<dyn Socket>) -> Result<()> {
    socket.end_writing()?;
    ensure!(socket.read(&mut [0_u8])? == 0, "there is more than was asked for");
    Ok(())
}

fn throughput(report: &mut Report, tunnel: &Tunnel, target: SocketAddr) -> Result<()> {
    let took = push(Way::Direct, target).context("2 GiB, direct")?;
    report.add("2 GiB, direct TCP", Figure::gigabits_per_second(BYTES, took));
    let before = tunnel.spent()?;
    let took = push(Way::Through(tunnel), target).context("2 GiB, through the tunnel")?;
    let after = tunnel.spent()?;
    report.add("2 GiB, through the tunnel", Figure::gigabits_per_second(BYTES, took));
    let seed = after.seed.saturating_sub(before.seed);
    let machine = after.machine.saturating_sub(before.machine);
    report.add(
        "2 GiB, through the tunnel, per CPU-second of the busier end",
        Figure::gigabits_per_second(BYTES, seed.max(machine)),
    );
    report.add("2 GiB, through the tunnel, CPU time of the seed's end", seed);
    report.add("2 GiB, through the tunnel, CPU time of the machine's end", machine);
    Ok(())
}

/// How long it takes until the target has everything and says so.
fn push(way: Way<'_>, target: SocketAddr) -> Result<Duration> {
    let mut socket = way.open(target)?;
    let piece = vec![0_u8; PIECE];
    let started = Instant::now();
    for _ in 0..BYTES / PIECE as u64 {
        socket.write_all(&piece)?;
    }
    socket.end_writing()?;
    let mut received = [0_u8; 8];
    socket.read_exact(&mut received)?;
    let took = started.elapsed();
    let received = u64::from_be_bytes(received);
    ensure!(received == BYTES, "{received} of {BYTES} bytes came through");
    Ok(took)
}

/// A target that answers one connection after the other, until this process ends.
fn listen(answer: fn(TcpStream) -> io::Result<()>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to listen")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            if let Err(error) = connection.and_then(answer) {
                say(&format!("a target's connection broke off: {error}"));
            }
        }
    });
    Ok(address)
}

/// Gives everything back at once.
fn echo(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = vec![0_u8; PIECE];
    loop {
        let read = connection.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        connection.write_all(&buffer[..read])?;
    }
}

/// Takes everything, and says at the end how much it was.
fn count(mut connection: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0_u8; PIECE];
    let mut total = 0_u64;
    loop {
        let read = connection.read(&mut buffer)?;
        if read == 0 {
            return connection.write_all(&total.to_be_bytes());
        }
        total += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn both_ways_lead_to_a_target() {
        let target = listen(echo).unwrap();
        let tunnel = Tunnel::start().unwrap();
        for way in [Way::Direct, Way::Through(&tunnel)] {
            let mut socket = way.open(target).unwrap();
            socket.write_all(b"hello").unwrap();
            let mut answer = [0; 5];
            socket.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"hello");
            finish(socket).unwrap();
        }
        let spent = tunnel.spent().unwrap();
        assert!(spent.seed > Duration::ZERO && spent.machine > Duration::ZERO);
    }
}
