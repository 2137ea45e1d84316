//! From a Shoot to the wish for its control plane. Pure.

use std::net::{IpAddr, Ipv4Addr};

use api::core::v1beta1::{KubeApiServerConfig, MachineUpdateStrategy, Seed, Shoot, Worker};
use deploy::SecretsWish;
use ipnet::IpNet;
use plan_control_plane::{
    ApiServerOptions, ControlPlane, EtcdOptions, Gateway, Images, Machines, Networks, Role, SecretNames,
};

use super::{authorizer, error::TaskError, identity::Endpoints, pools};

/// Ranges when neither the Shoot nor its Seed says one (Gardener's).
const DEFAULT_SERVICES: &str = "100.64.0.0/13";
const DEFAULT_PODS: &str = "100.96.0.0/11";
/// Length of the prefix of each node's part of the pod range: room for 110 pods twice (Gardener's default).
const DEFAULT_NODE_PREFIX: u8 = 24;
/// The address that clients inside a shoot know its API server by; it exists on nodes only.
pub(crate) const ADVERTISED_ADDRESS: Ipv4Addr = Ipv4Addr::new(240, 0, 0, 1);
/// Where the seed's gateway is described (the landscape's contract).
const GATEWAY: (&str, &str) = ("garden", "gateway");
/// The priority of etcd and kube-apiserver (Gardener's).
const PRIORITY_CLASS: &str = "gardener-system-500";

/// Whether the shoot has machines.
pub(crate) fn has_workers(shoot: &Shoot) -> bool {
    !shoot.spec.provider.workers.is_empty()
}

/// The range of the nodes' addresses, if the Shoot names one.
pub(crate) fn node_range(shoot: &Shoot) -> Option<String> {
    let range = shoot.spec.networking.as_ref()?.nodes.clone();
    range.filter(|range| !range.is_empty())
}

/// What of a Shoot this version can't do yet. Saying so beats ignoring the wish.
pub(crate) fn check_supported(shoot: &Shoot) -> Result<(), TaskError> {
    let refuse = |what: String| Err(TaskError::Unsupported(what));
    if shoot
        .spec
        .hibernation
        .as_ref()
        .is_some_and(|hibernation| hibernation.enabled == Some(true))
    {
        return refuse("spec.hibernation.enabled: hibernation is not supported yet; set it to false".to_owned());
    }
    if shoot
        .spec
        .control_plane
        .as_ref()
        .is_some_and(|plane| plane.high_availability.is_some())
    {
        return refuse(
            "spec.controlPlane.highAvailability: control planes with several replicas are not supported yet; remove it"
                .to_owned(),
        );
    }
    check_pools(&shoot.spec.provider.workers)
}

/// What of the pools this version can't do yet.
fn check_pools(pools: &[Worker]) -> Result<(), TaskError> {
    for (index, pool) in pools.iter().enumerate() {
        let strategy = pool.update_strategy.as_ref();
        // Machines would be replaced, and what is on their disks be lost: just what its user does not want.
        if let Some(strategy) = strategy.filter(|strategy| **strategy != MachineUpdateStrategy::AutoRollingUpdate) {
            return Err(TaskError::Unsupported(format!(
                "spec.provider.workers[{index}].updateStrategy: {} is not supported yet; set it to AutoRollingUpdate, by which machines \
                 are replaced, or remove it",
                strategy.as_str()
            )));
        }
    }
    let runs_system_components = |pool: &Worker| pool.minimum > 0 && pool.allows_system_components();
    if pools.is_empty() || pools.iter().any(runs_system_components) {
        return Ok(());
    }
    Err(TaskError::Unsupported(
        "spec.provider.workers: no pool that runs system components begins with a machine, and pools are not scaled by load yet; set \
         minimum to 1 or more in one of them"
            .to_owned(),
    ))
}

