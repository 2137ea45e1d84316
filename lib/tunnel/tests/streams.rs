//! Streams through a connection, both ends real, over memory and over TLS on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lib_tunnel::{AcceptError, Connection, ConnectionError, Dial, DialError, OpenError, accept_streams, limits};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex, split},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);
const DEADLINE: Duration = Duration::from_secs(10);

/// Dials whatever is asked for, but nothing of 192.0.2.0/24.
#[derive(Default)]
struct Open {
    failed: AtomicUsize,
    left: Notify,
}

impl Dial for Open {
    async fn dial(&self, address: SocketAddr) -> Result<TcpStream, DialError> {
        if address.ip().to_string().starts_with("192.0.2.") {
            let reason = "it is of the documentation";
            return Err(DialError::Forbidden { address, reason });
        }
        let failed = |source| DialError::Failed { address, source };
        TcpStream::connect(address).await.map_err(failed)
    }

    fn leaving(&self) {
        self.left.notify_one();
    }

    fn failed(&self, _: AcceptError) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// Both ends of a connection over memory.
struct Pair {
    connection: Connection,
    machine: Arc<Open>,
    server: JoinHandle<Result<(), ConnectionError>>,
    accepting: JoinHandle<Result<(), ConnectionError>>,
}

async fn pair() -> Pair {
    let (near, far) = duplex(256 * 1024);
    let machine = Arc::new(Open::default());
    let accepting = tokio::spawn(accept_streams(far, Arc::clone(&machine)));
    let (connection, driver) = Connection::start(near).await.unwrap();
    let server = tokio::spawn(driver.run());
    Pair {
        connection,
        machine,
        server,
        accepting,
    }
}

impl Pair {
    /// A stream to `address`, as a byte stream.
    async fn open(&self, address: SocketAddr) -> DuplexStream {
        let stream = self.connection.open(address, DEADLINE).await.unwrap();
        let (near, far) = duplex(64 * 1024);
        let (reader, writer) = split(far);
        tokio::spawn(stream.relay(reader, writer));
        near
    }
}

/// Reads until the end, then answers with all of it.
async fn echo_after_the_end() -> SocketAddr {
    serve(|mut stream| async move {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await?;
        stream.write_all(&all).await?;
        stream.shutdown().await
    })
    .await
}

/// Answers every byte at once.
async fn echo() -> SocketAddr {
    serve(|mut stream| async move {
        stream.set_nodelay(true)?;
        let (mut reader, mut writer) = stream.split();
        tokio::io::copy(&mut reader, &mut writer).await.map(|_| ())
    })
    .await
}

async fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

async fn patiently<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work)
        .await
        .expect("an end within the patience of a test")
}

#[tokio::test]
async fn each_way_ends_by_itself() {
    let (pair, target) = (pair().await, echo_after_the_end().await);
    let mut stream = pair.open(target).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (mut reader, mut writer) = split(&mut stream);
    let sending = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let receiving = reader.read_to_end(&mut received);
    let (_, received_count) = patiently(async { tokio::join!(sending, receiving) }).await;
    assert_eq!(received_count.unwrap(), sent.len());
    assert!(received == sent);
}

#[tokio::test]
async fn refusals_come_with_their_reason() {
    let pair = pair().await;
    let refused = |address: &'static str| {
        let connection = pair.connection.clone();
        async move { connection.open(address.parse().unwrap(), DEADLINE).await.unwrap_err() }
    };
    let OpenError::Refused { status, reason } = refused("192.0.2.1:443").await else {
        unreachable!("a refusal");
    };
    assert_eq!(status, 403);
    assert_eq!(reason, "192.0.2.1:443 may not be dialled: it is of the documentation");
    // Nobody listens on port 1.
    let OpenError::Refused { status, reason } = refused("127.0.0.1:1").await else {
        unreachable!("a refusal");
    };
    assert_eq!(status, 502);
    assert!(reason.starts_with("failed to connect to 127.0.0.1:1: "), "{reason}");
    assert_eq!(pair.machine.failed.load(Ordering::Relaxed), 2);
    assert_eq!(pair.connection.streams(), 0);
}

