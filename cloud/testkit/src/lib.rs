//! A landscape of a test: its daemon is a process of its own, so that it can be killed, and nothing of it survives the test.
//!
//! Only tests import this crate. It needs root, and the machine image, which it builds if it is not in the cache. A test program
//! that uses it has a test named `daemon` that calls [`be_daemon_if_told_so`]: the daemon is the test program once more.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and its helpers with it"
)]

use std::{
    fs::File,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cloud_client::{CONSOLE_TAIL, Client, Info, LoadBalancerPort, Protocol, connect_through_proxy};
use cloud_daemon::{Arguments, Catalog, Landscape, image};
use lib_error_chain::ErrorChain;
use nix::sched::{CloneFlags, setns};
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

/// For everything that takes less than a second on an idle machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Tells the test binary to be the daemon of this landscape.
const DAEMON_OF: &str = "CLOUD_TEST_DAEMON_OF";

/// Tells it the quotas of this landscape.
const QUOTAS: &str = "CLOUD_TEST_QUOTAS";

/// A landscape of a test, torn down when it is dropped.
#[derive(Debug)]
pub struct TestLandscape {
    /// Its name.
    pub name: Landscape,
    /// A client on the host.
    pub client: Client,
    /// What its daemon allows: `machines=2,networks=1`.
    pub quotas: &'static str,
    daemon: Option<Child>,
}

impl TestLandscape {
    /// A landscape that is not there yet; what an earlier test run left is removed.
    pub fn new(name: &str) -> Self {
        image::build(&image::default_cache(), &|_| {}).unwrap();
        let name: Landscape = name.parse().unwrap();
        cloud_daemon::teardown(&name).unwrap();
        let client = Client::unix(cloud_client::socket_path(&name.to_string()));
        Self {
            name,
            client,
            quotas: "",
            daemon: None,
        }
    }

    /// The same landscape in other hands, which must not tear it down: see [`Self::forget`].
    pub fn second(other: &Self) -> Self {
        Self {
            name: other.name.clone(),
            client: other.client.clone(),
            quotas: other.quotas,
            daemon: None,
        }
    }

    /// Leaves the landscape to its first owner.
    pub fn forget(mut self) {
        self.daemon = None;
        std::mem::forget(self);
    }

    /// A new landscape whose daemon answers.
    pub async fn start(name: &str) -> Self {
        let mut landscape = Self::new(name);
        landscape.start_daemon().await;
        landscape
    }

    /// Starts the daemon, and waits until it answers.
    pub async fn start_daemon(&mut self) -> Info {
        self.spawn_daemon();
        let client = self.client.clone();
        eventually("the daemon answers", || async {
            client.info().await.map_err(|error| error.to_string())
        })
        .await
    }

    /// This very program again, as the daemon. See [`be_daemon_if_told_so`].
    pub fn spawn_daemon(&mut self) -> &mut Child {
        // Port 0: several test landscapes live side by side.
        self.spawn_daemon_with_proxy_on(0)
    }

    /// The same with a port for its proxy.
    pub fn spawn_daemon_with_proxy_on(&mut self, port: u16) -> &mut Child {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "daemon", "--nocapture"])
            .env(DAEMON_OF, format!("{}:{port}", self.name))
            .env(QUOTAS, self.quotas)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemon.insert(child)
    }

    /// Where the daemon's log is while the landscape lives.
    pub fn log(&self) -> String {
        format!("{}/cloud-test-{}.log", std::env::temp_dir().display(), self.name)
    }

    /// SIGKILL: no destructor, no last write.
    pub fn kill_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// Under which the landscape's names lie.
    pub fn domain(&self) -> String {
        format!("{}.kubeception.internal", self.name)
    }

    /// Runs the future where the cloud's API has its address: what it dials is dialed as from a pod or a machine.
    ///
    /// The calling thread waits for it; the daemon is another process.
    pub fn inside<T, F>(&self, future: impl FnOnce() -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let namespace = File::open(format!("/run/kubeception/{}/netns/backbone", self.name)).unwrap();
        let thread = std::thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(future())
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Tears down without asking the daemon, and checks that nothing is left.
    pub fn tear_down(&mut self) -> Vec<String> {
        // The test is the daemon's parent: somebody must collect it when the tear-down ends it.
        let daemon = self
            .daemon
            .take()
            .map(|mut daemon| std::thread::spawn(move || daemon.wait()));
        let removed = cloud_daemon::teardown(&self.name).unwrap();
        if let Some(daemon) = daemon {
            daemon.join().unwrap().unwrap();
        }
        assert_eq!(cloud_daemon::leftovers(&self.name).unwrap(), Vec::<String>::new());
        assert_eq!(
            cloud_daemon::teardown(&self.name).unwrap().0,
            Vec::<String>::new(),
            "the second time"
        );
        let _ = std::fs::remove_file(self.log());
        removed.0
    }
}

