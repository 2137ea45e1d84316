//! The kubelet: its configuration and its unit.

use std::collections::BTreeMap;

use api::{
    constants::{LABEL_WORKER_KUBERNETES_VERSION, LABEL_WORKER_NODE_AGENT_SECRET, LABEL_WORKER_POOL},
    core::v1beta1::{
        KubeletConfig, KubeletConfigEviction, KubeletConfigEvictionMinimumReclaim, KubeletConfigEvictionSoftGracePeriod,
    },
    extensions::v1alpha1::Unit,
};
use serde_json::{Map, Value, json};

use crate::{
    CONTAINERD_UNIT, KUBELET_BINARY, KUBELET_BOOTSTRAP_KUBECONFIG, KUBELET_CLIENT_CA, KUBELET_CONFIGURATION,
    KUBELET_HEALTH_PORT, KUBELET_KUBECONFIG, KUBELET_UNIT, NodeWish, hash::node_agent_secret_name, pieces::service,
};

/// Thresholds of Gardener's nodes where the shoot names none.
const EVICTION_HARD: &[(&str, &str)] = &[
    ("memory.available", "100Mi"),
    ("imagefs.available", "5%"),
    ("imagefs.inodesFree", "5%"),
    ("nodefs.available", "5%"),
    ("nodefs.inodesFree", "5%"),
];

/// The text of the kubelet's configuration, as JSON, which is YAML, too.
pub(crate) fn configuration(wish: &NodeWish) -> String {
    let mut configuration = connection(wish);
    configuration.extend(settings(&wish.kubelet));
    configuration.retain(|_, value| !value.is_null());
    // Serializing JSON does not fail.
    serde_json::to_string_pretty(&configuration).unwrap_or_default() + "\n"
}

/// What does not depend on the user.
fn connection(wish: &NodeWish) -> Map<String, Value> {
    object(json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": KUBELET_CLIENT_CA},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": wish.cluster_dns,
        "clusterDomain": wish.cluster_domain,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "eventRecordQPS": 50,
        "eventBurst": 100,
        // The old layout is still common; the kubelet only warns then.
        "failCgroupV1": false,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": KUBELET_HEALTH_PORT,
        "kubeAPIBurst": 100,
        "kubeAPIQPS": 50,
        "registerWithTaints": if wish.taints.is_empty() { Value::Null } else { json!(wish.taints) },
        "rotateCertificates": true,
        "serverTLSBootstrap": true,
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
    }))
}

/// What the user may set.
fn settings(settings: &KubeletConfig) -> Map<String, Value> {
    let swap = settings
        .memory_swap
        .as_ref()
        .map(|swap| json!({"swapBehavior": swap.swap_behavior}));
    let gates = &settings.kubernetes_config.feature_gates;
    let preloaded = &settings.preloaded_images_verification_allowlist;
    object(json!({
        "containerLogMaxFiles": settings.container_log_max_files,
        "containerLogMaxSize": settings.container_log_max_size,
        "cpuCFSQuota": settings.cpu_cfs_quota,
        "cpuManagerPolicy": settings.cpu_manager_policy,
        "evictionHard": eviction_hard(settings.eviction_hard.as_ref()),
        "evictionMaxPodGracePeriod": settings.eviction_max_pod_grace_period,
        "evictionMinimumReclaim": settings.eviction_minimum_reclaim.as_ref().map(minimum_reclaim),
        "evictionPressureTransitionPeriod": settings.eviction_pressure_transition_period,
        "evictionSoft": settings.eviction_soft.as_ref().map(thresholds),
        "evictionSoftGracePeriod": settings.eviction_soft_grace_period.as_ref().map(grace_periods),
        "failSwapOn": settings.fail_swap_on,
        "featureGates": if gates.is_empty() { Value::Null } else { json!(gates) },
        "imageGCHighThresholdPercent": settings.image_gc_high_threshold_percent,
        "imageGCLowThresholdPercent": settings.image_gc_low_threshold_percent,
        "imageMaximumGCAge": settings.image_maximum_gc_age,
        "imageMinimumGCAge": settings.image_minimum_gc_age,
        "imagePullCredentialsVerificationPolicy": settings.image_pull_credentials_verification_policy,
        "preloadedImagesVerificationAllowlist": if preloaded.is_empty() { Value::Null } else { json!(preloaded) },
        "kubeReserved": settings.kube_reserved.as_ref().map(|reserved| json!({
            "cpu": reserved.cpu,
            "memory": reserved.memory,
            "ephemeral-storage": reserved.ephemeral_storage,
            "pid": reserved.pid,
        })).map(without_nulls),
        "maxParallelImagePulls": settings.max_parallel_image_pulls,
        "maxPods": settings.max_pods.unwrap_or(110),
        "memorySwap": swap,
        "podPidsLimit": settings.pod_pids_limit,
        "protectKernelDefaults": settings.protect_kernel_defaults,
        "registryBurst": settings.registry_burst,
        "registryPullQPS": settings.registry_pull_qps,
        "seccompDefault": settings.seccomp_default,
        "serializeImagePulls": settings.serialize_image_pulls,
        "singleProcessOOMKill": settings.single_process_oom_kill,
        "streamingConnectionIdleTimeout": settings.streaming_connection_idle_timeout,
    }))
}

fn eviction_hard(own: Option<&KubeletConfigEviction>) -> Value {
    let mut all: BTreeMap<&str, Value> = EVICTION_HARD
        .iter()
        .map(|(name, threshold)| (*name, json!(threshold)))
        .collect();
    if let Some(own) = own {
        let own = object(thresholds(own));
        all.extend(
            EVICTION_HARD
                .iter()
                .filter_map(|(name, _)| Some((*name, own.get(*name)?.clone()))),
        );
    }
    json!(all)
}

