//! What a Shoot without workers must not have: everything that is about machines, their network or their credentials.

use apimachinery::field::{FieldErrors, Path};

use super::checks;
use crate::core::v1beta1::ShootSpec;

pub(super) const REMEDY: &str = "must not be set for a workerless Shoot: remove it, or add spec.provider.workers";

pub(super) fn validate(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let mut forbid = |is_set: bool, fields: &str| {
        let path = fields.split('.').fold(path.clone(), |path, name| path.child(name));
        checks::forbid(is_set, &path, REMEDY, errors);
    };
    let (kubernetes, provider) = (&spec.kubernetes, &spec.provider);
    forbid(spec.addons.is_some(), "addons");
    forbid(spec.system_components.is_some(), "systemComponents");
    forbid(
        provider.infrastructure_config.is_some(),
        "provider.infrastructureConfig",
    );
    forbid(provider.control_plane_config.is_some(), "provider.controlPlaneConfig");
    forbid(provider.workers_settings.is_some(), "provider.workersSettings");
    forbid(kubernetes.cluster_autoscaler.is_some(), "kubernetes.clusterAutoscaler");
    forbid(kubernetes.kube_scheduler.is_some(), "kubernetes.kubeScheduler");
    forbid(kubernetes.kube_proxy.is_some(), "kubernetes.kubeProxy");
    forbid(kubernetes.kubelet.is_some(), "kubernetes.kubelet");
    forbid(
        kubernetes.vertical_pod_autoscaler.is_some(),
        "kubernetes.verticalPodAutoscaler",
    );
    if let Some(networking) = &spec.networking {
        forbid(networking.type_.is_some(), "networking.type");
        forbid(networking.provider_config.is_some(), "networking.providerConfig");
        forbid(networking.pods.is_some(), "networking.pods");
        forbid(networking.nodes.is_some(), "networking.nodes");
    }
    if let Some(config) = &kubernetes.kube_api_server {
        let field = "kubernetes.kubeAPIServer.";
        forbid(
            config.default_not_ready_toleration_seconds.is_some(),
            &format!("{field}defaultNotReadyTolerationSeconds"),
        );
        forbid(
            config.default_unreachable_toleration_seconds.is_some(),
            &format!("{field}defaultUnreachableTolerationSeconds"),
        );
    }
    if let Some(config) = &kubernetes.kube_controller_manager {
        for (is_set, name) in [
            (config.horizontal_pod_autoscaler.is_some(), "horizontalPodAutoscaler"),
            (config.node_cidr_mask_size.is_some(), "nodeCIDRMaskSize"),
            (config.node_cidr_mask_size_ipv6.is_some(), "nodeCIDRMaskSizeIPv6"),
            (config.pod_eviction_timeout.is_some(), "podEvictionTimeout"),
            (config.node_monitor_grace_period.is_some(), "nodeMonitorGracePeriod"),
        ] {
            forbid(is_set, &format!("kubernetes.kubeControllerManager.{name}"));
        }
    }
    let update = spec
        .maintenance
        .as_ref()
        .and_then(|maintenance| maintenance.auto_update.as_ref());
    forbid(
        update.is_some_and(|update| update.machine_image_version.is_some()),
        "maintenance.autoUpdate.machineImageVersion",
    );
}
