//! The cloud itself: writes down what is wished, then makes it so. Blocking code: it is called from threads that may.
//!
//! `ensure_*` functions look at what is there and make the rest, so that the same code serves a first request, its repetition, a
//! restart of the daemon and a restart of the host.

mod load_balancer;
mod machine;
mod names;
mod network;
pub(crate) mod query;
mod recover;
pub(crate) mod requests;
mod route;
mod security_group;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
};

use cloud_client::{ErrorCode, Info, Phase};
use lib_clock::Clock;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Error,
    catalog::Catalog,
    error::refuse,
    image,
    layout::{API, BACKBONE, CLOUD, DNS, Layout, REGISTRY, is_label},
    netns,
    plan::machine::Host,
    registry::Registry,
    store::{Record, Store, Tables},
};

/// What the cloud is given from outside.
pub(crate) struct Environment {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) new_uid: Box<dyn Fn() -> Uuid + Send + Sync>,
    pub(crate) host: Host,
    /// Where machine images lie.
    pub(crate) cache: PathBuf,
    pub(crate) catalog: Catalog,
    pub(crate) proxy_port: u16,
}

/// The cloud of one landscape.
pub(crate) struct Cloud {
    layout: Layout,
    environment: Environment,
    store: Store,
    registry: Mutex<Registry>,
    /// One change of an object at a time; other objects go on.
    locks: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    /// Why the last attempt at an object failed, by its key.
    failures: Mutex<BTreeMap<String, String>>,
    /// The last address given out, by range: an address is used again as late as possible.
    last_addresses: Mutex<BTreeMap<String, Ipv4Addr>>,
    /// Metadata servers by network.
    metadata: Mutex<BTreeMap<String, MetadataServer>>,
    runtime: tokio::runtime::Handle,
    shutdown: CancellationToken,
}

/// A running metadata server, and the router that it stands in.
struct MetadataServer {
    router: u64,
    stop: CancellationToken,
}

impl Cloud {
    /// The cloud as it was written down; nothing is made yet. Must be called inside a tokio runtime.
    pub(crate) fn open(
        layout: Layout,
        environment: Environment,
        registry_secret: &str,
        shutdown: CancellationToken,
    ) -> Result<Arc<Self>, Error> {
        let store = Store::open(layout.objects(), environment.catalog.quotas())?;
        Ok(Arc::new(Self {
            registry: Mutex::new(Registry::new(layout.clone(), registry_secret)),
            layout,
            environment,
            store,
            locks: Mutex::default(),
            failures: Mutex::default(),
            last_addresses: Mutex::default(),
            metadata: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
            shutdown,
        }))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn info(&self) -> Info {
        Info {
            landscape: self.layout.landscape().to_string(),
            domain: self.layout.domain(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            address: CLOUD,
            api: API,
            dns: DNS,
            registry: REGISTRY,
            registry_name: self.registry_name(),
            proxy: SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.environment.proxy_port).into(),
            zones: self.environment.catalog.zones.clone(),
            flavors: self.environment.catalog.flavors(),
            images: image::names(&self.environment.cache),
            quotas: self.environment.catalog.quotas(),
        }
    }

    fn registry_name(&self) -> String {
        format!("registry.{}:{}", self.layout.domain(), REGISTRY.port())
    }

    /// Whether the address is the cloud's own business: the backbone, and networks that it reaches by their own addresses.
    pub(crate) fn reaches(&self, address: Ipv4Addr) -> bool {
        let tables = self.store.read();
        let mut routed = tables.networks.iter().filter(|(_, network)| network.spec.routed);
        let reaches = |name: &str| tables.ranges_of(name).iter().any(|range| range.contains(&address));
        BACKBONE.contains(&address) || routed.any(|(name, _)| reaches(name))
    }

    /// Makes a socket in the backbone.
    pub(crate) fn in_backbone<T: Send + 'static>(
        &self,
        action: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        netns::enter(&self.layout.backbone_namespace(), action)
    }

    fn lock(&self, key: &str) -> Arc<Mutex<()>> {
        Arc::clone(self.locks.lock().entry(key.to_owned()).or_default())
    }

    /// Remembers how an attempt at an object went, and passes it on.
    fn note<T>(&self, key: &str, outcome: Result<T, Error>) -> Result<T, Error> {
        match &outcome {
            Ok(_) => drop(self.failures.lock().remove(key)),
            Err(error) => {
                let message = lib_error_chain::ErrorChain(error).to_string();
                if self.failures.lock().insert(key.to_owned(), message.clone()).as_ref() != Some(&message) {
                    tracing::warn!(object = key, error = message, "failed, will try again");
                }
            }
        }
        outcome
    }

    /// Phase and message of an object.
    fn phase(&self, key: &str, deleting: bool) -> (Phase, String) {
        match (self.failures.lock().get(key), deleting) {
            (Some(message), false) => (Phase::Failed, message.clone()),
            (message, true) => (Phase::Deleting, message.cloned().unwrap_or_default()),
            (None, false) => (Phase::Ready, String::new()),
        }
    }
}

/// The name under which an object is locked and its failures are remembered.
fn key<R: Record>(name: &str) -> String {
    format!("{}/{name}", R::FOLDER)
}

/// Names become parts of paths, names and arguments.
fn check_name(kind: &str, name: &str, longest: usize) -> Result<(), Error> {
    if is_label(name) && name.len() <= longest {
        return Ok(());
    }
    let message = format!("{name:?} cannot be the name of a {kind}");
    Err(refuse(
        ErrorCode::Invalid,
        message,
        format!("use one to {longest} characters of a-z, 0-9 and dashes inside"),
    ))
}

fn not_found(kind: &str, name: &str) -> Error {
    refuse(ErrorCode::NotFound, format!("there is no {kind} {name:?}"), "")
}

fn being_deleted(kind: &str, name: &str) -> Error {
    refuse(
        ErrorCode::Conflict,
        format!("the {kind} {name:?} is being deleted"),
        "wait until it is gone",
    )
}

/// A network that something may be put into.
fn usable_network<'tables>(tables: &'tables Tables, name: &str) -> Result<&'tables crate::store::NetworkRecord, Error> {
    let network = tables.networks.get(name).ok_or_else(|| {
        refuse(
            ErrorCode::Invalid,
            format!("there is no network {name:?}"),
            "create the network first",
        )
    })?;
    if network.deleting {
        Err(being_deleted("network", name))
    } else {
        Ok(network)
    }
}
