//! Notices that the other side is gone: a ping in every interval, answered in time.

use h2::{Ping, PingPong};
use tokio::time::{sleep, timeout};

use crate::limits::{PING_DEADLINE, PING_INTERVAL};

/// Why the other side counts as gone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Gone {
    /// It does not answer.
    #[error("no answer to a ping within {} s", PING_DEADLINE.as_secs())]
    Silent,
    /// The connection ended.
    #[error("failed to ping")]
    Failed(#[source] h2::Error),
}

/// Runs until the other side is gone.
pub(crate) async fn watch(mut pings: PingPong) -> Gone {
    loop {
        sleep(PING_INTERVAL).await;
        match timeout(PING_DEADLINE, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Gone::Failed(error),
            Err(_) => return Gone::Silent,
        }
    }
}
