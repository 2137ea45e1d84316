//! The resolver: one deadline per lookup, configuration re-read when its files change.

use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hickory_resolver::{TokioResolver, net::NetError};
use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::Mutex;

use crate::files::{Contents, Files};

/// Long enough for one lost packet and a second server, short enough that a caller's own deadline still has room.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(8);

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The configuration could not be used.
    #[error("failed to set up name resolution for {host}")]
    Configuration {
        /// The name asked for.
        host: String,
        /// What is wrong.
        source: NetError,
    },
    /// No server knows the name, or none answered properly.
    #[error("failed to resolve {host}")]
    Lookup {
        /// The name asked for.
        host: String,
        /// What the servers said.
        source: NetError,
    },
    /// The name exists but has no address.
    #[error("failed to resolve {host}: it has no address")]
    NoAddress {
        /// The name asked for.
        host: String,
    },
    /// No answer in time.
    #[error("failed to resolve {host}: no answer within {} s", deadline.as_secs_f32())]
    TimedOut {
        /// The name asked for.
        host: String,
        /// How long was waited.
        deadline: Duration,
    },
}

/// Resolves host names; cheap to clone, clones share the cache.
#[derive(Clone)]
pub struct Resolver {
    files: Files,
    deadline: Duration,
    current: Arc<Mutex<Option<(Contents, TokioResolver)>>>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Resolver")
            .field("files", &self.files)
            .field("deadline", &self.deadline)
            .finish()
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::from_files(Files::default())
    }
}

impl Resolver {
    /// A resolver as the system is configured.
    pub fn new() -> Self {
        Self::default()
    }

    /// A resolver that reads other files than the system's.
    pub fn from_files(files: Files) -> Self {
        Self {
            files,
            deadline: DEFAULT_DEADLINE,
            current: Arc::default(),
        }
    }

    /// The same with another deadline per lookup.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// All addresses of a host, in the order of the answer; never empty. An IP literal is its own address.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if let Some(address) = literal(host) {
            return Ok(vec![address]);
        }
        match tokio::time::timeout(self.deadline, self.lookup(host)).await {
            Ok(result) => result,
            Err(_) => Err(ResolveError::TimedOut {
                host: host.to_owned(),
                deadline: self.deadline,
            }),
        }
    }

    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let resolver = self.current().await.map_err(|source| ResolveError::Configuration {
            host: host.to_owned(),
            source,
        })?;
        let answer = resolver.lookup_ip(host).await.map_err(|source| ResolveError::Lookup {
            host: host.to_owned(),
            source,
        })?;
        let addresses: Vec<IpAddr> = answer.iter().collect();
        if addresses.is_empty() {
            return Err(ResolveError::NoAddress { host: host.to_owned() });
        }
        Ok(addresses)
    }

    /// The files are small and lookups are rare: they are read each time, so that a change of the network is noticed.
    async fn current(&self) -> Result<TokioResolver, NetError> {
        let contents = self.files.read().await;
        let mut current = self.current.lock().await;
        if let Some((built_from, resolver)) = current.as_ref()
            && *built_from == contents
        {
            return Ok(resolver.clone());
        }
        let resolver = contents.build()?;
        *current = Some((contents, resolver.clone()));
        Ok(resolver)
    }
}

/// An IP literal, also in the brackets that URLs put around IPv6.
fn literal(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse().ok()
}

/// The answer in the form that hyper's connector wants: socket addresses whose port it fills in.
#[derive(Debug)]
pub struct Addresses(std::vec::IntoIter<IpAddr>);

impl Iterator for Addresses {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        self.0.next().map(|address| SocketAddr::new(address, 0))
    }
}

impl tower::Service<Name> for Resolver {
    type Response = Addresses;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move {
            resolver
                .resolve(name.as_str())
                .await
                .map(|found| Addresses(found.into_iter()))
        })
    }
}