impl Drop for TestLandscape {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "log of the daemon of {}:\n{}",
                self.name,
                std::fs::read_to_string(self.log()).unwrap_or_default()
            );
        }
        self.kill_daemon();
        if let Err(error) = cloud_daemon::teardown(&self.name) {
            eprintln!("failed to tear down {}: {error}", self.name);
        }
    }
}

/// The body of the test `daemon`, which is no test: in a process started for it, it runs the cloud until SIGTERM.
pub fn be_daemon_if_told_so() {
    let Ok(wish) = std::env::var(DAEMON_OF) else {
        return;
    };
    let (landscape, port) = wish.split_once(':').unwrap();
    let arguments = Arguments {
        landscape: landscape.parse().unwrap(),
        proxy_port: port.parse().unwrap(),
        cache: None,
        catalog: Catalog {
            quotas: std::env::var(QUOTAS)
                .unwrap_or_default()
                .split(',')
                .filter(|quota| !quota.is_empty())
                .map(|quota| quota.parse().unwrap())
                .collect(),
            ..Catalog::default()
        },
    };
    tracing_subscriber::fmt()
        .with_env_filter("debug,hyper=info")
        .with_ansi(false)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let token = shutdown.clone();
        tokio::spawn(async move {
            terminate.recv().await;
            token.cancel();
        });
        if let Err(error) = cloud_daemon::run(arguments, shutdown).await {
            panic!("{}", ErrorChain(&error));
        }
    });
}

/// Waits for a state, and tells the last one seen if it does not come.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let start = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(last) if start.elapsed() > DEADLINE => panic!("waited in vain: {what}; last seen: {last}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A TCP port of a load balancer.
pub fn backend_port(port: u16, backend_port: u16) -> LoadBalancerPort {
    LoadBalancerPort {
        protocol: Protocol::Tcp,
        port,
        backend_port,
    }
}

/// The machine's console, once its user data has said `done`.
pub async fn console(client: &Client, machine: &str) -> String {
    eventually("the user data has run", || async {
        let console = client
            .console(machine, CONSOLE_TAIL)
            .await
            .map_err(|error| error.to_string())?;
        if console.lines().any(|line| line == "done") {
            Ok(console)
        } else {
            Err(console)
        }
    })
    .await
}

/// What follows `<what>: ` in the console.
#[track_caller]
pub fn saw(console: &str, what: &str) -> String {
    let prefix = format!("{what}: ");
    let line = console.lines().find_map(|line| line.strip_prefix(&prefix));
    line.unwrap_or_else(|| panic!("no {what} in:\n{console}")).to_owned()
}

/// What a command says inside a machine.
pub fn in_machine(landscape: &str, machine: &str, command: &[&str]) -> String {
    let root = format!("/run/kubeception/{landscape}/runc");
    let output = Command::new("runc")
        .args(["--root", &root, "exec", machine])
        .args(command)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// All that a service says when it is dialed through the landscape's proxy.
pub async fn read_through_proxy(info: &Info, host: &str, port: u16) -> Result<String, String> {
    let mut stream = connect_through_proxy(info.proxy, host, port, DEADLINE)
        .await
        .map_err(|error| error.to_string())?;
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .await
        .map_err(|error| error.to_string())?;
    Ok(text.trim().to_owned())
}

/// What a tear-down must leave as it was. Limits and mounts of other landscapes come and go meanwhile: see `leftovers` for ours.
pub fn host_state() -> Vec<String> {
    [
        ["ip", "-brief", "link"],
        ["nft", "list", "ruleset"],
        ["ip", "route", "show"],
    ]
    .iter()
    .map(|command| {
        let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    })
    .collect()
}

/// What a service on a machine says when it is dialed from another; nothing if it cannot be reached.
pub fn dial(landscape: &str, from: &str, to: impl std::fmt::Display, port: u16) -> String {
    let target = format!("TCP:{to}:{port},connect-timeout=1");
    in_machine(landscape, from, &["socat", "-T5", "-", &target])
}

/// Answers on ports 8000 and 9000 with the machine's name and the address that it sees.
pub const SERVICES: &str = r#"#!/bin/sh
set -eu
for port in 8000 9000; do
    systemd-run --quiet --unit=hello-$port socat TCP-LISTEN:$port,fork,reuseaddr SYSTEM:'echo $(hostname) sees $SOCAT_PEERADDR'
    until socat - TCP:127.0.0.1:$port >/dev/null 2>&1; do :; done
done
echo done
"#;