/// The shoot's own networks.
pub(crate) fn networks(shoot: &Shoot, seed: &Seed) -> Networks {
    let own = shoot.spec.networking.clone().unwrap_or_default();
    let defaults = seed.spec.networks.shoot_defaults.clone().unwrap_or_default();
    let or = |first: Option<String>, second: Option<String>, third: &str| {
        first
            .or(second)
            .filter(|range| !range.is_empty())
            .unwrap_or_else(|| third.to_owned())
    };
    let has_nodes = has_workers(shoot);
    Networks {
        services: or(own.services, defaults.services, DEFAULT_SERVICES),
        pods: has_nodes.then(|| or(own.pods, defaults.pods, DEFAULT_PODS)),
    }
}

/// The first address of the Service range: that of the Service `kubernetes`.
fn first_service_address(networks: &Networks) -> Result<IpAddr, TaskError> {
    let range: IpNet = networks.services.parse().map_err(|_| {
        TaskError::Invalid(format!(
            "spec.networking.services: {:?} is no network range",
            networks.services
        ))
    })?;
    let first = range.hosts().next();
    first.ok_or_else(|| TaskError::Invalid(format!("spec.networking.services: {range} holds no address")))
}

/// What the shoot's certificates must say.
pub(crate) fn secrets_wish(
    shoot: &Shoot,
    seed: &Seed,
    technical_id: &str,
    endpoints: &Endpoints,
) -> Result<SecretsWish, TaskError> {
    let address = first_service_address(&networks(shoot, seed))?;
    let api_server = shoot.spec.kubernetes.kube_api_server.clone().unwrap_or_default();
    let mut encrypted = vec!["secrets".to_owned()];
    encrypted.extend(
        api_server
            .encryption_config
            .map(|config| config.resources)
            .unwrap_or_default(),
    );
    encrypted.dedup();
    Ok(SecretsWish {
        cluster_name: technical_id.to_owned(),
        service: "kube-apiserver".to_owned(),
        etcd: "etcd-main".to_owned(),
        hostnames: endpoints.hostnames(),
        addresses: vec![address, ADVERTISED_ADDRESS.into()],
        has_nodes: has_workers(shoot),
        tunnel_server_name: tunnel_server_name(shoot, endpoints),
        encrypted_resources: encrypted,
    })
}

/// The server name of the tunnel, where there are machines at its other end.
fn tunnel_server_name(shoot: &Shoot, endpoints: &Endpoints) -> Option<String> {
    pools::tunnel_server_name(endpoints).filter(|_| has_workers(shoot))
}

/// What a control plane is made of, and was found or made before.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) images: Images,
    /// The image of our own processes.
    pub(crate) own_image: String,
    pub(crate) secrets: SecretNames,
}

/// The whole wish.
pub(crate) fn control_plane(
    shoot: &Shoot,
    seed: &Seed,
    technical_id: &str,
    endpoints: &Endpoints,
    parts: Parts,
) -> ControlPlane {
    let Parts {
        images,
        own_image,
        secrets,
    } = parts;
    ControlPlane {
        role: if has_workers(shoot) {
            Role::Shoot
        } else {
            Role::WorkerlessShoot
        },
        namespace: technical_id.to_owned(),
        prefix: String::new(),
        cluster_name: technical_id.to_owned(),
        kubernetes_version: shoot.spec.kubernetes.version.clone(),
        images,
        networks: networks(shoot, seed),
        hostnames: endpoints.hostnames(),
        gateway: (!endpoints.hostnames().is_empty()).then(|| Gateway {
            namespace: GATEWAY.0.to_owned(),
            name: GATEWAY.1.to_owned(),
        }),
        secrets,
        etcd: EtcdOptions::default(),
        api_server: api_server(shoot.spec.kubernetes.kube_api_server.clone().unwrap_or_default()),
        replicas: 1,
        priority_class: Some(PRIORITY_CLASS.to_owned()),
        machines: tunnel_server_name(shoot, endpoints).map(|name| machines(shoot, seed, name, own_image)),
    }
}

