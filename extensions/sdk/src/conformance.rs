//! What every provider must pass: idempotence, changes, deletion, repetition after a crash.
//!
//! In: an actuator, an object, and eyes to see what it made; or a driver of machines and a machine. Out: the first broken
//! promise, as an error.

mod machines; // what drivers of machines must pass

use std::fmt::Debug;

use api::extensions::v1alpha1::{Cluster, DnsRecord};
use k8s_openapi::api::core::v1::Secret;

pub use self::machines::machines;
use crate::{Actuator, ActuatorError, ExtensionKind, Request, machine::DriverError};

/// A promise that an actuator broke.
#[derive(Debug, thiserror::Error)]
pub enum Violation {
    /// A function failed that must not.
    #[error("{step} failed")]
    Failed {
        /// Which one, and when.
        step: &'static str,
        /// Why.
        source: ActuatorError,
    },
    /// A function of a driver failed that must not.
    #[error("{step} failed")]
    Driver {
        /// Which one, and when.
        step: &'static str,
        /// Why.
        source: DriverError,
    },
    /// What is there is not what must be there.
    #[error("after {step} there is {actual}, not {expected}")]
    Unexpected {
        /// When.
        step: &'static str,
        /// What was seen.
        actual: String,
        /// What the object says.
        expected: String,
    },
}

/// An object, its change, and what there must be at each point.
#[derive(Debug)]
pub struct Case<'a, K, T> {
    /// The object as it is made.
    pub object: &'a K,
    /// The same object, later.
    pub changed: &'a K,
    /// The shoot's `Cluster`.
    pub cluster: Option<&'a Cluster>,
    /// The Secret with the credentials.
    pub secret: Option<&'a Secret>,
    /// What is seen while there is nothing.
    pub nothing: T,
    /// What is seen when the object is made.
    pub made: T,
    /// What is seen when the change is made.
    pub changed_to: T,
}

/// What actuators of every kind must pass; `look` tells what there is. Where a migration takes objects away and lets things
/// stay, it has to tell of the things.
pub async fn actuator<K, A, T, F, L>(actuator: &A, case: &Case<'_, K, T>, look: L) -> Result<(), Violation>
where
    K: ExtensionKind,
    A: Actuator<K>,
    T: PartialEq + Debug,
    L: Fn() -> F,
    F: Future<Output = T>,
{
    let suite = Suite {
        actuator,
        secret: case.secret,
        cluster: case.cluster,
    };
    let (object, changed) = (case.object, case.changed);
    let mut status = object.status().clone();
    suite.delete("deletion of what never was", object, &mut status).await?;
    expect("deletion of what never was", &look().await, &case.nothing)?;
    let mut status = object.status().clone();
    suite.reconcile("creation", object, &mut status).await?;
    expect("creation", &look().await, &case.made)?;
    let text = |status: &K::Status| serde_json::to_string(status).unwrap_or_default();
    let first = text(&status);
    suite.reconcile("repetition", object, &mut status).await?;
    expect("repetition", &look().await, &case.made)?;
    expect("repetition", &text(&status), &first)?;
    suite.reconcile("a change", changed, &mut status).await?;
    expect("a change", &look().await, &case.changed_to)?;
    suite.migrate("migration", changed, &mut status).await?;
    expect("migration", &look().await, &case.changed_to)?;
    let mut status = moved(changed, &status);
    suite.restore("restoration", changed, &mut status).await?;
    expect("restoration", &look().await, &case.changed_to)?;
    suite.delete("deletion", changed, &mut status).await?;
    expect("deletion", &look().await, &case.nothing)?;
    suite.delete("repeated deletion", changed, &mut status).await?;
    expect("repeated deletion", &look().await, &case.nothing)
}

/// The object's status in another seed: what the extension wanted to find again, and nothing else.
fn moved<K: ExtensionKind>(object: &K, left: &K::Status) -> K::Status {
    let mut status = object.status().clone();
    let (there, here) = (K::default_status(left), K::default_status_mut(&mut status));
    here.state.clone_from(&there.state);
    here.resources.clone_from(&there.resources);
    status
}

/// What actuators of `DNSRecord`s must pass.
///
/// `changed` is `record` with other values; `look` tells which values the record's name has now, sorted, none if there
/// is no record.
pub async fn dns_record<A, F, L>(
    actuator: &A,
    record: &DnsRecord,
    changed: &DnsRecord,
    secret: Option<&Secret>,
    look: L,
) -> Result<(), Violation>
where
    A: Actuator<DnsRecord>,
    L: Fn() -> F,
    F: Future<Output = Vec<String>>,
{
    let wished = |record: &DnsRecord| {
        let mut values = record.spec.values.clone();
        values.sort();
        values
    };
    let case = Case {
        object: record,
        changed,
        cluster: None,
        secret,
        nothing: Vec::new(),
        made: wished(record),
        changed_to: wished(changed),
    };
    self::actuator(actuator, &case, look).await
}

fn expect<T: PartialEq + Debug>(step: &'static str, actual: &T, expected: &T) -> Result<(), Violation> {
    if actual == expected {
        return Ok(());
    }
    Err(Violation::Unexpected {
        step,
        actual: format!("{actual:?}"),
        expected: format!("{expected:?}"),
    })
}

struct Suite<'a, A> {
    actuator: &'a A,
    secret: Option<&'a Secret>,
    cluster: Option<&'a Cluster>,
}

impl<A> Suite<'_, A> {
    fn request<'r, K: ExtensionKind>(&'r self, object: &'r K, status: &'r mut K::Status) -> Request<'r, K> {
        Request {
            object,
            status,
            cluster: self.cluster,
            secret: self.secret,
        }
    }

    async fn reconcile<K>(&self, step: &'static str, object: &K, status: &mut K::Status) -> Result<(), Violation>
    where
        K: ExtensionKind,
        A: Actuator<K>,
    {
        let result = self.actuator.reconcile(self.request(object, status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }

    async fn delete<K>(&self, step: &'static str, object: &K, status: &mut K::Status) -> Result<(), Violation>
    where
        K: ExtensionKind,
        A: Actuator<K>,
    {
        let result = self.actuator.delete(self.request(object, status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }

    async fn migrate<K>(&self, step: &'static str, object: &K, status: &mut K::Status) -> Result<(), Violation>
    where
        K: ExtensionKind,
        A: Actuator<K>,
    {
        let result = self.actuator.migrate(self.request(object, status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }

    async fn restore<K>(&self, step: &'static str, object: &K, status: &mut K::Status) -> Result<(), Violation>
    where
        K: ExtensionKind,
        A: Actuator<K>,
    {
        let result = self.actuator.restore(self.request(object, status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }
}
