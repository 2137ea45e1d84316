//! Worker pools: from the Shoot's wish to OperatingSystemConfigs, the pools of the `Worker` object, and what node-agents
//! fetch. Pure.
//!
//! What lies on a machine is decided in `plan-node`; here is what of the Shoot, its cloud profile and its control plane
//! goes into that wish.

use std::collections::BTreeMap;

use api::{
    constants,
    core::v1beta1::{CloudProfile, KubeletConfig, MachineType, Shoot, ShootMachineImage, Worker},
    extensions::v1alpha1::{
        self as extensions, DefaultSpec, OperatingSystemConfig, OperatingSystemConfigPurpose,
        OperatingSystemConfigSpec, RegistryConfig, WorkerPool,
    },
};
use apimachinery::meta::{IntOrString, ObjectMeta, Quantity};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::SecretKeySelector;
use plan_control_plane::Networks;
use plan_images::ImageVector;
use plan_node::{MachineImage, NodeImages, NodeWish, TunnelWish};

use super::{error::TaskError, identity::Endpoints};

/// Domain of the names inside of a shoot.
pub(crate) const CLUSTER_DOMAIN: &str = "cluster.local";
/// The address of the cluster's DNS in the range of its Services (Kubernetes' custom).
const DNS_INDEX: usize = 10;
/// Machines reach the gateway, as all clients do, at the port of HTTPS.
const GATEWAY_PORT: u16 = 443;

/// What all pools of a shoot have in common.
#[derive(Clone, Debug)]
pub(crate) struct Common<'a> {
    pub(crate) shoot: &'a Shoot,
    pub(crate) profile: &'a CloudProfile,
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) networks: &'a Networks,
    pub(crate) images: &'a ImageVector,
    pub(crate) registries: &'a [RegistryConfig],
    /// Authorities of the API server's certificate.
    pub(crate) ca_bundle: &'a str,
    /// Authorities of kubelets, and of the API server's own certificate for them.
    pub(crate) ca_kubelet_bundle: &'a str,
    /// Authorities of the tunnel's servers.
    pub(crate) ca_vpn_bundle: &'a str,
}

/// A pool with all that is decided of it.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    worker: Worker,
    wish: NodeWish,
    /// What its machine type brings; `None`: the cloud profile does not know the type.
    machine_type: Option<MachineType>,
}

/// The server name by which machines reach the tunnel's server: beside the API server's.
pub(crate) fn tunnel_server_name(endpoints: &Endpoints) -> Option<String> {
    let host = machine_host(endpoints)?;
    let domain = host.strip_prefix("api.").unwrap_or(host);
    Some(format!("tunnel.{domain}"))
}

/// The name by which machines reach the API server: one that does not depend on the user's domain, if there is one.
fn machine_host(endpoints: &Endpoints) -> Option<&str> {
    let endpoint = endpoints.internal.as_ref().or(endpoints.external.as_ref())?;
    Some(&endpoint.hostname)
}

/// The address of the cluster's DNS.
pub(crate) fn cluster_dns(networks: &Networks) -> Result<std::net::IpAddr, TaskError> {
    let invalid = |what: &str| TaskError::Invalid(format!("spec.networking.services: {:?} {what}", networks.services));
    let range: IpNet = networks.services.parse().map_err(|_| invalid("is no network range"))?;
    range.hosts().nth(DNS_INDEX - 1).ok_or_else(|| invalid("is too small"))
}

/// Where there may be several nodes, one of them may go without the cluster's names going with it.
pub(crate) fn dns_replicas(shoot: &Shoot) -> u32 {
    let nodes: i64 = shoot
        .spec
        .provider
        .workers
        .iter()
        .map(|worker| i64::from(worker.maximum))
        .sum();
    if nodes > 1 { 2 } else { 1 }
}

/// All pools, in the Shoot's order.
pub(crate) fn plan(common: &Common<'_>) -> Result<Vec<Pool>, TaskError> {
    let workers = common.shoot.spec.provider.workers.iter().enumerate();
    workers.map(|(index, worker)| pool(common, index, worker)).collect()
}

