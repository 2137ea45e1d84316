//! Where things lie on a machine. What Gardener has a place for lies there.

pub use api::constants::{
    NODE_AGENT_BASE_DIRECTORY as NODE_AGENT_FOLDER, NODE_AGENT_BINARY_DIRECTORY as BINARY_FOLDER,
    NODE_AGENT_INIT_UNIT as NODE_INIT_UNIT, NODE_AGENT_UNIT,
};

/// The program that node-agent and tunnel client are.
pub const OWN_BINARY: &str = "/opt/bin/kubeception";
/// The kubelet.
pub const KUBELET_BINARY: &str = "/opt/bin/kubelet";
/// Where the program lies in the image `kubeception`.
pub const OWN_BINARY_IN_IMAGE: &str = "/usr/local/bin/kubeception";
/// Where the program lies in the image `hyperkube`.
pub const HYPERKUBE_IN_IMAGE: &str = "/usr/local/bin/hyperkube";

/// node-agent's configuration.
pub const NODE_AGENT_CONFIGURATION: &str = "/var/lib/gardener-node-agent/config.yaml";
/// Authorities that the API server's certificate may be of.
pub const API_SERVER_CA: &str = "/var/lib/gardener-node-agent/ca.crt";
/// The token of the first contact.
pub const BOOTSTRAP_TOKEN: &str = "/var/lib/gardener-node-agent/credentials/bootstrap-token";
/// node-agent's own credentials, as a kubeconfig.
pub const NODE_AGENT_KUBECONFIG: &str = "/var/lib/gardener-node-agent/credentials/kubeconfig";
/// The machine's name, which is the node's.
pub const MACHINE_NAME: &str = "/var/lib/gardener-node-agent/machine-name";
/// What a machine does at its first start.
pub const INIT_SCRIPT: &str = "/var/lib/gardener-node-agent/init.sh";

/// The kubelet's configuration.
pub const KUBELET_CONFIGURATION: &str = "/var/lib/kubelet/config/kubelet";
/// Authorities of the kubelet's clients.
pub const KUBELET_CLIENT_CA: &str = "/var/lib/kubelet/ca.crt";
/// The kubelet's credentials for its first contact; node-agent writes them.
pub const KUBELET_BOOTSTRAP_KUBECONFIG: &str = "/var/lib/kubelet/kubeconfig-bootstrap";
/// The kubelet's own credentials; the kubelet writes them.
pub const KUBELET_KUBECONFIG: &str = "/var/lib/kubelet/kubeconfig-real";

/// containerd's configuration.
pub const CONTAINERD_CONFIGURATION: &str = "/etc/containerd/config.toml";
/// Where containerd looks for how to reach a registry.
pub const CONTAINERD_REGISTRIES: &str = "/etc/containerd/certs.d";

/// Settings of the kernel.
pub const SYSCTLS: &str = "/etc/sysctl.d/99-k8s-general.conf";

/// The unit of the container runtime, which the machine's image brings.
pub const CONTAINERD_UNIT: &str = "containerd.service";
/// The unit of the kubelet.
pub const KUBELET_UNIT: &str = "kubelet.service";
/// The unit of the tunnel's client.
pub const TUNNEL_CLIENT_UNIT: &str = "tunnel-client.service";
/// The unit that makes [`TUNNEL_CLIENT_USER`].
pub const TUNNEL_CLIENT_USER_UNIT: &str = "tunnel-client-user.service";
/// The unit that applies [`SYSCTLS`]; the machine's image brings it.
pub const SYSCTL_UNIT: &str = "systemd-sysctl.service";
/// The user that the tunnel's client runs as, a number that no image gives to anyone; its credentials are this user's.
pub const TUNNEL_CLIENT_USER: u32 = 65532;
/// Tells systemd-sysusers of [`TUNNEL_CLIENT_USER`].
pub const TUNNEL_CLIENT_SYSUSERS: &str = "/etc/sysusers.d/tunnel-client.conf";
/// Where the kubelet answers whether it is healthy, on the machine itself.
pub const KUBELET_HEALTH_PORT: u16 = 10248;
