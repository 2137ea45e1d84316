//! Labels, and values of labels, that find objects.

/// What part an object plays; the values are `ROLE_…`.
pub const GARDEN_ROLE: &str = "gardener.cloud/role";
/// Namespace of a shoot's control plane.
pub const ROLE_SHOOT: &str = "shoot";
/// Belongs to a seed.
pub const ROLE_SEED: &str = "seed";
/// Namespace of a project.
pub const ROLE_PROJECT: &str = "project";
/// The namespace `garden`.
pub const ROLE_GARDEN: &str = "garden";
/// Namespace of an extension.
pub const ROLE_EXTENSION: &str = "extension";
/// Part of a control plane.
pub const ROLE_CONTROL_PLANE: &str = "controlplane";
/// System component in a shoot.
pub const ROLE_SYSTEM_COMPONENT: &str = "system-component";
/// System component of a seed.
pub const ROLE_SEED_SYSTEM_COMPONENT: &str = "seed-system-component";
/// Secret for a domain of Shoots without one of their own.
pub const ROLE_DEFAULT_DOMAIN: &str = "default-domain";
/// Secret for the domain of internal names.
pub const ROLE_INTERNAL_DOMAIN: &str = "internal-domain";
/// Secret with a kubeconfig for users.
pub const ROLE_KUBECONFIG: &str = "kubeconfig";
/// Certificate authority of a shoot's API server, for users.
pub const ROLE_CA_CLUSTER: &str = "ca-cluster";
/// Certificate authority of a shoot's clients.
pub const ROLE_CA_CLIENT: &str = "ca-client";
/// Certificate authority of a shoot's kubelets.
pub const ROLE_CA_KUBELET: &str = "ca-kubelet";
/// SSH key of a shoot's nodes.
pub const ROLE_SSH_KEYPAIR: &str = "ssh-keypair";
/// Optional addon in a shoot.
pub const ROLE_OPTIONAL_ADDON: &str = "optional-addon";
/// Copy of an object that a Shoot or Seed refers to.
pub const ROLE_RESOURCE_REFERENCE: &str = "resource-reference";
/// Application a pod belongs to.
pub const LABEL_APP: &str = "app";
/// Role of a pod within its application.
pub const LABEL_ROLE: &str = "role";
/// Value of [`LABEL_APP`] of Kubernetes' own components.
pub const LABEL_APP_KUBERNETES: &str = "kubernetes";
/// Value of [`LABEL_APP`] of Gardener's own components.
pub const LABEL_APP_GARDENER: &str = "gardener";
/// Value of [`LABEL_ROLE`] of API servers.
pub const LABEL_ROLE_API_SERVER: &str = "apiserver";
/// Value of [`LABEL_ROLE`] of controller managers.
pub const LABEL_ROLE_CONTROLLER_MANAGER: &str = "controller-manager";
/// Value of [`LABEL_ROLE`] of schedulers.
pub const LABEL_ROLE_SCHEDULER: &str = "scheduler";
/// Value of [`LABEL_ROLE`] of kube-proxy.
pub const LABEL_ROLE_PROXY: &str = "proxy";
/// Who manages a Secret; see [`MANAGED_BY_SECRETS_MANAGER`].
pub const LABEL_MANAGED_BY: &str = "managed-by";
/// Value of [`LABEL_MANAGED_BY`] of generated secrets.
pub const MANAGED_BY_SECRETS_MANAGER: &str = "secrets-manager";
/// Which process manages a generated secret.
pub const LABEL_SECRETS_MANAGER_IDENTITY: &str = "manager-identity";
/// Sums up a Shoot's state: `healthy`, `progressing`, `unhealthy` or `unknown`.
pub const SHOOT_STATUS: &str = "shoot.gardener.cloud/status";
/// Name of the Shoot an object belongs to.
pub const LABEL_SHOOT_NAME: &str = "shoot.gardener.cloud/name";
/// Namespace of the Shoot an object belongs to.
pub const LABEL_SHOOT_NAMESPACE: &str = "shoot.gardener.cloud/namespace";
/// Identity of the Shoot an object belongs to.
pub const LABEL_SHOOT_UID: &str = "shoot.gardener.cloud/uid";
/// Provider type of the shoot.
pub const LABEL_SHOOT_PROVIDER: &str = "shoot.gardener.cloud/provider";
/// Network extension of the shoot.
pub const LABEL_NETWORKING_PROVIDER: &str = "networking.shoot.gardener.cloud/provider";
/// Provider type of the seed.
pub const LABEL_SEED_PROVIDER: &str = "seed.gardener.cloud/provider";
/// Region of the seed.
pub const LABEL_SEED_REGION: &str = "seed.gardener.cloud/region";
/// Provider of the backups of a seed or shoot.
pub const LABEL_BACKUP_PROVIDER: &str = "backup.gardener.cloud/provider";
/// Start of a label per seed that is responsible for an object.
pub const LABEL_PREFIX_SEED_NAME: &str = "name.seed.gardener.cloud/";
/// Start of a label per extension an object is about.
pub const LABEL_EXTENSION_PREFIX: &str = "extensions.gardener.cloud/";
/// Start of a label per provider extension an object needs.
pub const LABEL_PROVIDER_PREFIX: &str = "provider.extensions.gardener.cloud/";
/// Start of a label per DNS extension an object needs.
pub const LABEL_DNS_RECORD_PREFIX: &str = "dnsrecord.extensions.gardener.cloud/";
/// ControllerRegistration a namespace or object belongs to.
pub const LABEL_CONTROLLER_REGISTRATION_NAME: &str = "controllerregistration.core.gardener.cloud/name";
/// Marks what a SecretBinding refers to.
pub const LABEL_SECRET_BINDING_REFERENCE: &str = "reference.gardener.cloud/secretbinding";
/// Marks what a CredentialsBinding refers to.
pub const LABEL_CREDENTIALS_BINDING_REFERENCE: &str = "reference.gardener.cloud/credentialsbinding";
/// What of an object is public.
pub const LABEL_DISCOVERY_PUBLIC: &str = "discovery.gardener.cloud/public";
/// Marks objects that only gardenlets may change.
pub const LABEL_UPDATE_RESTRICTION: &str = "gardener.cloud/update-restriction";
/// Condition of the Shoot or Seed that a ManagedResource's health counts for.
pub const LABEL_CARE_CONDITION_TYPE: &str = "care.gardener.cloud/condition-type";
/// Marks pods that are restarted in the maintenance window.
pub const LABEL_POD_MAINTENANCE_RESTART: &str = "maintenance.gardener.cloud/restart";
/// Worker pool of a node.
pub const LABEL_WORKER_NAME: &str = "worker.gardener.cloud/name";
/// Worker pool of a node.
pub const LABEL_WORKER_POOL: &str = "worker.gardener.cloud/pool";
/// Kubernetes version of a node's pool.
pub const LABEL_WORKER_KUBERNETES_VERSION: &str = "worker.gardener.cloud/kubernetes-version";
/// Handler of an exposure class.
pub const LABEL_EXPOSURE_CLASS_HANDLER: &str = "handler.exposureclass.gardener.cloud/name";
/// Project a namespace belongs to.
pub const PROJECT_NAME: &str = "project.gardener.cloud/name";
/// What a ConfigMap tells the scheduler; see [`SCHEDULING_PURPOSE_REGION_CONFIG`].
pub const SCHEDULING_PURPOSE: &str = "scheduling.gardener.cloud/purpose";
/// Value of [`SCHEDULING_PURPOSE`]: distances of regions.
pub const SCHEDULING_PURPOSE_REGION_CONFIG: &str = "region-config";
/// Pods that may ask the DNS.
pub const NETWORK_POLICY_TO_DNS: &str = "networking.gardener.cloud/to-dns";
/// Pods that may reach public addresses.
pub const NETWORK_POLICY_TO_PUBLIC_NETWORKS: &str = "networking.gardener.cloud/to-public-networks";
/// Pods that may reach private addresses.
pub const NETWORK_POLICY_TO_PRIVATE_NETWORKS: &str = "networking.gardener.cloud/to-private-networks";
/// Pods that may reach the seed's blocked ranges.
pub const NETWORK_POLICY_TO_BLOCKED_CIDRS: &str = "networking.gardener.cloud/to-blocked-cidrs";
/// Pods that may reach the API server of the cluster they run in.
pub const NETWORK_POLICY_TO_RUNTIME_API_SERVER: &str = "networking.gardener.cloud/to-runtime-apiserver";
/// Pods that may reach the API server their namespace is about.
pub const NETWORK_POLICY_ACCESS_TARGET_API_SERVER: &str = "networking.gardener.cloud/access-target-apiserver";
/// Value of the network policy labels.
pub const NETWORK_POLICY_ALLOWED: &str = "allowed";