fn pool(common: &Common<'_>, index: usize, worker: &Worker) -> Result<Pool, TaskError> {
    let invalid =
        |field: &str, what: String| TaskError::Invalid(format!("spec.provider.workers[{index}].{field}: {what}"));
    let version = kubernetes_version(common.shoot, worker);
    let images = images(common.images, &version).map_err(|error| invalid("kubernetes.version", error.to_string()))?;
    let machine_image = machine_image(common.profile, worker.machine.image.as_ref()).ok_or_else(|| {
        invalid(
            "machine.image",
            "no version is named, and the cloud profile offers none".to_owned(),
        )
    })?;
    let host = machine_host(common.endpoints).ok_or_else(|| {
        TaskError::Invalid("spec.dns.domain: machines need a name for the API server, and there is none".to_owned())
    })?;
    let wish = NodeWish {
        pool: worker.name.clone(),
        kubernetes_version: version,
        machine_image,
        volume: worker.volume.clone(),
        images,
        registries: common.registries.to_vec(),
        api_server: format!("https://{host}"),
        ca_bundle: common.ca_bundle.to_owned(),
        kubelet_client_ca_bundle: common.ca_kubelet_bundle.to_owned(),
        tunnel: tunnel(common, host),
        cluster_dns: vec![cluster_dns(common.networks)?.to_string()],
        cluster_domain: CLUSTER_DOMAIN.to_owned(),
        kubelet: kubelet(common.shoot, worker),
        sysctls: worker.sysctls.clone(),
        labels: labels(worker),
        taints: worker.taints.clone(),
        trusted_ca_bundle: trusted(common.profile, worker),
        rotations: rotations(common.shoot),
    };
    let machine_type = common
        .profile
        .spec
        .machine_types
        .iter()
        .find(|offered| offered.name == worker.machine.type_)
        .cloned();
    Ok(Pool {
        worker: worker.clone(),
        wish,
        machine_type,
    })
}

/// Kubelets may be older than the control plane.
fn kubernetes_version(shoot: &Shoot, worker: &Worker) -> String {
    let own = worker
        .kubernetes
        .as_ref()
        .and_then(|kubernetes| kubernetes.version.clone());
    own.unwrap_or_else(|| shoot.spec.kubernetes.version.clone())
}

fn images(vector: &ImageVector, version: &str) -> Result<NodeImages, plan_images::ImageNotFound> {
    Ok(NodeImages {
        hyperkube: vector.find("hyperkube", Some(version))?.to_string(),
        kubeception: vector.find("kubeception", None)?.to_string(),
        pause: vector.find("pause", None)?.to_string(),
    })
}

/// The image as it is named, or the newest of the cloud profile's first.
fn machine_image(profile: &CloudProfile, wished: Option<&ShootMachineImage>) -> Option<MachineImage> {
    let name = wished.map(|image| image.name.as_str());
    let offered = &profile.spec.machine_images;
    let version = match wished.and_then(|image| image.version.clone()) {
        Some(version) => version,
        None => {
            let image = offered
                .iter()
                .find(|image| name.is_none_or(|name| name == image.name))?;
            let versions = image.versions.iter().map(|version| &version.expirable_version.version);
            versions.max_by_key(|version| numbers(version))?.clone()
        }
    };
    let name = name
        .or_else(|| offered.first().map(|image| image.name.as_str()))?
        .to_owned();
    Some(MachineImage { name, version })
}

/// Versions in their order.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(['.', '-', '+'])
        .map(|part| part.parse().unwrap_or_default())
        .collect()
}

fn tunnel(common: &Common<'_>, host: &str) -> TunnelWish {
    let networks = common.networks;
    TunnelWish {
        gateway: format!("{host}:{GATEWAY_PORT}"),
        server_names: tunnel_server_name(common.endpoints).into_iter().collect(),
        ca_bundle: common.ca_vpn_bundle.to_owned(),
        allowed_ranges: networks.pods.iter().chain([&networks.services]).cloned().collect(),
    }
}

