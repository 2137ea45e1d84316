//! Settings of a Shoot's autoscalers.

use std::collections::BTreeMap;

use apimachinery::meta::Quantity;
use apimachinery::{Duration, api_type};

use super::ControlPlaneAutoscaling;

/// Options of the cluster autoscaler.
#[api_type]
pub struct ClusterAutoscaler {
    /// Pause of scaling down after a node was added.
    #[api(tag = 1)]
    pub scale_down_delay_after_add: Option<Duration>,
    /// Pause of scaling down after a node was removed.
    #[api(tag = 2)]
    pub scale_down_delay_after_delete: Option<Duration>,
    /// Pause of scaling down after a removal failed.
    #[api(tag = 3)]
    pub scale_down_delay_after_failure: Option<Duration>,
    /// How long a node must be unneeded before it goes.
    #[api(tag = 4)]
    pub scale_down_unneeded_time: Option<Duration>,
    /// Utilization below which a node counts as unneeded.
    #[api(tag = 5)]
    pub scale_down_utilization_threshold: Option<f64>,
    /// How often the cluster is looked at.
    #[api(tag = 6)]
    pub scan_interval: Option<Duration>,
    /// How the pool to grow is chosen.
    #[api(tag = 7)]
    pub expander: Option<ExpanderMode>,
    /// How long a machine may take to become a node.
    #[api(tag = 8)]
    pub max_node_provision_time: Option<Duration>,
    /// How long pods are given to end when a node goes.
    #[api(tag = 9)]
    pub max_graceful_termination_seconds: Option<i32>,
    /// Taints ignored in the simulation of a new node; superseded by `startupTaints`.
    #[api(tag = 10, omitempty)]
    pub ignore_taints: Vec<String>,
    /// Age a pod must have before nodes are added for it.
    #[api(tag = 11)]
    pub new_pod_scale_up_delay: Option<Duration>,
    /// How many empty nodes may go at once; superseded by `maxScaleDownParallelism`.
    #[api(tag = 12)]
    pub max_empty_bulk_delete: Option<i32>,
    /// Whether pods of DaemonSets are left out of a node's utilization.
    #[api(tag = 13)]
    pub ignore_daemonsets_utilization: Option<bool>,
    /// Verbosity of the log.
    #[api(tag = 14)]
    pub verbosity: Option<i32>,
    /// Taints a node has only while it starts.
    #[api(tag = 15, omitempty)]
    pub startup_taints: Vec<String>,
    /// Taints that tell a node's state and don't keep it from being a template.
    #[api(tag = 16, omitempty)]
    pub status_taints: Vec<String>,
    /// How many nodes may go at once.
    #[api(tag = 17)]
    pub max_scale_down_parallelism: Option<i32>,
    /// How many nodes may be drained at once.
    #[api(tag = 18)]
    pub max_drain_parallelism: Option<i32>,
    /// First pause after a pool failed to grow.
    #[api(tag = 19)]
    pub initial_node_group_backoff_duration: Option<Duration>,
    /// Longest pause after a pool failed to grow.
    #[api(tag = 20)]
    pub max_node_group_backoff_duration: Option<Duration>,
    /// After which the pause is forgotten.
    #[api(tag = 21)]
    pub node_group_backoff_reset_timeout: Option<Duration>,
    /// Whether there are metrics per pool.
    #[api(tag = 22)]
    pub emit_per_node_group_metrics: Option<bool>,
    /// How long one scale-up decision may take.
    #[api(tag = 23)]
    pub max_binpacking_time: Option<Duration>,
    /// Bounds of the autoscaler's own resources.
    #[api(tag = 24)]
    pub autoscaling: Option<ControlPlaneAutoscaling>,
}

