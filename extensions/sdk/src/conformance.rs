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

/// What actuators of every kind must pass; `look` tells what there is.
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
    suite.delete("deletion of what never was", object).await?;
    expect("deletion of what never was", &look().await, &case.nothing)?;
    let first = suite.reconcile("creation", object).await?;
    expect("creation", &look().await, &case.made)?;
    let second = suite.reconcile("repetition", object).await?;
    expect("repetition", &look().await, &case.made)?;
    let status = |status: &K::Status| serde_json::to_string(status).unwrap_or_default();
    expect("repetition", &status(&second), &status(&first))?;
    suite.reconcile("a change", changed).await?;
    expect("a change", &look().await, &case.changed_to)?;
    suite.migrate("migration", changed).await?;
    expect("migration", &look().await, &case.changed_to)?;
    suite.restore("restoration", changed).await?;
    expect("restoration", &look().await, &case.changed_to)?;
    suite.delete("deletion", changed).await?;
    expect("deletion", &look().await, &case.nothing)?;
    suite.delete("repeated deletion", changed).await?;
    expect("repeated deletion", &look().await, &case.nothing)
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

    /// Returns the status that the actuator left.
    async fn reconcile<K: ExtensionKind>(&self, step: &'static str, object: &K) -> Result<K::Status, Violation>
    where
        A: Actuator<K>,
    {
        let mut status = object.status().clone();
        let result = self.actuator.reconcile(self.request(object, &mut status)).await;
        result.map_err(|source| Violation::Failed { step, source })?;
        Ok(status)
    }

    async fn delete<K: ExtensionKind>(&self, step: &'static str, object: &K) -> Result<(), Violation>
    where
        A: Actuator<K>,
    {
        let mut status = object.status().clone();
        let result = self.actuator.delete(self.request(object, &mut status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }

    async fn migrate<K: ExtensionKind>(&self, step: &'static str, object: &K) -> Result<(), Violation>
    where
        A: Actuator<K>,
    {
        let mut status = object.status().clone();
        let result = self.actuator.migrate(self.request(object, &mut status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }

    async fn restore<K: ExtensionKind>(&self, step: &'static str, object: &K) -> Result<(), Violation>
    where
        A: Actuator<K>,
    {
        let mut status = object.status().clone();
        let result = self.actuator.restore(self.request(object, &mut status)).await;
        result.map_err(|source| Violation::Failed { step, source })
    }
}
