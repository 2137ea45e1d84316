//! Defaults of the autoscalers.

use apimachinery::Duration;

use super::fill;
use crate::core::v1beta1::{ClusterAutoscaler, ExpanderMode, VerticalPodAutoscaler};

pub(super) fn cluster_autoscaler(options: &mut ClusterAutoscaler) {
    let empty_at_once = options.max_empty_bulk_delete.unwrap_or(10);
    fill(&mut options.scale_down_delay_after_add, Duration::from_hours(1));
    fill(&mut options.scale_down_delay_after_delete, Duration::default());
    fill(&mut options.scale_down_delay_after_failure, Duration::from_minutes(3));
    fill(&mut options.scale_down_unneeded_time, Duration::from_minutes(30));
    fill(&mut options.scale_down_utilization_threshold, 0.5);
    fill(&mut options.scan_interval, Duration::from_seconds(10));
    fill(&mut options.expander, ExpanderMode::LeastWaste);
    fill(&mut options.max_node_provision_time, Duration::from_minutes(20));
    fill(&mut options.max_graceful_termination_seconds, 600);
    fill(&mut options.ignore_daemonsets_utilization, false);
    fill(&mut options.emit_per_node_group_metrics, false);
    fill(&mut options.verbosity, 2);
    fill(&mut options.new_pod_scale_up_delay, Duration::default());
    fill(&mut options.max_scale_down_parallelism, empty_at_once);
    fill(&mut options.max_drain_parallelism, 1);
    fill(
        &mut options.initial_node_group_backoff_duration,
        Duration::from_minutes(5),
    );
    fill(&mut options.max_node_group_backoff_duration, Duration::from_minutes(30));
    fill(&mut options.node_group_backoff_reset_timeout, Duration::from_hours(3));
}

pub(super) fn vertical_pod_autoscaler(options: &mut VerticalPodAutoscaler) {
    fill(&mut options.evict_after_oom_threshold, Duration::from_minutes(10));
    fill(&mut options.eviction_rate_burst, 1);
    fill(&mut options.eviction_rate_limit, -1.0);
    fill(&mut options.eviction_tolerance, 0.5);
    fill(&mut options.recommendation_margin_fraction, 0.15);
    fill(&mut options.updater_interval, Duration::from_minutes(1));
    fill(&mut options.recommender_interval, Duration::from_minutes(1));
    fill(&mut options.target_cpu_percentile, 0.9);
    fill(&mut options.recommendation_lower_bound_cpu_percentile, 0.5);
    fill(&mut options.recommendation_upper_bound_cpu_percentile, 0.95);
    fill(&mut options.cpu_histogram_decay_half_life, Duration::from_hours(24));
    fill(&mut options.target_memory_percentile, 0.9);
    fill(&mut options.recommendation_lower_bound_memory_percentile, 0.5);
    fill(&mut options.recommendation_upper_bound_memory_percentile, 0.95);
    fill(&mut options.memory_histogram_decay_half_life, Duration::from_hours(24));
    fill(&mut options.memory_aggregation_interval, Duration::from_hours(24));
    fill(&mut options.memory_aggregation_interval_count, 8);
    fill(&mut options.recommender_update_worker_count, 10);
}
