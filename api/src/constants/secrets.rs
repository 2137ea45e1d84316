//! Names of Secrets, and of the keys in them.

/// Certificate authority of a shoot's API server.
pub const SECRET_CA_CLUSTER: &str = "ca";
/// Certificate authority of a shoot's clients.
pub const SECRET_CA_CLIENT: &str = "ca-client";
/// Certificate authority of etcd.
pub const SECRET_CA_ETCD: &str = "ca-etcd";
/// Certificate authority of etcd among its members.
pub const SECRET_CA_ETCD_PEER: &str = "ca-etcd-peer";
/// Certificate authority of the aggregator.
pub const SECRET_CA_FRONT_PROXY: &str = "ca-front-proxy";
/// Certificate authority towards kubelets.
pub const SECRET_CA_KUBELET: &str = "ca-kubelet";
/// Certificate authority of metrics-server.
pub const SECRET_CA_METRICS_SERVER: &str = "ca-metrics-server";
/// Certificate authority of the tunnel.
pub const SECRET_CA_VPN: &str = "ca-vpn";
/// Certificate authority of a seed's components.
pub const SECRET_CA_SEED: &str = "ca-seed";
/// Certificate authority of the runtime cluster's components.
pub const SECRET_CA_GARDEN_RUNTIME: &str = "ca-garden-runtime";
/// Certificate authority of Gardener's own processes.
pub const SECRET_CA_GARDENER: &str = "ca-gardener";
/// Copy of the cloud's credentials in a control plane's namespace.
pub const SECRET_CLOUD_PROVIDER: &str = "cloudprovider";
/// SSH key of a shoot's nodes.
pub const SECRET_SSH_KEYPAIR: &str = "ssh-keypair";
/// Key that signs service account tokens.
pub const SECRET_SERVICE_ACCOUNT_KEY: &str = "service-account-key";
/// Key that encrypts Secrets in etcd.
pub const SECRET_ETCD_ENCRYPTION_KEY: &str = "kube-apiserver-etcd-encryption-key";
/// Start of the name of the encryption configuration made from that key.
pub const SECRET_ETCD_ENCRYPTION_CONFIGURATION_PREFIX: &str = "kube-apiserver-etcd-encryption-configuration";
/// Key that encrypts Gardener's objects in etcd.
pub const SECRET_GARDENER_ETCD_ENCRYPTION_KEY: &str = "gardener-apiserver-etcd-encryption-key";
/// Start of the name of the encryption configuration made from that key.
pub const SECRET_GARDENER_ETCD_ENCRYPTION_CONFIGURATION_PREFIX: &str =
    "gardener-apiserver-etcd-encryption-configuration";
/// Kubeconfig that reads its token from a file.
pub const SECRET_GENERIC_TOKEN_KUBECONFIG: &str = "generic-token-kubeconfig";
/// Kubeconfig of gardenlet for a shoot, by its external name.
pub const SECRET_GARDENER: &str = "gardener";
/// Kubeconfig of gardenlet for a shoot, inside the seed.
pub const SECRET_GARDENER_INTERNAL: &str = "gardener-internal";
/// Start of the names of Secrets with tokens for a shoot; the component's name follows.
pub const SECRET_SHOOT_ACCESS_PREFIX: &str = "shoot-access-";
/// Kubeconfig of gardenlet for the garden.
pub const SECRET_GARDENLET_KUBECONFIG: &str = "gardenlet-kubeconfig";
/// End of `<shoot>.ca-cluster` in the project's namespace: certificate authority of the API server.
pub const PROJECT_SECRET_SUFFIX_CA_CLUSTER: &str = "ca-cluster";
/// End of `<shoot>.ca-client` in the project's namespace: certificate authority of clients, with key.
pub const PROJECT_SECRET_SUFFIX_CA_CLIENT: &str = "ca-client";
/// gardenlet, as manager of generated secrets.
pub const SECRETS_MANAGER_IDENTITY_GARDENLET: &str = "gardenlet";
/// The operator, as manager of generated secrets.
pub const SECRETS_MANAGER_IDENTITY_OPERATOR: &str = "gardener-operator";
/// Gardener's controller manager, as manager of generated secrets.
pub const SECRETS_MANAGER_IDENTITY_CONTROLLER_MANAGER: &str = "controller-manager";
/// Key of a token in a Secret.
pub const DATA_KEY_TOKEN: &str = "token";
/// Key of a kubeconfig in a Secret.
pub const DATA_KEY_KUBECONFIG: &str = "kubeconfig";
/// Key of certificates to trust in a Secret.
pub const DATA_KEY_CA_BUNDLE: &str = "bundle.crt";
/// Key of the bucket's name in the Secret of backups.
pub const DATA_KEY_BACKUP_BUCKET_NAME: &str = "bucketName";