fn thresholds(eviction: &KubeletConfigEviction) -> Value {
    without_nulls(json!({
        "memory.available": eviction.memory_available,
        "imagefs.available": eviction.image_fs_available,
        "imagefs.inodesFree": eviction.image_fs_inodes_free,
        "nodefs.available": eviction.node_fs_available,
        "nodefs.inodesFree": eviction.node_fs_inodes_free,
    }))
}

fn minimum_reclaim(reclaim: &KubeletConfigEvictionMinimumReclaim) -> Value {
    without_nulls(json!({
        "memory.available": reclaim.memory_available,
        "imagefs.available": reclaim.image_fs_available,
        "imagefs.inodesFree": reclaim.image_fs_inodes_free,
        "nodefs.available": reclaim.node_fs_available,
        "nodefs.inodesFree": reclaim.node_fs_inodes_free,
    }))
}

fn grace_periods(periods: &KubeletConfigEvictionSoftGracePeriod) -> Value {
    without_nulls(json!({
        "memory.available": periods.memory_available,
        "imagefs.available": periods.image_fs_available,
        "imagefs.inodesFree": periods.image_fs_inodes_free,
        "nodefs.available": periods.node_fs_available,
        "nodefs.inodesFree": periods.node_fs_inodes_free,
    }))
}

fn without_nulls(value: Value) -> Value {
    let mut object = object(value);
    object.retain(|_, value| !value.is_null());
    Value::Object(object)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// The kubelet's unit.
pub(crate) fn unit(wish: &NodeWish) -> Unit {
    let labels: Vec<String> = labels(wish)
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let content = format!(
        "\
[Unit]
Description=kubelet
After={CONTAINERD_UNIT}
Wants={CONTAINERD_UNIT}
StartLimitIntervalSec=0

[Service]
ExecStart={KUBELET_BINARY} \\
    --bootstrap-kubeconfig={KUBELET_BOOTSTRAP_KUBECONFIG} \\
    --kubeconfig={KUBELET_KUBECONFIG} \\
    --config={KUBELET_CONFIGURATION} \\
    --cert-dir=/var/lib/kubelet/pki \\
    --cloud-provider=external \\
    --node-labels={}
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
",
        labels.join(",").replace('%', "%%"),
    );
    let files = [KUBELET_BINARY, KUBELET_CONFIGURATION, KUBELET_CLIENT_CA];
    service(KUBELET_UNIT, Some(content), &files)
}

/// The labels that a node registers with. It may give itself few of Kubernetes' own domains: whoever makes the machine adds the others.
fn labels(wish: &NodeWish) -> BTreeMap<&str, String> {
    let mut labels: BTreeMap<&str, String> = wish
        .labels
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .filter(|(name, _)| !is_reserved(name))
        .collect();
    labels.insert(LABEL_WORKER_POOL, wish.pool.clone());
    labels.insert(LABEL_WORKER_KUBERNETES_VERSION, wish.kubernetes_version.clone());
    labels.insert(LABEL_WORKER_NODE_AGENT_SECRET, node_agent_secret_name(wish));
    labels
}

fn is_reserved(label: &str) -> bool {
    let domain = label.split_once('/').map_or("", |(domain, _)| domain);
    let of = |owner: &str| domain == owner || domain.strip_suffix(owner).is_some_and(|rest| rest.ends_with('.'));
    // What the kubelet and the API server (NodeRestriction) let a node say of itself.
    let allowed = of("node.kubernetes.io") || of("kubelet.kubernetes.io");
    !allowed && (of("kubernetes.io") || of("k8s.io"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::wish;

    fn value(change: impl FnOnce(&mut NodeWish)) -> Value {
        let mut wish = wish();
        change(&mut wish);
        serde_json::from_str(&configuration(&wish)).unwrap()
    }

    #[test]
    fn users_settings_reach_the_kubelet() {
        let configuration = value(|wish| {
            wish.kubelet.max_pods = Some(55);
            wish.kubelet.eviction_hard = Some(KubeletConfigEviction {
                memory_available: Some("200Mi".into()),
                ..KubeletConfigEviction::default()
            });
            wish.kubelet.kubernetes_config.feature_gates.insert("Foo".into(), true);
        });
        assert_eq!(configuration["maxPods"], 55);
        assert_eq!(configuration["evictionHard"]["memory.available"], "200Mi");
        assert_eq!(configuration["evictionHard"]["nodefs.available"], "5%");
        assert_eq!(configuration["featureGates"]["Foo"], true);
    }

    #[test]
    fn what_the_user_leaves_out_is_left_out() {
        let configuration = value(|_| ());
        assert_eq!(configuration["maxPods"], 110);
        assert!(configuration.get("cpuManagerPolicy").is_none());
        assert!(configuration.get("cgroupDriver").is_none());
    }

    #[test]
    fn a_node_does_not_give_itself_labels_of_kubernetes() {
        let mut wish = wish();
        for label in [
            "node.kubernetes.io/role",
            "node-role.kubernetes.io/x",
            "kubernetes.io/x",
            "a.k8s.io/x",
            "mykubernetes.io/x",
            "plain",
        ] {
            wish.labels.insert(label.into(), "1".into());
        }
        let labels: Vec<&str> = labels(&wish).into_keys().collect();
        assert_eq!(
            labels,
            [
                "mykubernetes.io/x",
                "node.kubernetes.io/role",
                "plain",
                "team",
                LABEL_WORKER_NODE_AGENT_SECRET,
                LABEL_WORKER_KUBERNETES_VERSION,
                LABEL_WORKER_POOL
            ]
        );
    }
}
