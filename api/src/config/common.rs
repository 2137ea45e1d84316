//! What the configuration files of several processes share.

use apimachinery::{Duration, api_type};

/// How a process talks to an API server.
#[api_type]
pub struct ClientConnectionConfiguration {
    /// Path of the kubeconfig; the pod's own service account when empty.
    pub kubeconfig: String,
    /// Content types that are accepted.
    pub accept_content_types: String,
    /// Content type that is sent.
    pub content_type: String,
    /// Requests per second on average.
    pub qps: f64,
    /// Requests at once.
    pub burst: i32,
}

/// How replicas of a process agree on the one that works.
#[api_type]
pub struct LeaderElectionConfiguration {
    /// Whether they have to.
    pub leader_elect: Option<bool>,
    /// After which a silent leader is replaced.
    pub lease_duration: Duration,
    /// After which a leader that cannot renew gives up.
    pub renew_deadline: Duration,
    /// How often it is tried.
    pub retry_period: Duration,
    /// Kind of object the lock is kept in; `leases`.
    pub resource_lock: String,
    /// Name of that object.
    pub resource_name: String,
    /// Namespace of that object.
    pub resource_namespace: String,
}

/// Profiling endpoints of a process.
#[api_type]
pub struct DebuggingConfiguration {
    /// Whether there are any.
    pub enable_profiling: Option<bool>,
    /// Whether they tell about locks, too.
    pub enable_contention_profiling: Option<bool>,
}

/// An HTTP server of a process.
#[api_type]
pub struct Server {
    /// Address to listen on; empty for all.
    pub bind_address: String,
    /// Port to listen on.
    pub port: i32,
}

/// The HTTP servers of a process.
#[api_type]
pub struct ServerConfiguration {
    /// Server of `/healthz` and `/readyz`.
    pub health_probes: Option<Server>,
    /// Server of `/metrics`.
    pub metrics: Option<Server>,
}

/// How long a failing condition stays `Progressing`.
#[api_type]
pub struct ConditionThreshold {
    /// Type of the condition.
    pub type_: String,
    /// How long.
    pub duration: Duration,
}