/// The pool's settings where it has any, the shoot's otherwise.
fn kubelet(shoot: &Shoot, worker: &Worker) -> KubeletConfig {
    let own = worker
        .kubernetes
        .as_ref()
        .and_then(|kubernetes| kubernetes.kubelet.clone());
    own.or_else(|| shoot.spec.kubernetes.kubelet.clone())
        .unwrap_or_default()
}

fn trusted(profile: &CloudProfile, worker: &Worker) -> Option<String> {
    let bundles: Vec<&str> = [&profile.spec.ca_bundle, &worker.ca_bundle]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    (!bundles.is_empty()).then(|| bundles.join("\n"))
}

/// Begins of rotations after which machines must be made anew.
fn rotations(shoot: &Shoot) -> Vec<String> {
    let rotation = shoot
        .status
        .credentials
        .as_ref()
        .and_then(|credentials| credentials.rotation.as_ref());
    let authorities = rotation
        .and_then(|rotation| rotation.certificate_authorities.as_ref())
        .and_then(|rotation| rotation.last_initiation_time.as_ref());
    let key = rotation
        .and_then(|rotation| rotation.service_account_key.as_ref())
        .and_then(|rotation| rotation.last_initiation_time.as_ref());
    [authorities, key]
        .into_iter()
        .flatten()
        .map(|time| time.0.to_string())
        .collect()
}

/// Labels of the pool's nodes: the user's, and Gardener's, by which its components select nodes.
fn labels(worker: &Worker) -> BTreeMap<String, String> {
    let architecture = worker
        .machine
        .architecture
        .as_deref()
        .unwrap_or(constants::ARCHITECTURE_AMD64);
    let system = worker.allows_system_components();
    let mut labels = worker.labels.clone();
    let own = [
        ("node.kubernetes.io/role", "node"),
        ("kubernetes.io/arch", architecture),
        ("worker.gardener.cloud/cri-name", "containerd"),
        (
            "worker.gardener.cloud/system-components",
            if system { "true" } else { "false" },
        ),
        ("networking.gardener.cloud/node-local-dns-enabled", "false"),
        (constants::LABEL_WORKER_POOL, &worker.name),
        // The old name of the same.
        ("worker.garden.sapcloud.io/group", &worker.name),
    ];
    labels.extend(own.map(|(key, value)| (key.to_owned(), value.to_owned())));
    labels
}

impl Pool {
    /// Name of the pool.
    pub(crate) fn name(&self) -> &str {
        &self.worker.name
    }

    /// Name of the Secret in the shoot that the pool's node-agents fetch.
    pub(crate) fn secret_name(&self) -> String {
        plan_node::node_agent_secret_name(&self.wish)
    }

    /// Name of the configuration for a machine's first start.
    pub(crate) fn init_name(&self) -> String {
        format!("{}-init", self.secret_name())
    }

    /// Name of the configuration for ever after.
    pub(crate) fn original_name(&self) -> String {
        format!("{}-original", self.secret_name())
    }

    /// The configuration for a machine's first start.
    pub(crate) fn init(&self, metadata: ObjectMeta) -> OperatingSystemConfig {
        let spec = plan_node::plan_init(&self.wish);
        self.configuration(metadata, spec, OperatingSystemConfigPurpose::Provision)
    }

    /// The configuration for ever after.
    pub(crate) fn original(&self, metadata: ObjectMeta) -> OperatingSystemConfig {
        let spec = plan_node::plan_original(&self.wish);
        self.configuration(metadata, spec, OperatingSystemConfigPurpose::Reconcile)
    }