/// How the cluster autoscaler chooses the pool to grow.
#[api_type]
pub enum ExpanderMode {
    /// The one that leaves least unused.
    #[api(name = "least-waste")]
    LeastWaste,
    /// The one that fits most pods.
    #[api(name = "most-pods")]
    MostPods,
    /// The one of highest priority.
    #[api(name = "priority")]
    Priority,
    /// Any.
    #[api(name = "random")]
    Random,
    /// The one that needs fewest nodes.
    #[api(name = "least-nodes")]
    LeastNodes,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Cluster autoscaler options of one worker pool.
#[api_type]
pub struct ClusterAutoscalerOptions {
    /// Utilization below which a node counts as unneeded.
    #[api(tag = 1)]
    pub scale_down_utilization_threshold: Option<f64>,
    /// GPU utilization below which a node counts as unneeded.
    #[api(tag = 2)]
    pub scale_down_gpu_utilization_threshold: Option<f64>,
    /// How long a node must be unneeded before it goes.
    #[api(tag = 3)]
    pub scale_down_unneeded_time: Option<Duration>,
    /// How long a node must be unready before it goes.
    #[api(tag = 4)]
    pub scale_down_unready_time: Option<Duration>,
    /// How long a machine may take to become a node.
    #[api(tag = 5)]
    pub max_node_provision_time: Option<Duration>,
}

/// Settings of the vertical pod autoscaler.
#[api_type]
pub struct VerticalPodAutoscaler {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: bool,
    /// Age of a pod below which running out of memory leads to eviction.
    #[api(tag = 2, name = "evictAfterOOMThreshold")]
    pub evict_after_oom_threshold: Option<Duration>,
    /// Most evictions at once.
    #[api(tag = 3)]
    pub eviction_rate_burst: Option<i32>,
    /// Most evictions per second.
    #[api(tag = 4)]
    pub eviction_rate_limit: Option<f64>,
    /// Share of a controller's pods that may be evicted.
    #[api(tag = 5)]
    pub eviction_tolerance: Option<f64>,
    /// Share added to every recommendation.
    #[api(tag = 6)]
    pub recommendation_margin_fraction: Option<f64>,
    /// How often pods are checked against recommendations.
    #[api(tag = 7)]
    pub updater_interval: Option<Duration>,
    /// How often recommendations are made.
    #[api(tag = 8)]
    pub recommender_interval: Option<Duration>,
    /// Percentile of CPU usage to aim at.
    #[api(tag = 9, name = "targetCPUPercentile")]
    pub target_cpu_percentile: Option<f64>,
    /// Percentile of CPU usage for the lower bound.
    #[api(tag = 10, name = "recommendationLowerBoundCPUPercentile")]
    pub recommendation_lower_bound_cpu_percentile: Option<f64>,
    /// Percentile of CPU usage for the upper bound.
    #[api(tag = 11, name = "recommendationUpperBoundCPUPercentile")]
    pub recommendation_upper_bound_cpu_percentile: Option<f64>,
    /// Percentile of memory usage to aim at.
    #[api(tag = 12)]
    pub target_memory_percentile: Option<f64>,
    /// Percentile of memory usage for the lower bound.
    #[api(tag = 13)]
    pub recommendation_lower_bound_memory_percentile: Option<f64>,
    /// Percentile of memory usage for the upper bound.
    #[api(tag = 14)]
    pub recommendation_upper_bound_memory_percentile: Option<f64>,
    /// Time in which a CPU sample loses half its weight.
    #[api(tag = 15)]
    pub cpu_histogram_decay_half_life: Option<Duration>,
    /// Time in which a memory sample loses half its weight.
    #[api(tag = 16)]
    pub memory_histogram_decay_half_life: Option<Duration>,
    /// Interval whose peak makes one memory sample.
    #[api(tag = 17)]
    pub memory_aggregation_interval: Option<Duration>,
    /// How many such intervals are kept.
    #[api(tag = 18)]
    pub memory_aggregation_interval_count: Option<i64>,
    /// Feature gates to switch on or off, by name.
    #[api(tag = 19, omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
    /// Most resources a pod is given.
    #[api(tag = 20, omitempty)]
    pub max_allowed: BTreeMap<String, Quantity>,
    /// How many recommendations are made at the same time.
    #[api(tag = 21)]
    pub recommender_update_worker_count: Option<i64>,
}
