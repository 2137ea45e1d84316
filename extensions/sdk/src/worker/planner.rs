//! What a provider brings for workers: the specification of the machines of a pool in a zone.

use api::extensions::v1alpha1::{Cluster, Worker, WorkerPool};
use serde_json::Value;

use crate::ActuatorError;

/// One pool in one zone.
#[derive(Clone, Copy, Debug)]
pub struct PoolInZone<'a> {
    /// The worker; `spec.infrastructureProviderStatus` tells what the provider's Infrastructure made.
    pub worker: &'a Worker,
    /// The pool.
    pub pool: &'a WorkerPool,
    /// The zone, by the provider's name; `None` when the pool names none.
    pub zone: Option<&'a str>,
    /// The shoot's `Cluster`, for what the CloudProfile says of images and machine types.
    pub cluster: Option<&'a Cluster>,
}

/// The specification of the machines of a pool in a zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MachineClassPlan {
    /// `MachineClass.providerSpec`, without user data, credentials and the machine's name.
    ///
    /// What differs here makes new machines only if it differs in [`MachineClassPlan::replaced_when`] too; otherwise it
    /// counts for machines made from now on.
    pub provider_spec: Value,
    /// What the provider makes new machines for when it changes, beside what every provider does (Kubernetes minor,
    /// machine type, image, volumes, architecture, the secret of the node-agent, the zone).
    pub replaced_when: Vec<String>,
}

/// Plans machines. Pure: the same input, the same output.
pub trait MachinePlanner: Send + Sync + 'static {
    /// `MachineClass.provider`, the same as the driver's.
    fn provider(&self) -> &str;

    /// The machines of a pool in a zone. An error with `ErrorCode::ConfigurationProblem` is the user's.
    fn plan(&self, pool: PoolInZone<'_>) -> Result<MachineClassPlan, ActuatorError>;
}
