//! Holds the connection that the API server's streams come through, to one of the tunnel's servers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use lib_error_chain::ErrorChain;
use lib_tunnel::{AcceptError, Backoff, Dial, DialError, accept_streams};
use rustls_pki_types::ServerName;
use tokio::{
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::client::TlsStream;

use crate::{dial::Dialer, gateway::Gateway};

/// Times of holding a connection.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The first wait before a lost connection is tried again.
    pub first_retry: Duration,
    /// The longest one.
    pub longest_retry: Duration,
    /// How often certificates are looked at.
    pub renewal_check: Duration,
    /// How long streams may go on over a connection with the certificate of before.
    pub linger: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            first_retry: Duration::from_millis(100),
            longest_retry: Duration::from_secs(5),
            renewal_check: Duration::from_secs(10),
            linger: Duration::from_secs(3600),
        }
    }
}

/// Holds a connection to the server `name`, for ever: a lost one is made anew; a renewed certificate, or a server that is
/// about to end, brings a new one before the old one goes.
pub(crate) async fn hold(gateway: &Gateway, name: &ServerName<'static>, dialer: Arc<Dialer>, times: Times) {
    let mut backoff = Backoff::new(times.first_retry, times.longest_retry);
    let mut lingering = JoinSet::new();
    loop {
        while lingering.try_join_next().is_some() {}
        let started = Instant::now();
        match gateway.tunnel(name).await {
            Err(error) => {
                tracing::warn!(server = ?name, error = %ErrorChain(&error), "no connection to the tunnel's server");
            }
            Ok((stream, loaded)) => {
                tracing::info!(server = ?name, "connected to the tunnel's server");
                let session = Arc::new(Session::new(Arc::clone(&dialer)));
                let mut serving = Box::pin(serve(stream, Arc::clone(&session)));
                let why = tokio::select! {
                    () = &mut serving => None,
                    () = gateway.credentials.changed(&loaded, times.renewal_check) => Some("the certificate was renewed"),
                    () = session.leaving.notified() => Some("the tunnel's server is about to end"),
                };
                if let Some(why) = why {
                    tracing::info!(server = ?name, why, "connecting anew");
                    lingering.spawn(timeout(times.linger, serving));
                }
            }
        }
        // Only a connection that was of use begins the waits anew: a server that hangs up at once is not stormed.
        if started.elapsed() > times.longest_retry {
            backoff.reset();
        }
        let wait = backoff.next(&mut rand::rng());
        sleep(wait).await;
    }
}

/// What one connection's other side asks for.
struct Session {
    dialer: Arc<Dialer>,
    leaving: Notify,
}

impl Session {
    fn new(dialer: Arc<Dialer>) -> Self {
        Self {
            dialer,
            leaving: Notify::new(),
        }
    }
}

impl Dial for Session {
    async fn dial(&self, address: SocketAddr) -> Result<TcpStream, DialError> {
        self.dialer.dial(address).await
    }

    fn leaving(&self) {
        self.leaving.notify_one();
    }

    /// A refusal is somebody's doing; all else happens.
    fn failed(&self, error: AcceptError) {
        match error {
            AcceptError::Dial(DialError::Forbidden { address, reason }) => {
                tracing::warn!(%address, reason, "refused to dial");
            }
            AcceptError::BadRequest(_) => tracing::warn!(error = %ErrorChain(&error), "refused a stream"),
            other => tracing::debug!(error = %ErrorChain(&other), "a stream ended early"),
        }
    }
}

async fn serve(stream: TlsStream<TcpStream>, session: Arc<Session>) {
    match accept_streams(stream, session).await {
        Ok(()) => tracing::info!("the tunnel's server closed the connection"),
        Err(error) => tracing::warn!(error = %ErrorChain(&error), "the connection to the tunnel's server was lost"),
    }
}
