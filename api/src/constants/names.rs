//! Names of objects, users and groups that others rely on.

/// Namespace of the landscape's own objects, in the garden and in seeds.
pub const GARDEN_NAMESPACE: &str = "garden";
/// Start of the names of projects' namespaces.
pub const PROJECT_NAMESPACE_PREFIX: &str = "garden-";
/// Namespace of the seeds' leases in the garden.
pub const SEED_LEASE_NAMESPACE: &str = "gardener-system-seed-lease";
/// Namespace of the public keys of managed token issuers in the garden.
pub const SHOOT_ISSUER_NAMESPACE: &str = "gardener-system-shoot-issuer";
/// Namespace of what every user may read in the garden.
pub const SYSTEM_PUBLIC_NAMESPACE: &str = "gardener-system-public";
/// Start of the names of control planes' namespaces: `shoot--<project>--<shoot>`.
pub const TECHNICAL_ID_PREFIX: &str = "shoot-";
/// Start of the names of the virtual garden's objects in the runtime cluster.
pub const VIRTUAL_GARDEN_PREFIX: &str = "virtual-garden-";
/// Finalizer of the controllers of Gardener's own kinds.
pub const FINALIZER_GARDENER: &str = "gardener";
/// Finalizer on objects of other kinds that Gardener needs.
pub const FINALIZER_EXTERNAL_GARDENER: &str = "gardener.cloud/gardener";
/// Finalizer on objects that are still referred to.
pub const FINALIZER_REFERENCE_PROTECTION: &str = "gardener.cloud/reference-protection";
/// Finalizer of the operator.
pub const FINALIZER_OPERATOR: &str = "gardener.cloud/operator";
/// Group of all gardenlets.
pub const SEEDS_GROUP: &str = "gardener.cloud:system:seeds";
/// Start of a gardenlet's user name; the seed's name follows.
pub const SEED_USER_NAME_PREFIX: &str = "gardener.cloud:system:seed:";
/// Group of the gardenlets of self-hosted shoots.
pub const SHOOTS_GROUP: &str = "gardener.cloud:system:shoots";
/// Group of the landscape's administrators in a shoot.
pub const SHOOT_SYSTEM_ADMINS_GROUP: &str = "gardener.cloud:system:admins";
/// Group of the landscape's viewers in a shoot.
pub const SHOOT_SYSTEM_VIEWERS_GROUP: &str = "gardener.cloud:system:viewers";
/// Group of a project's administrators in a shoot.
pub const SHOOT_PROJECT_ADMINS_GROUP: &str = "gardener.cloud:project:admins";
/// Group of a project's viewers in a shoot.
pub const SHOOT_PROJECT_VIEWERS_GROUP: &str = "gardener.cloud:project:viewers";
/// ClusterRole of viewers in a shoot.
pub const SHOOT_READ_ONLY_CLUSTER_ROLE: &str = "gardener.cloud:system:read-only";
/// ClusterRole of the landscape's administrators in the garden.
pub const ADMINISTRATORS_CLUSTER_ROLE: &str = "gardener.cloud:system:administrators";
/// Role of the one who answers for a project.
pub const PROJECT_MEMBER_OWNER: &str = "owner";
/// Role of those who may change a project.
pub const PROJECT_MEMBER_ADMIN: &str = "admin";
/// Role of those who may read a project.
pub const PROJECT_MEMBER_VIEWER: &str = "viewer";
/// Role of those who may change a project's members.
pub const PROJECT_MEMBER_USER_ACCESS_MANAGER: &str = "uam";
/// Role of those who may manage a project's service accounts.
pub const PROJECT_MEMBER_SERVICE_ACCOUNT_MANAGER: &str = "serviceaccountmanager";
/// Start of roles that extensions define.
pub const PROJECT_MEMBER_EXTENSION_PREFIX: &str = "extension:";
/// ConfigMap in `kube-system` with the identity of a cluster, and its key.
pub const CLUSTER_IDENTITY: &str = "cluster-identity";
/// Key in that ConfigMap that tells who wrote it.
pub const CLUSTER_IDENTITY_ORIGIN: &str = "origin";
/// Origin of a garden's identity.
pub const CLUSTER_IDENTITY_ORIGIN_GARDENER_API_SERVER: &str = "gardener-apiserver";
/// Origin of a seed's identity.
pub const CLUSTER_IDENTITY_ORIGIN_SEED: &str = "seed";
/// Origin of a shoot's identity.
pub const CLUSTER_IDENTITY_ORIGIN_SHOOT: &str = "shoot";
/// ConfigMap in [`SYSTEM_PUBLIC_NAMESPACE`] about the landscape.
pub const CONFIG_MAP_GARDENER_INFO: &str = "gardener-info";
/// ConfigMap in a shoot's `kube-system` about the shoot.
pub const CONFIG_MAP_SHOOT_INFO: &str = "shoot-info";
/// Name of a shoot's address in its own domain.
pub const ADVERTISED_ADDRESS_EXTERNAL: &str = "external";
/// Name of a shoot's address in the internal domain.
pub const ADVERTISED_ADDRESS_INTERNAL: &str = "internal";
/// Name of a shoot's address where no DNS is managed.
pub const ADVERTISED_ADDRESS_UNMANAGED: &str = "unmanaged";
/// Name of the address of a shoot's token issuer.
pub const ADVERTISED_ADDRESS_SERVICE_ACCOUNT_ISSUER: &str = "service-account-issuer";
/// Name of a shoot's address below the seed's ingress domain.
pub const ADVERTISED_ADDRESS_WILDCARD_TLS_SEED_BOUND: &str = "wildcard-tls-seed-bound";
/// Name of the garden's address.
pub const ADVERTISED_ADDRESS_VIRTUAL_GARDEN: &str = "virtual-garden";
/// First label of an API server's name.
pub const API_SERVER_FQDN_PREFIX: &str = "api";
/// DNSRecord of a shoot's internal name: `<shoot>-internal`.
pub const DNS_RECORD_INTERNAL: &str = "internal";
/// DNSRecord of a shoot's external name: `<shoot>-external`.
pub const DNS_RECORD_EXTERNAL: &str = "external";
/// Scheduler of Shoots that name none.
pub const DEFAULT_SCHEDULER_NAME: &str = "default-scheduler";
/// Kind in a Shoot's reference to a CloudProfile.
pub const CLOUD_PROFILE_KIND: &str = "CloudProfile";
/// Kind in a Shoot's reference to a NamespacedCloudProfile.
pub const NAMESPACED_CLOUD_PROFILE_KIND: &str = "NamespacedCloudProfile";
/// Taint of seeds that only Shoots of the namespace `garden` may use.
pub const SEED_TAINT_PROTECTED: &str = "seed.gardener.cloud/protected";
/// The only kind of ingress controller.
pub const INGRESS_KIND_NGINX: &str = "nginx";
/// 64-bit x86.
pub const ARCHITECTURE_AMD64: &str = "amd64";
/// 64-bit ARM.
pub const ARCHITECTURE_ARM64: &str = "arm64";
/// Domain of names inside a shoot.
pub const DEFAULT_DOMAIN: &str = "cluster.local";
/// Secret with the credentials of a control plane's backups.
pub const BACKUP_SECRET_NAME: &str = "etcd-backup";
/// Addresses that shoots' API servers are reached at from inside.
pub const RESERVED_KUBE_API_SERVER_RANGE: &str = "240.0.0.0/8";
/// Addresses that seeds' pods are mapped to for shoots.
pub const RESERVED_SEED_POD_RANGE: &str = "241.0.0.0/8";
/// Addresses that shoots' nodes are mapped to.
pub const RESERVED_SHOOT_NODE_RANGE: &str = "242.0.0.0/8";
/// Addresses that shoots' Services are mapped to.
pub const RESERVED_SHOOT_SERVICE_RANGE: &str = "243.0.0.0/8";
/// Addresses that shoots' pods are mapped to.
pub const RESERVED_SHOOT_POD_RANGE: &str = "244.0.0.0/8";
/// Pod addresses of Shoots when neither they nor the seed name a range.
pub const DEFAULT_POD_NETWORK: &str = "100.96.0.0/11";
/// Service addresses of Shoots when neither they nor the seed name a range.
pub const DEFAULT_SERVICE_NETWORK: &str = "100.64.0.0/13";