    fn configuration(
        &self,
        mut metadata: ObjectMeta,
        spec: OperatingSystemConfigSpec,
        purpose: OperatingSystemConfigPurpose,
    ) -> OperatingSystemConfig {
        let labels = metadata.labels.get_or_insert_default();
        labels.insert(constants::LABEL_WORKER_POOL.to_owned(), self.worker.name.clone());
        let image = self.worker.machine.image.as_ref();
        OperatingSystemConfig {
            metadata,
            spec: OperatingSystemConfigSpec {
                default_spec: DefaultSpec {
                    type_: self.wish.machine_image.name.clone(),
                    provider_config: image.and_then(|image| image.provider_config.clone()),
                    ..DefaultSpec::default()
                },
                purpose,
                ..spec
            },
            ..OperatingSystemConfig::default()
        }
    }

    /// The pool as the provider shall make it, with the user data of its machines.
    pub(crate) fn worker_pool(&self, user_data: SecretKeySelector) -> WorkerPool {
        let worker = &self.worker;
        let mut labels = self.wish.labels.clone();
        labels.insert(constants::LABEL_WORKER_NODE_AGENT_SECRET.to_owned(), self.secret_name());
        let architecture = worker.machine.architecture.clone();
        WorkerPool {
            name: worker.name.clone(),
            machine_type: worker.machine.type_.clone(),
            machine_image: extensions::MachineImage {
                name: self.wish.machine_image.name.clone(),
                version: self.wish.machine_image.version.clone(),
            },
            minimum: worker.minimum,
            maximum: worker.maximum,
            max_surge: worker.max_surge.clone().unwrap_or(IntOrString::Int(1)),
            max_unavailable: worker.max_unavailable.clone().unwrap_or(IntOrString::Int(0)),
            annotations: worker.annotations.clone(),
            labels,
            taints: worker.taints.clone(),
            node_agent_secret_name: Some(self.secret_name()),
            provider_config: worker.provider_config.clone(),
            user_data_secret_ref: user_data,
            volume: worker.volume.as_ref().map(volume),
            data_volumes: worker.data_volumes.iter().map(data_volume).collect(),
            kubelet_data_volume_name: worker.kubelet_data_volume_name.clone(),
            zones: worker.zones.clone(),
            machine_controller_manager: worker.machine_controller_manager.clone(),
            kubernetes_version: Some(self.wish.kubernetes_version.clone()),
            kubelet_config: Some(self.wish.kubelet.clone()),
            node_template: self.machine_type.as_ref().map(node_template),
            architecture: Some(architecture.unwrap_or_else(|| constants::ARCHITECTURE_AMD64.to_owned())),
            priority: worker.priority,
            update_strategy: worker.update_strategy.clone(),
            // There is no cluster autoscaler yet that could take them.
            cluster_autoscaler: None,
        }
    }
}

fn volume(volume: &api::core::v1beta1::Volume) -> extensions::Volume {
    extensions::Volume {
        name: volume.name.clone(),
        type_: volume.type_.clone(),
        size: volume.size.clone(),
        encrypted: volume.encrypted,
    }
}

fn data_volume(volume: &api::core::v1beta1::DataVolume) -> extensions::DataVolume {
    extensions::DataVolume {
        name: volume.name.clone(),
        type_: volume.type_.clone(),
        size: volume.size.clone(),
        encrypted: volume.encrypted,
    }
}

/// What a node of the type will have, before there is one.
fn node_template(machine_type: &MachineType) -> extensions::NodeTemplate {
    let size = machine_type.storage.as_ref().and_then(|storage| storage.size.clone());
    let mut capacity: BTreeMap<String, Quantity> = BTreeMap::from([
        ("cpu".to_owned(), machine_type.cpu.clone()),
        ("gpu".to_owned(), machine_type.gpu.clone()),
        ("memory".to_owned(), machine_type.memory.clone()),
    ]);
    capacity.extend(size.map(|size| ("ephemeral-storage".to_owned(), size)));
    extensions::NodeTemplate {
        capacity,
        ..extensions::NodeTemplate::default()
    }
}

#[cfg(test)]
mod tests;
