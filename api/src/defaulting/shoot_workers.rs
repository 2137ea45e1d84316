//! Defaults that only Shoots with workers have.

use apimachinery::{Duration, meta::IntOrString};

use super::fill;
use crate::{
    constants::ARCHITECTURE_AMD64,
    core::v1beta1::{
        CoreDns, CoreDnsAutoscaling, CoreDnsAutoscalingMode, Cri, CriName, IpFamily, KubeControllerManagerConfig,
        KubeProxyConfig, KubeSchedulerConfig, KubeletConfig, Kubernetes, MachineControllerManagerSettings,
        MachineUpdateStrategy, MemorySwapConfiguration, ProxyMode, SchedulingProfile, ShootSpec, SshAccess,
        SwapBehavior, SystemComponents, Worker, WorkerSystemComponents, WorkersSettings,
    },
};

/// Pods per node where nothing else is said: the kubelet's own default.
const DEFAULT_MAX_PODS: i32 = 110;

/// Prefix length of a node's IPv6 pod range: there is no need to save addresses.
const IPV6_NODE_MASK: i32 = 64;

pub(super) fn set_defaults(spec: &mut ShootSpec) {
    let default_mask = node_mask(spec);
    let families = spec
        .networking
        .as_ref()
        .map(|networking| networking.ip_families.clone());
    control_plane(&mut spec.kubernetes, &families.unwrap_or_default(), default_mask);
    kubelet_of_all_pools(spec.kubernetes.kubelet.get_or_insert_with(KubeletConfig::default));
    let settings = spec
        .provider
        .workers_settings
        .get_or_insert_with(WorkersSettings::default);
    fill(&mut settings.ssh_access, SshAccess { enabled: true });
    let core_dns = spec
        .system_components
        .get_or_insert_with(SystemComponents::default)
        .core_dns
        .get_or_insert_with(CoreDns::default);
    let autoscaling = core_dns.autoscaling.get_or_insert_with(CoreDnsAutoscaling::default);
    if autoscaling.mode.as_str().is_empty() {
        autoscaling.mode = CoreDnsAutoscalingMode::Horizontal;
    }
    for pool in &mut spec.provider.workers {
        worker(pool);
        if let Some(exposure) = pool.control_plane.as_mut().and_then(|plane| plane.exposure.as_mut())
            && let Some(extension) = &mut exposure.extension
        {
            fill(&mut extension.type_, spec.provider.type_.clone());
        }
    }
}

fn control_plane(kubernetes: &mut Kubernetes, families: &[IpFamily], node_mask: i32) {
    if let Some(config) = &mut kubernetes.kube_api_server {
        fill(&mut config.default_not_ready_toleration_seconds, 300);
        fill(&mut config.default_unreachable_toleration_seconds, 300);
    }
    let manager = kubernetes
        .kube_controller_manager
        .get_or_insert_with(KubeControllerManagerConfig::default);
    match (families.contains(&IpFamily::Ipv4), families.contains(&IpFamily::Ipv6)) {
        (false, true) if manager.node_cidr_mask_size_ipv6.is_none() => {
            fill(&mut manager.node_cidr_mask_size, IPV6_NODE_MASK);
        }
        (true, true) => {
            fill(&mut manager.node_cidr_mask_size, node_mask);
            fill(&mut manager.node_cidr_mask_size_ipv6, IPV6_NODE_MASK);
        }
        (true, false) => fill(&mut manager.node_cidr_mask_size, node_mask),
        _ => {}
    }
    fill(&mut manager.node_monitor_grace_period, Duration::from_seconds(40));
    let scheduler = kubernetes
        .kube_scheduler
        .get_or_insert_with(KubeSchedulerConfig::default);
    fill(&mut scheduler.profile, SchedulingProfile::Balanced);
    let proxy = kubernetes.kube_proxy.get_or_insert_with(KubeProxyConfig::default);
    fill(&mut proxy.mode, ProxyMode::Iptables);
    fill(&mut proxy.enabled, true);
}

fn kubelet_of_all_pools(config: &mut KubeletConfig) {
    kubelet(config);
    fill(&mut config.image_minimum_gc_age, Duration::from_minutes(2));
    fill(&mut config.image_maximum_gc_age, Duration::default());
    fill(&mut config.image_gc_high_threshold_percent, 50);
    fill(&mut config.image_gc_low_threshold_percent, 40);
    let one_at_a_time = config.max_parallel_image_pulls.is_none_or(|pulls| pulls < 2);
    fill(&mut config.serialize_image_pulls, one_at_a_time);
}

/// What a kubelet's configuration means, whether of all pools or of one.
fn kubelet(config: &mut KubeletConfig) {
    let fail_swap_on = *config.fail_swap_on.get_or_insert(true);
    let swap_gate = config.kubernetes_config.feature_gates.get("NodeSwap") == Some(&true);
    if swap_gate && !fail_swap_on {
        let swap = config.memory_swap.get_or_insert_with(MemorySwapConfiguration::default);
        fill(&mut swap.swap_behavior, SwapBehavior::LimitedSwap);
    }
}

fn worker(worker: &mut Worker) {
    fill(&mut worker.machine.architecture, ARCHITECTURE_AMD64.to_owned());
    worker.cri.get_or_insert_with(|| Cri {
        name: CriName::Containerd,
        container_runtimes: Vec::new(),
    });
    if let Some(config) = worker
        .kubernetes
        .as_mut()
        .and_then(|kubernetes| kubernetes.kubelet.as_mut())
    {
        kubelet(config);
    }
    let strategy = worker
        .update_strategy
        .get_or_insert(MachineUpdateStrategy::AutoRollingUpdate)
        .clone();
    let in_place = matches!(
        strategy,
        MachineUpdateStrategy::AutoInPlaceUpdate | MachineUpdateStrategy::ManualInPlaceUpdate
    );
    match strategy {
        MachineUpdateStrategy::AutoInPlaceUpdate => surge(worker, 0, 1),
        MachineUpdateStrategy::ManualInPlaceUpdate => {}
        _ => surge(worker, 1, 0),
    }
    if in_place {
        let settings = worker
            .machine_controller_manager
            .get_or_insert_with(MachineControllerManagerSettings::default);
        fill(&mut settings.disable_health_timeout, true);
    }
    fill(&mut worker.system_components, WorkerSystemComponents { allow: true });
}

fn surge(worker: &mut Worker, surge: i32, unavailable: i32) {
    fill(&mut worker.max_surge, IntOrString::Int(surge));
    fill(&mut worker.max_unavailable, IntOrString::Int(unavailable));
}

/// Prefix length of a node's IPv4 pod range: twice as many addresses as pods, so that one is not reused at once.
fn node_mask(spec: &ShootSpec) -> i32 {
    let of_all = spec.kubernetes.kubelet.as_ref().and_then(|kubelet| kubelet.max_pods);
    let of_pools = spec
        .provider
        .workers
        .iter()
        .filter_map(|worker| worker.kubernetes.as_ref()?.kubelet.as_ref()?.max_pods);
    let pods = of_pools.fold(of_all.unwrap_or(DEFAULT_MAX_PODS), i32::max).max(1);
    let addresses = 2 * pods.unsigned_abs();
    32 - i32::try_from(addresses.next_power_of_two().trailing_zeros()).unwrap_or(8)
}
