//! Configuration file of gardener-scheduler.

use std::collections::BTreeMap;

use apimachinery::api_type;

use crate::config::{
    ClientConnectionConfiguration, DebuggingConfiguration, LeaderElectionConfiguration, ServerConfiguration,
};

/// Configuration of gardener-scheduler.
#[api_type]
#[api(
    group = "scheduler.config.gardener.cloud",
    version = "v1alpha1",
    kind = "SchedulerConfiguration"
)]
pub struct SchedulerConfiguration {
    /// How it talks to the garden.
    #[api(optional)]
    pub client_connection: ClientConnectionConfiguration,
    /// How replicas agree on the one that works.
    pub leader_election: Option<LeaderElectionConfiguration>,
    /// Least important level that is logged: `debug`, `info` or `error`.
    #[api(omitempty)]
    pub log_level: String,
    /// Form of the log lines: `json` or `text`.
    #[api(omitempty)]
    pub log_format: String,
    /// Addresses of the process's own HTTP servers.
    pub server: ServerConfiguration,
    /// Profiling endpoints.
    pub debugging: Option<DebuggingConfiguration>,
    /// Its schedulers.
    pub schedulers: SchedulerControllerConfiguration,
    /// Feature gates to switch on or off, by name.
    #[api(omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
}

/// The scheduler of BackupBuckets.
#[api_type]
pub struct BackupBucketSchedulerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: i32,
}

/// The schedulers of gardener-scheduler.
#[api_type]
pub struct SchedulerControllerConfiguration {
    /// The scheduler of BackupBuckets.
    pub backup_bucket: Option<BackupBucketSchedulerConfiguration>,
    /// The scheduler of Shoots.
    pub shoot: Option<ShootSchedulerConfiguration>,
}

/// The scheduler of Shoots.
#[api_type]
pub struct ShootSchedulerConfiguration {
    /// How many objects the controller works on at the same time.
    pub concurrent_syncs: i32,
    /// How the seeds are narrowed down.
    pub candidate_determination_strategy: CandidateDeterminationStrategy,
}

/// How the scheduler narrows down the seeds.
#[api_type]
pub enum CandidateDeterminationStrategy {
    /// To those of the shoot's region.
    SameRegion,
    /// To the nearest ones.
    MinimalDistance,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}
