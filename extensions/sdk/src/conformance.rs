//! What every actuator must pass: idempotence, changes, deletion, repetition after a crash.
//!
//! In: an actuator, an object, and eyes to see what it made. Out: the first broken promise, as an error.

use std::fmt::Debug;

use api::extensions::v1alpha1::{Cluster, DnsRecord};
use k8s_openapi::api::core::v1::Secret;

use crate::{Actuator, ActuatorError, ExtensionKind, Request};

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
    let suite = Suite {
        actuator,
        secret,
        cluster: None,
    };
    let wished = |record: &DnsRecord| {
        let mut values = record.spec.values.clone();
        values.sort();
        values
    };
    suite.delete("deletion of what never was", record).await?;
    expect("deletion of what never was", &look().await, &Vec::new())?;
    suite.reconcile("creation", record).await?;
    expect("creation", &look().await, &wished(record))?;
    suite.reconcile("repetition", record).await?;
    expect("repetition", &look().await, &wished(record))?;
    suite.reconcile("a change", changed).await?;
    expect("a change", &look().await, &wished(changed))?;
    suite.migrate("migration", changed).await?;
    expect("migration", &look().await, &wished(changed))?;
    suite.restore("restoration", changed).await?;
    expect("restoration", &look().await, &wished(changed))?;
    suite.delete("deletion", changed).await?;
    expect("deletion", &look().await, &Vec::new())?;
    suite.delete("repeated deletion", changed).await?;
    expect("repeated deletion", &look().await, &Vec::new())
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

    async fn reconcile<K: ExtensionKind>(&self, step: &'static str, object: &K) -> Result<(), Violation>
    where
        A: Actuator<K>,
    {
        let mut status = object.status().clone();
        let result = self.actuator.reconcile(self.request(object, &mut status)).await;
        result.map_err(|source| Violation::Failed { step, source })
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