/// A target that never reads, and one that answers: the first one's window fills, the second does not notice.
#[tokio::test]
async fn a_slow_stream_stops_no_other() {
    let (pair, fast) = (pair().await, echo().await);
    let slow = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
        Ok(())
    })
    .await;
    let mut stuck = Vec::new();
    for _ in 0..8 {
        let mut stream = pair.open(slow).await;
        // More than the window and all buffers on the way hold: the kernel's may be some MiB.
        let filler = tokio::spawn(async move { stream.write_all(&vec![0; 64 << 20]).await });
        stuck.push(filler);
    }
    let mut stream = pair.open(fast).await;
    for round in 0..200_u8 {
        let answer = async {
            stream.write_all(&[round; 700]).await.unwrap();
            let mut answer = [0; 700];
            stream.read_exact(&mut answer).await.unwrap();
            answer
        };
        assert_eq!(patiently(answer).await, [round; 700]);
    }
    assert!(
        stuck.iter().all(|filler| !filler.is_finished()),
        "the slow target took it all"
    );
}

#[tokio::test]
async fn more_streams_than_there_may_be_wait_for_their_turn() {
    let (pair, target) = (pair().await, echo().await);
    let mut open = Vec::new();
    for _ in 0..limits::MAX_STREAMS {
        open.push(pair.open(target).await);
    }
    let short = Duration::from_millis(200);
    let error = pair.connection.open(target, short).await.unwrap_err();
    assert!(matches!(error, OpenError::TimedOut(_)), "{error:?}");
    drop(open.pop());
    let mut stream = patiently(pair.open(target)).await;
    stream.write_all(b"x").await.unwrap();
    assert_eq!(patiently(stream.read_u8()).await.unwrap(), b'x');
}

#[tokio::test]
async fn a_stream_that_is_given_up_closes_its_socket() {
    let pair = pair().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = pair
        .connection
        .open(listener.local_addr().unwrap(), DEADLINE)
        .await
        .unwrap();
    let (mut socket, _) = listener.accept().await.unwrap();
    drop(stream);
    let mut byte = [0];
    // An end or a reset, whichever the kernel tells first.
    assert!(!matches!(patiently(socket.read(&mut byte)).await, Ok(1..)));
}

#[tokio::test]
async fn a_connection_that_nobody_holds_ends_with_its_last_stream() {
    let (pair, target) = (pair().await, echo().await);
    let mut stream = pair.open(target).await;
    let Pair {
        connection,
        server,
        accepting,
        ..
    } = pair;
    drop(connection);
    stream.write_all(b"still there").await.unwrap();
    let mut answer = [0; 11];
    patiently(stream.read_exact(&mut answer)).await.unwrap();
    assert!(!server.is_finished());
    stream.shutdown().await.unwrap();
    assert_eq!(patiently(stream.read(&mut answer)).await.unwrap(), 0);
    patiently(server).await.unwrap().unwrap();
    patiently(accepting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_machine_hears_that_its_server_leaves() {
    let pair = pair().await;
    pair.connection.leave(DEADLINE).await.unwrap();
    patiently(pair.machine.left.notified()).await;
}

#[tokio::test]
async fn streams_fail_with_their_connection() {
    let (pair, target) = (pair().await, echo().await);
    let mut stream = pair.open(target).await;
    pair.accepting.abort();
    let mut byte = [0];
    assert_eq!(patiently(stream.read(&mut byte)).await.unwrap(), 0);
    assert!(pair.connection.open(target, DEADLINE).await.is_err());
}

/// Nobody answers on the other side: after an interval and a deadline it counts as gone.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    let (near, _far) = duplex(1024);
    let (connection, driver) = Connection::start(near).await.unwrap();
    let started = tokio::time::Instant::now();
    let error = driver.run().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the other side is gone: no answer to a ping within 10 s"
    );
    assert_eq!(
        started.elapsed().as_secs(),
        (limits::PING_INTERVAL + limits::PING_DEADLINE).as_secs()
    );
    drop(connection);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Many streams at once, each with its own sizes of writes: each gets back what it sent.
    #[test]
    fn streams_do_not_mix(sizes in prop::collection::vec(prop::collection::vec(0_usize..200_000, 0..6), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (pair, target) = (pair().await, echo_after_the_end().await);
            let mut tasks = Vec::new();
            for (number, writes) in sizes.into_iter().enumerate() {
                let stream = pair.open(target).await;
                tasks.push(tokio::spawn(async move {
                    let (mut reader, mut writer) = split(stream);
                    let total: usize = writes.iter().sum();
                    let sending = async {
                        for size in writes {
                            writer.write_all(&vec![number as u8; size]).await.unwrap();
                        }
                        writer.shutdown().await.unwrap();
                    };
                    let mut received = Vec::new();
                    let (_, read) = tokio::join!(sending, reader.read_to_end(&mut received));
                    read.unwrap();
                    assert_eq!(received.len(), total);
                    assert!(received.iter().all(|byte| *byte == number as u8));
                }));
            }
            for task in tasks {
                patiently(task).await.unwrap();
            }
        });
    }
}
