//! Configuration of what runs on the seed's machine itself: containerd, the kubelet, the pods' network.

use std::path::Path;

use plan_images::REGISTRY_HOST;
use serde_json::json;

use super::names::{CLUSTER_DNS, CLUSTER_DOMAIN, Domain, MACHINE, MACHINE_ADDRESS, POD_RANGE};

/// Where containerd looks for how to reach a registry.
pub(crate) const REGISTRIES: &str = "/etc/containerd/certs.d";
/// Where the kubelet finds static pods.
pub(crate) const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// Where the seed's certificates and keys lie.
pub(crate) const SECRETS: &str = "/etc/kubernetes/secrets";

/// The layout of control groups, which is the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupVersion {
    /// The old layout: one hierarchy per controller.
    One,
    /// The unified hierarchy.
    Two,
}

impl CgroupVersion {
    /// The layout of this machine.
    pub fn of_host() -> Self {
        if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            Self::Two
        } else {
            Self::One
        }
    }

    /// With version 2 systemd owns the tree and hands out its parts; version 1 has no owner, and the kubelet makes its own.
    fn is_systemds(self) -> bool {
        self == Self::Two
    }
}

/// containerd's configuration.
pub(crate) fn containerd(sandbox_image: &str, cgroups: CgroupVersion) -> String {
    format!(
        "\
version = 3

[plugins.'io.containerd.cri.v1.runtime']
  # The capability to lower it may be missing.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/opt/cni/bin']
    conf_dir = '/etc/cni/net.d'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = {systemd}

[plugins.'io.containerd.cri.v1.images']
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{sandbox_image}'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '{REGISTRIES}'
",
        systemd = cgroups.is_systemds(),
    )
}

/// How containerd reaches the landscape's registry: the name of the image vector, and the registry's own, both by plain HTTP.
pub(crate) fn registries(domain: &Domain) -> [(String, String); 2] {
    let registry = domain.registry();
    let hosts = format!(
        "server = \"http://{registry}\"\n\n[host.\"http://{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    [REGISTRY_HOST, &registry].map(|host| (format!("{REGISTRIES}/{host}/hosts.toml"), hosts.clone()))
}

/// The pods' network: a bridge of the machine, addresses from one range.
pub(crate) fn network() -> String {
    json!({
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_RANGE}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
    .to_string()
}

/// What leaves the machine for other networks seems to come from the machine: one rule for all pods, where the bridge plugin would
/// add and remove rules with every pod.
pub(crate) fn masquerade() -> String {
    format!(
        "\
table ip pods
delete table ip pods
table ip pods {{
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {POD_RANGE} ip daddr != {POD_RANGE} ip daddr != 224.0.0.0/4 masquerade
    }}
}}
"
    )
}

/// The kubelet's configuration.
pub(crate) fn kubelet(cgroups: CgroupVersion) -> String {
    let configuration = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": format!("{SECRETS}/ca-client/bundle.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": if cgroups.is_systemds() { "systemd" } else { "cgroupfs" },
        "clusterDNS": [CLUSTER_DNS],
        "clusterDomain": CLUSTER_DOMAIN,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        // A busy machine's disk is the host's: what is full there, the user sees; pods are not thrown out for it.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "eventRecordQPS": 0,
        "failCgroupV1": false,
        "failSwapOn": false,
        "imageGCHighThresholdPercent": 100,
        "kubeAPIBurst": 200,
        "kubeAPIQPS": 100,
        "makeIPTablesUtilChains": false,
        "maxPods": 400,
        // The capability to lower it may be missing.
        "oomScoreAdj": 0,
        "registryPullQPS": 0,
        "resolvConf": "/etc/resolv.conf",
        "serializeImagePulls": false,
        "staticPodPath": MANIFESTS,
        "tlsCertFile": format!("{SECRETS}/kubelet-server/tls.crt"),
        "tlsPrivateKeyFile": format!("{SECRETS}/kubelet-server/tls.key"),
    });
    configuration.to_string()
}

/// The kubelet's unit.
pub(crate) fn kubelet_unit() -> String {
    format!(
        "\
[Unit]
Description=kubelet
After=containerd.service pod-masquerade.service
Wants=containerd.service pod-masquerade.service

[Service]
ExecStart=/usr/local/bin/kubelet \\
    --config=/etc/kubernetes/kubelet.json \\
    --kubeconfig={SECRETS}/kubelet/kubeconfig \\
    --hostname-override={MACHINE} \\
    --node-ip={MACHINE_ADDRESS}
Restart=always
RestartSec=1
KillMode=process
LimitNOFILE=infinity
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"
    )
}

/// The unit that sets up the masquerading at every boot.
pub(crate) fn masquerade_unit() -> String {
    "\
[Unit]
Description=Addresses of pods that leave the machine
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/kubernetes/masquerade.nft

[Install]
WantedBy=multi-user.target
"
    .to_owned()
}
