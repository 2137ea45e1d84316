//! A landscape of a test: its daemon is a process of its own, so that it can be killed, and nothing of it survives the test.

use std::{
    fs::File,
    future::Future,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cloud_client::{Client, Info};
use cloud_daemon::{Arguments, Landscape, image};
use lib_error_chain::ErrorChain;
use tokio_util::sync::CancellationToken;

/// For everything that takes less than a second on an idle machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Tells the test binary to be the daemon of this landscape.
const DAEMON_OF: &str = "CLOUD_TEST_DAEMON_OF";

pub(crate) struct TestLandscape {
    pub(crate) name: Landscape,
    pub(crate) client: Client,
    daemon: Option<Child>,
}

impl TestLandscape {
    /// A landscape that is not there yet; what an earlier test run left is removed.
    pub(crate) fn new(name: &str) -> Self {
        image::build(&image::default_cache(), &|_| {}).unwrap();
        let name: Landscape = name.parse().unwrap();
        cloud_daemon::teardown(&name).unwrap();
        let client = Client::unix(cloud_client::socket_path(&name.to_string()));
        Self {
            name,
            client,
            daemon: None,
        }
    }

    /// The same landscape in other hands, which must not tear it down: see [`Self::forget`].
    pub(crate) fn second(other: &Self) -> Self {
        Self {
            name: other.name.clone(),
            client: other.client.clone(),
            daemon: None,
        }
    }

    pub(crate) fn forget(mut self) {
        self.daemon = None;
        std::mem::forget(self);
    }

    pub(crate) async fn start(name: &str) -> Self {
        let mut landscape = Self::new(name);
        landscape.start_daemon().await;
        landscape
    }

    pub(crate) async fn start_daemon(&mut self) -> Info {
        self.spawn_daemon();
        let client = self.client.clone();
        eventually("the daemon answers", || async {
            client.info().await.map_err(|error| error.to_string())
        })
        .await
    }

    /// This very program again, as the daemon. See [`be_daemon_if_told_so`].
    pub(crate) fn spawn_daemon(&mut self) -> &mut Child {
        // Port 0: several test landscapes live side by side.
        self.spawn_daemon_with_proxy_on(0)
    }

    pub(crate) fn spawn_daemon_with_proxy_on(&mut self, port: u16) -> &mut Child {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "daemon", "--nocapture"])
            .env(DAEMON_OF, format!("{}:{port}", self.name))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemon.insert(child)
    }

    pub(crate) fn log(&self) -> String {
        format!("{}/cloud-test-{}.log", std::env::temp_dir().display(), self.name)
    }

    /// SIGKILL: no destructor, no last write.
    pub(crate) fn kill_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    pub(crate) fn domain(&self) -> String {
        format!("{}.kubeception.internal", self.name)
    }

    /// Tears down without asking the daemon, and checks that nothing is left.
    pub(crate) fn tear_down(&mut self) -> Vec<String> {
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
pub(crate) fn be_daemon_if_told_so() {
    let Ok(wish) = std::env::var(DAEMON_OF) else {
        return;
    };
    let (landscape, port) = wish.split_once(':').unwrap();
    let arguments = Arguments {
        landscape: landscape.parse().unwrap(),
        proxy_port: port.parse().unwrap(),
        cache: None,
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
pub(crate) async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
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
