//! Restarts what hangs: a kubelet or containerd that runs and does not answer. What ends by itself, systemd starts again.

use std::{io, process::Stdio, sync::Arc, time::Duration};

use plan_node::{CONTAINERD_UNIT, KUBELET_HEALTH_PORT, KUBELET_UNIT};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Command,
    time::Instant,
};

use crate::units::{Activity, Units};

/// How often both are asked.
const LOOK: Duration = Duration::from_secs(15);
/// A busy machine answers late, once; then it is asked again.
const ANSWER: Duration = Duration::from_secs(10);
/// What does not answer for so long will not answer any more. Both take some seconds to start, on a busy machine many.
const PATIENCE: Duration = Duration::from_secs(75);

/// Whether a unit answers, over time.
#[derive(Debug, Default)]
struct Pulse {
    silent_since: Option<Instant>,
}

impl Pulse {
    /// Notes an answer or none; whether it is time for a restart. The count starts over then.
    fn hangs(&mut self, answered: bool) -> bool {
        if answered {
            self.silent_since = None;
            return false;
        }
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        let hangs = since.elapsed() >= PATIENCE;
        if hangs {
            self.silent_since = None;
        }
        hangs
    }
}

/// Watches over both until it is dropped.
pub(crate) async fn watch_over(units: Arc<dyn Units>) {
    let (mut kubelet, mut containerd) = (Pulse::default(), Pulse::default());
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(states) = units.states(&[KUBELET_UNIT, CONTAINERD_UNIT]).await else {
            continue; // the keeper says so already
        };
        let runs = |name: &str| states.get(name).is_some_and(|state| state.activity == Activity::Active);
        // Without containerd the kubelet has nothing to answer with.
        check(
            &*units,
            CONTAINERD_UNIT,
            &mut containerd,
            !runs(CONTAINERD_UNIT) || containerd_answers().await,
        )
        .await;
        check(
            &*units,
            KUBELET_UNIT,
            &mut kubelet,
            !runs(KUBELET_UNIT) || kubelet_answers(KUBELET_HEALTH_PORT).await,
        )
        .await;
    }
}

async fn check(units: &dyn Units, name: &str, pulse: &mut Pulse, answered: bool) {
    if !pulse.hangs(answered) {
        return;
    }
    tracing::warn!(unit = name, "restarting a unit that runs and does not answer");
    if let Err(error) = units.restart(name).await {
        tracing::warn!(unit = name, error = %lib_error_chain::ErrorChain(&error), "failed to restart it");
    }
}

async fn containerd_answers() -> bool {
    let mut command = Command::new("ctr");
    command
        .arg("version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = command.kill_on_drop(true).status();
    matches!(tokio::time::timeout(ANSWER, status).await, Ok(Ok(status)) if status.success())
}

async fn kubelet_answers(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        let first = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        Ok::<_, io::Error>(first.ends_with(b" 200 OK"))
    };
    matches!(tokio::time::timeout(ANSWER, ask).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_silent_for_long_hangs() {
        let mut pulse = Pulse::default();
        assert!(!pulse.hangs(false));
        tokio::time::advance(PATIENCE / 2).await;
        assert!(!pulse.hangs(false));
        assert!(!pulse.hangs(true));
        assert!(!pulse.hangs(false));
        tokio::time::advance(PATIENCE).await;
        assert!(pulse.hangs(false));
        assert!(!pulse.hangs(false), "the restarted one has its time, too");
    }

    #[tokio::test]
    async fn a_kubelet_answers_or_not() {
        let readiness = controller::health::Readiness::new();
        let server = controller::health::serve("127.0.0.1:0".parse().unwrap(), readiness)
            .await
            .unwrap();
        let port = server.address().port();
        assert!(kubelet_answers(port).await);
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        assert!(!kubelet_answers(closed).await);
    }
}
