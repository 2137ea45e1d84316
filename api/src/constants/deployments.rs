//! Names of Deployments and StatefulSets that others rely on.

/// The kube-apiserver.
pub const DEPLOYMENT_KUBE_API_SERVER: &str = "kube-apiserver";
/// The kube-controller-manager.
pub const DEPLOYMENT_KUBE_CONTROLLER_MANAGER: &str = "kube-controller-manager";
/// The kube-scheduler.
pub const DEPLOYMENT_KUBE_SCHEDULER: &str = "kube-scheduler";
/// The resource manager.
pub const DEPLOYMENT_GARDENER_RESOURCE_MANAGER: &str = "gardener-resource-manager";
/// gardenlet.
pub const DEPLOYMENT_GARDENLET: &str = "gardenlet";
/// The operator.
pub const DEPLOYMENT_GARDENER_OPERATOR: &str = "gardener-operator";
/// Gardener's API server.
pub const DEPLOYMENT_GARDENER_API_SERVER: &str = "gardener-apiserver";
/// Gardener's controller manager.
pub const DEPLOYMENT_GARDENER_CONTROLLER_MANAGER: &str = "gardener-controller-manager";
/// Gardener's scheduler.
pub const DEPLOYMENT_GARDENER_SCHEDULER: &str = "gardener-scheduler";
/// The etcd controller.
pub const DEPLOYMENT_ETCD_DRUID: &str = "etcd-druid";
/// The cluster autoscaler.
pub const DEPLOYMENT_CLUSTER_AUTOSCALER: &str = "cluster-autoscaler";
/// The machine controller.
pub const DEPLOYMENT_MACHINE_CONTROLLER_MANAGER: &str = "machine-controller-manager";
/// The tunnel server.
pub const DEPLOYMENT_VPN_SEED_SERVER: &str = "vpn-seed-server";
/// The etcd of all but events.
pub const ETCD_ROLE_MAIN: &str = "main";
/// The etcd of events.
pub const ETCD_ROLE_EVENTS: &str = "events";
/// Etcd and StatefulSet of all but events.
pub const ETCD_MAIN: &str = "etcd-main";
/// Etcd and StatefulSet of events.
pub const ETCD_EVENTS: &str = "etcd-events";
