//! How the machine controller runs.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use deploy::AccessSecret;
use kube::Client;
use lib_clock::Clock;

use crate::{ShootAccessError, shoot_client};

/// Name of the controller's access Secret, after `shoot-access-`, and of its service account in shoots.
pub const ACCESS_NAME: &str = "machine-controller-manager";

/// Between two questions for a client of a shoot.
const RETRY: Duration = Duration::from_secs(1);
/// How long to watch for a token before everything else is looked at again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where clients of shoots come from.
#[async_trait]
pub trait ShootClients: Send + Sync + 'static {
    /// A client of the shoot whose control plane lies in `namespace`.
    async fn client(&self, namespace: &str) -> Result<Client, ShootAccessError>;

    /// Returns when it makes sense to ask again for a client that was not to be had.
    async fn available(&self, _namespace: &str) {
        tokio::time::sleep(RETRY).await;
    }
}

/// Clients by the Secret `shoot-access-machine-controller-manager` of the shoot's namespace.
pub(crate) struct ByAccessSecret(pub(crate) Client);

#[async_trait]
impl ShootClients for ByAccessSecret {
    async fn client(&self, namespace: &str) -> Result<Client, ShootAccessError> {
        shoot_client(&self.0, namespace, ACCESS_NAME).await
    }

    async fn available(&self, namespace: &str) {
        // Whether the token came or the time is over: it is asked for again.
        let _ = AccessSecret::new(ACCESS_NAME)
            .wait(self.0.clone(), namespace, PATIENCE)
            .await;
    }
}

/// How the machine controller runs.
#[derive(Clone)]
pub struct Options {
    /// What time it is, for everything that is written or compared with what was.
    pub clock: Arc<dyn Clock>,
    /// Random numbers, for names and tokens.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Clients of shoots; by their access Secrets when absent.
    pub shoots: Option<Arc<dyn ShootClients>>,
    /// How many machines of a shoot are worked on side by side.
    pub concurrency: usize,
    /// How often everything is judged again though nothing has changed.
    pub resync: Duration,
    /// How often the cloud is asked for all machines of a shoot: for those that died, and those that belong to nobody.
    pub survey: Duration,
    /// How long to wait until pods that were not evicted are asked to go again.
    pub eviction_retry: Duration,
    /// The first wait after a failure and the longest.
    pub backoff: (Duration, Duration),
}

impl Options {
    /// As it runs in a seed.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            random: Arc::new(rand::random),
            shoots: None,
            concurrency: 10,
            resync: Duration::from_secs(30),
            survey: Duration::from_secs(30),
            eviction_retry: Duration::from_secs(2),
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
        }
    }
}