/// How the API server and the machines reach each other.
fn machines(shoot: &Shoot, seed: &Seed, tunnel_server_name: String, tunnel_image: String) -> Machines {
    let own = &seed.spec.networks;
    let ranges = own.nodes.iter().chain([&own.pods, &own.services]);
    let seed_ranges = ranges.chain(&own.block_cidrs).cloned().collect();
    let manager = shoot.spec.kubernetes.kube_controller_manager.as_ref();
    let prefix = manager.and_then(|manager| manager.node_cidr_mask_size);
    Machines {
        tunnel_server_name,
        tunnel_image,
        node_ranges: node_range(shoot).into_iter().collect(),
        seed_ranges,
        node_agent_authorizer: Some(authorizer::SECRET.to_owned()),
        node_prefix_length: prefix
            .and_then(|prefix| u8::try_from(prefix).ok())
            .unwrap_or(DEFAULT_NODE_PREFIX),
    }
}

fn api_server(config: KubeApiServerConfig) -> ApiServerOptions {
    let defaults = ApiServerOptions::default();
    let (disabled, enabled): (Vec<_>, Vec<_>) = config
        .admission_plugins
        .into_iter()
        .partition(|plugin| plugin.disabled == Some(true));
    let names =
        |plugins: Vec<api::core::v1beta1::AdmissionPlugin>| plugins.into_iter().map(|plugin| plugin.name).collect();
    let mut audiences = config.api_audiences;
    if audiences.is_empty() {
        audiences.clone_from(&defaults.api_audiences);
    } else if !audiences.iter().any(|audience| audience == "gardener") {
        // Gardener's own components ask for tokens of this audience.
        audiences.push("gardener".to_owned());
    }
    ApiServerOptions {
        advertise_address: ADVERTISED_ADDRESS.into(),
        runtime_config: config.runtime_config,
        feature_gates: config.kubernetes_config.feature_gates,
        enable_admission_plugins: names(enabled),
        disable_admission_plugins: names(disabled),
        api_audiences: audiences,
        event_ttl: config.event_ttl.map_or(defaults.event_ttl, |ttl| ttl.to_string()),
        anonymous: config.enable_anonymous_authentication == Some(true),
        max_requests_inflight: config
            .requests
            .as_ref()
            .and_then(|requests| requests.max_non_mutating_inflight),
        max_mutating_requests_inflight: config
            .requests
            .as_ref()
            .and_then(|requests| requests.max_mutating_inflight),
        requests: defaults.requests,
    }
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{
        AdmissionPlugin, ControlPlane as ControlPlaneSettings, Hibernation, WorkerSystemComponents,
    };

    use super::*;

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Shoot), expected: &str) {
        let mut shoot = Shoot::default();
        shoot.spec.provider.type_ = "local".to_owned();
        assert!(check_supported(&shoot).is_ok());
        change(&mut shoot);
        let error = check_supported(&shoot).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_not_ignored() {
        refused(
            |shoot| {
                shoot.spec.hibernation = Some(Hibernation {
                    enabled: Some(true),
                    ..Hibernation::default()
                })
            },
            "spec.hibernation.enabled: ",
        );
        let ha = || {
            Some(ControlPlaneSettings {
                high_availability: Some(Default::default()),
                ..Default::default()
            })
        };
        refused(
            |shoot| shoot.spec.control_plane = ha(),
            "spec.controlPlane.highAvailability: ",
        );
    }

    fn pool(minimum: i32) -> Worker {
        Worker {
            minimum,
            maximum: 3,
            ..Worker::default()
        }
    }

    #[test]
    fn machines_are_not_replaced_where_they_shall_stay() {
        for strategy in [
            MachineUpdateStrategy::AutoInPlaceUpdate,
            MachineUpdateStrategy::ManualInPlaceUpdate,
        ] {
            refused(
                |shoot| {
                    let second = Worker {
                        update_strategy: Some(strategy.clone()),
                        ..pool(1)
                    };
                    shoot.spec.provider.workers = vec![pool(1), second];
                },
                "spec.provider.workers[1].updateStrategy: ",
            );
        }
        let mut shoot = Shoot::default();
        shoot.spec.provider.workers = vec![Worker {
            update_strategy: Some(MachineUpdateStrategy::AutoRollingUpdate),
            ..pool(1)
        }];
        check_supported(&shoot).unwrap();
    }

    #[test]
    fn a_cluster_begins_with_a_machine_for_its_system_components() {
        refused(
            |shoot| shoot.spec.provider.workers = vec![pool(0)],
            "spec.provider.workers: ",
        );
        let elsewhere = Worker {
            system_components: Some(WorkerSystemComponents { allow: false }),
            ..pool(1)
        };
        refused(
            |shoot| shoot.spec.provider.workers = vec![pool(0), elsewhere.clone()],
            "spec.provider.workers: ",
        );
        let mut shoot = Shoot::default();
        shoot.spec.provider.workers = vec![pool(0), elsewhere, pool(1)];
        check_supported(&shoot).unwrap();
    }

    #[test]
    fn networks_are_the_shoots_or_the_seeds_or_gardeners() {
        let (mut shoot, mut seed) = (Shoot::default(), Seed::default());
        assert_eq!(networks(&shoot, &seed).services, "100.64.0.0/13");
        seed.spec.networks.shoot_defaults = Some(Default::default());
        seed.spec.networks.shoot_defaults.as_mut().unwrap().services = Some("10.8.0.0/16".to_owned());
        assert_eq!(networks(&shoot, &seed).services, "10.8.0.0/16");
        shoot.spec.networking = Some(Default::default());
        shoot.spec.networking.as_mut().unwrap().services = Some("10.9.0.0/16".to_owned());
        assert_eq!(networks(&shoot, &seed).services, "10.9.0.0/16");
        let address = first_service_address(&networks(&shoot, &seed)).unwrap();
        assert_eq!(address.to_string(), "10.9.0.1");
    }

    #[test]
    fn users_reach_neither_the_seed_nor_what_it_blocks() {
        let mut seed = Seed::default();
        let own = &mut seed.spec.networks;
        own.nodes = Some("10.1.0.0/24".to_owned());
        own.pods = "10.2.0.0/16".to_owned();
        own.services = "10.3.0.0/16".to_owned();
        own.block_cidrs = vec!["172.30.0.0/23".to_owned()];
        let machines = machines(&Shoot::default(), &seed, "tunnel.test".to_owned(), "image".to_owned());
        assert_eq!(
            machines.seed_ranges,
            ["10.1.0.0/24", "10.2.0.0/16", "10.3.0.0/16", "172.30.0.0/23"]
        );
    }

    #[test]
    fn a_range_that_is_none_is_the_users_to_correct() {
        let networks = Networks {
            services: "ten".to_owned(),
            pods: None,
        };
        let error = first_service_address(&networks).unwrap_err();
        assert_eq!(
            error.to_string(),
            "spec.networking.services: \"ten\" is no network range"
        );
        assert!(!error.codes().is_empty());
    }

    #[test]
    fn settings_of_the_api_server_are_carried_over() {
        let plugin = |name: &str, disabled| AdmissionPlugin {
            name: name.to_owned(),
            disabled: Some(disabled),
            ..AdmissionPlugin::default()
        };
        let options = api_server(KubeApiServerConfig {
            admission_plugins: vec![plugin("PodNodeSelector", false), plugin("LimitRanger", true)],
            api_audiences: vec!["mine".to_owned()],
            event_ttl: Some(apimachinery::Duration::from_minutes(30)),
            ..KubeApiServerConfig::default()
        });
        assert_eq!(options.enable_admission_plugins, ["PodNodeSelector"]);
        assert_eq!(options.disable_admission_plugins, ["LimitRanger"]);
        assert_eq!(options.api_audiences, ["mine", "gardener"]);
        assert_eq!(options.event_ttl, "30m0s");
        assert_eq!(
            api_server(KubeApiServerConfig::default()).api_audiences,
            ["kubernetes", "gardener"]
        );
    }
}
