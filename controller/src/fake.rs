//! An API server in memory, for tests of reconcilers: fast, and no mock that only says what the test told it.
//!
//! In: requests of a [`kube::Client`]. Out: answers as a real API server gives them, as far as reconcilers see it: uids,
//! resource versions, generations, conflicts, finalizers, the status subresource, lists, watches, merge patches; faults on
//! demand. Absent: schemas, defaults, admission, garbage collection; server-side apply is a merge without ownership. What
//! depends on those is tested against a real API server.

mod path; // what a request is about
mod service; // requests and answers
mod store; // objects and their history

use std::{sync::Arc, time::Duration};

use http::Method;
use kube::Client;
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::watch;

use self::{path::Target, store::Store};

/// An API server in memory; clones are the same server.
#[derive(Clone, Debug)]
pub struct FakeCluster {
    state: Arc<Mutex<State>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    faults: Vec<Fault>,
    log: Vec<String>,
}

/// Requests that fail instead of being carried out.
#[derive(Clone, Debug)]
struct Fault {
    method: Method,
    path: String,
    code: u16,
    times: usize,
}

impl Default for FakeCluster {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            changes: watch::channel(0).0,
        }
    }
}

impl FakeCluster {
    /// An empty cluster.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(service::FakeService::new(self.clone()), "default")
    }

    /// Puts an object in, as if it had always been there: with its status, and whatever metadata it has.
    ///
    /// # Panics
    /// If the object has no path; this is for tests.
    pub fn insert(&self, object: &impl Serialize) {
        let object = serde_json::to_value(object).unwrap_or_default();
        let target = Target::of_object(&object);
        self.state.lock().store.insert(&target, object);
        self.notify();
    }

    /// The object at a path such as `/api/v1/namespaces/garden/secrets/ca`, as JSON.
    pub fn get(&self, path: &str) -> Option<Value> {
        let target = Target::parse(path)?;
        self.state.lock().store.get(&target).cloned()
    }

    /// The object at a path, typed; `None` also when it does not fit the type.
    pub fn get_as<K: DeserializeOwned>(&self, path: &str) -> Option<K> {
        serde_json::from_value(self.get(path)?).ok()
    }

    /// The next `times` requests whose method is this and whose path contains `path` fail with `code`.
    pub fn fail(&self, method: &Method, path: &str, code: u16, times: usize) {
        self.state.lock().faults.push(Fault {
            method: method.clone(),
            path: path.to_owned(),
            code,
            times,
        });
    }

    /// All requests so far that were no reads, as `PATCH /api/v1/…`, oldest first.
    pub fn writes(&self) -> Vec<String> {
        self.state.lock().log.clone()
    }

    /// Waits until the object at `path` is as `accept` wants it; the last state seen when it took too long.
    pub async fn eventually(
        &self,
        path: &str,
        accept: impl Fn(Option<&Value>) -> bool,
    ) -> Result<Option<Value>, Option<Value>> {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            loop {
                let object = self.get(path);
                if accept(object.as_ref()) {
                    return object;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .map_err(|_| self.get(path))
    }

    fn notify(&self) {
        self.changes.send_modify(|revision| *revision += 1);
    }
}
