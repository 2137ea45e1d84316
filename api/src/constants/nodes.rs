//! Names around machines and nodes.

/// Folder of node-agent on a machine.
pub const NODE_AGENT_BASE_DIRECTORY: &str = "/var/lib/gardener-node-agent";
/// Folder of programs that node-agent takes out of images.
pub const NODE_AGENT_BINARY_DIRECTORY: &str = "/opt/bin";
/// Unit of node-agent.
pub const NODE_AGENT_UNIT: &str = "gardener-node-agent.service";
/// Unit that starts node-agent at a machine's first start.
pub const NODE_AGENT_INIT_UNIT: &str = "gardener-node-init.service";
/// Key in an OperatingSystemConfig's Secret in a shoot.
pub const DATA_KEY_OPERATING_SYSTEM_CONFIG: &str = "osc.yaml";
/// Key in the Secret with a machine's user data.
pub const DATA_KEY_CLOUD_CONFIG: &str = "cloud_config";
/// Annotation of such a Secret: checksum of the configuration.
pub const CHECKSUM_DOWNLOADED_OPERATING_SYSTEM_CONFIG: &str = "checksum/data-script";
/// Annotation of a Node: checksum of the configuration that was applied last.
pub const CHECKSUM_APPLIED_OPERATING_SYSTEM_CONFIG: &str = "checksum/cloud-config-data";
/// Value of the role label of a Secret with an OperatingSystemConfig.
pub const ROLE_OPERATING_SYSTEM_CONFIG: &str = "operating-system-config";
/// Label of a Machine: name of its Node.
pub const MACHINE_NODE_LABEL: &str = "node";
/// Label of a Node, a pod template or a Secret: name of the OperatingSystemConfig's Secret the node reads.
pub const LABEL_WORKER_NODE_AGENT_SECRET: &str = "worker.gardener.cloud/gardener-node-agent-secret-name";
/// Prefix of the users that node-agents are.
pub const NODE_AGENT_USER_PREFIX: &str = "gardener.cloud:node-agent:machine:";
/// Group of node-agents.
pub const NODE_AGENTS_GROUP: &str = "gardener.cloud:node-agents";
/// Prefix of the users that tunnel clients are.
pub const TUNNEL_USER_PREFIX: &str = "gardener.cloud:tunnel:machine:";
/// Group of tunnel clients.
pub const TUNNELS_GROUP: &str = "gardener.cloud:tunnels";
/// Prefix of the names of node-agents' Leases.
pub const NODE_AGENT_LEASE_PREFIX: &str = "gardener-node-agent-";
/// Prefix of the names of the Secrets that bootstrap tokens are.
pub const BOOTSTRAP_TOKEN_SECRET_PREFIX: &str = "bootstrap-token-";
/// What surrounds a machine's name in the description of its bootstrap token: before it.
pub const BOOTSTRAP_TOKEN_DESCRIPTION_PREFIX: &str = "A bootstrap token for machine \"";
/// What surrounds a machine's name in the description of its bootstrap token: after it.
pub const BOOTSTRAP_TOKEN_DESCRIPTION_SUFFIX: &str = "\" managed by machine-controller-manager.";
/// Stands in user data for the machine's bootstrap token.
pub const PLACEHOLDER_BOOTSTRAP_TOKEN: &str = "<<BOOTSTRAP_TOKEN>>";
/// Stands in user data for the machine's name.
pub const PLACEHOLDER_MACHINE_NAME: &str = "<<MACHINE_NAME>>";
/// Taint of a node that the cloud controller has not seen yet.
pub const TAINT_CLOUD_PROVIDER_UNINITIALIZED: &str = "node.cloudprovider.kubernetes.io/uninitialized";
