//! One pool after a change each.

use api::core::v1beta1::{WorkerKubernetes, WorkerSystemComponents};
use serde_json::json;

use super::*;
use crate::shoot::identity::Endpoint;

fn shoot() -> Shoot {
    serde_json::from_value(json!({
        "metadata": { "name": "first" },
        "spec": {
            "kubernetes": { "version": "1.35.4", "kubelet": { "maxPods": 50 } },
            "provider": { "type": "local", "workers": [{
                "name": "small", "minimum": 1, "maximum": 3, "zones": ["0"],
                "machine": { "type": "local", "image": { "name": "local", "version": "1.0.0" } },
            }] },
        },
    }))
    .unwrap()
}

fn profile() -> CloudProfile {
    serde_json::from_value(json!({ "spec": {
        "caBundle": "cloud",
        "machineImages": [{ "name": "local", "versions": [{ "version": "1.9.0" }, { "version": "1.10.0" }, { "version": "1.2.0" }] }],
        "machineTypes": [{ "name": "local", "cpu": "2", "gpu": "0", "memory": "2Gi", "storage": { "size": "20Gi" } }],
    } }))
    .unwrap()
}

fn endpoints() -> Endpoints {
    let endpoint = |hostname: &str| {
        Some(Endpoint {
            hostname: hostname.to_owned(),
            record: None,
        })
    };
    Endpoints {
        external: endpoint("api.first.example.org"),
        internal: endpoint("api.first.dev.internal.test"),
    }
}

fn planned(shoot: &Shoot, endpoints: &Endpoints) -> Result<Vec<Pool>, TaskError> {
    let networks = Networks {
        services: "10.4.0.0/16".to_owned(),
        pods: Some("10.5.0.0/16".to_owned()),
    };
    plan(&Common {
        shoot,
        profile: &profile(),
        endpoints,
        networks: &networks,
        images: &ImageVector::embedded().unwrap(),
        registries: &[],
        ca_bundle: "ca",
        ca_kubelet_bundle: "ca-kubelet",
        ca_vpn_bundle: "ca-vpn",
    })
}

/// The first pool after a change.
fn pool_of(change: impl FnOnce(&mut Shoot)) -> Pool {
    let mut shoot = shoot();
    change(&mut shoot);
    planned(&shoot, &endpoints()).unwrap().remove(0)
}

fn user_data() -> SecretKeySelector {
    SecretKeySelector::default()
}

#[test]
fn machines_take_the_name_that_does_not_depend_on_the_user() {
    let wish = pool_of(|_| ()).wish;
    assert_eq!(wish.api_server, "https://api.first.dev.internal.test");
    assert_eq!(wish.tunnel.gateway, "api.first.dev.internal.test:443");
    assert_eq!(wish.tunnel.server_names, ["tunnel.first.dev.internal.test"]);
    assert_eq!(wish.tunnel.allowed_ranges, ["10.5.0.0/16", "10.4.0.0/16"]);
    assert_eq!(wish.cluster_dns, ["10.4.0.10"]);
    let external = Endpoints {
        internal: None,
        ..endpoints()
    };
    assert_eq!(
        tunnel_server_name(&external).as_deref(),
        Some("tunnel.first.example.org")
    );
    let error = planned(&shoot(), &Endpoints::default()).unwrap_err();
    assert!(error.to_string().starts_with("spec.dns.domain: "), "{error}");
}

#[test]
fn a_pools_own_settings_come_before_the_shoots() {
    let wish = pool_of(|_| ()).wish;
    assert_eq!(
        (wish.kubernetes_version.as_str(), wish.kubelet.max_pods),
        ("1.35.4", Some(50))
    );
    let wish = pool_of(|shoot| {
        shoot.spec.kubernetes.version = "1.36.0".to_owned();
        shoot.spec.provider.workers[0].kubernetes = Some(WorkerKubernetes {
            version: Some("1.35.4".to_owned()),
            kubelet: Some(KubeletConfig::default()),
        });
    })
    .wish;
    assert_eq!(
        (wish.kubernetes_version.as_str(), wish.kubelet.max_pods),
        ("1.35.4", None)
    );
}

#[test]
fn an_image_without_a_version_is_the_newest() {
    let version = |image: Option<ShootMachineImage>| {
        pool_of(|shoot| shoot.spec.provider.workers[0].machine.image = image)
            .wish
            .machine_image
            .version
    };
    let named = ShootMachineImage {
        name: "local".to_owned(),
        ..ShootMachineImage::default()
    };
    assert_eq!(version(Some(named)), "1.10.0");
    assert_eq!(version(None), "1.10.0");
    let unknown = Some(ShootMachineImage {
        name: "other".to_owned(),
        ..ShootMachineImage::default()
    });
    let mut shoot = shoot();
    shoot.spec.provider.workers[0].machine.image = unknown;
    let error = planned(&shoot, &endpoints()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("spec.provider.workers[0].machine.image: "),
        "{error}"
    );
    assert!(!error.codes().is_empty());
}

#[test]
fn a_version_without_images_is_the_users_to_correct() {
    let mut shoot = shoot();
    shoot.spec.kubernetes.version = "1.2.3".to_owned();
    let error = planned(&shoot, &endpoints()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("spec.provider.workers[0].kubernetes.version: "),
        "{error}"
    );
}

#[test]
fn nodes_are_labelled_by_user_and_gardener() {
    let pool = pool_of(|shoot| {
        let worker = &mut shoot.spec.provider.workers[0];
        worker.labels = [("own".to_owned(), "label".to_owned())].into();
        worker.system_components = Some(WorkerSystemComponents { allow: false });
    });
    let made = pool.worker_pool(user_data());
    for (key, value) in [
        ("own", "label"),
        ("worker.gardener.cloud/pool", "small"),
        ("worker.garden.sapcloud.io/group", "small"),
        ("worker.gardener.cloud/system-components", "false"),
        ("node.kubernetes.io/role", "node"),
        ("kubernetes.io/arch", "amd64"),
    ] {
        assert_eq!(made.labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(
        made.labels.get("worker.gardener.cloud/gardener-node-agent-secret-name"),
        Some(&pool.secret_name())
    );
}

#[test]
fn the_provider_learns_what_a_node_will_have() {
    let made = pool_of(|_| ()).worker_pool(user_data());
    let capacity = made.node_template.unwrap().capacity;
    let shown: Vec<_> = capacity
        .iter()
        .map(|(name, quantity)| format!("{name}={}", quantity.0))
        .collect();
    assert_eq!(shown, ["cpu=2", "ephemeral-storage=20Gi", "gpu=0", "memory=2Gi"]);
    assert_eq!(
        (made.max_surge, made.max_unavailable),
        (IntOrString::Int(1), IntOrString::Int(0))
    );
    // Admission refuses it; should one come through, the provider says what is wrong.
    let unknown = pool_of(|shoot| shoot.spec.provider.workers[0].machine.type_ = "huge".to_owned());
    assert_eq!(unknown.worker_pool(user_data()).node_template, None);
}

#[test]
fn another_configuration_of_new_machines_has_another_name() {
    let name = |change: fn(&mut Shoot)| pool_of(change).secret_name();
    let usual = name(|_| ());
    assert!(usual.starts_with("gardener-node-agent-small-"), "{usual}");
    assert_eq!(name(|shoot| shoot.spec.provider.workers[0].maximum = 9), usual);
    let other_image =
        name(|shoot| shoot.spec.provider.workers[0].machine.image.as_mut().unwrap().version = Some("1.9.0".into()));
    assert_ne!(other_image, usual);
    let rotated = name(|shoot| {
        let rotation =
            json!({ "rotation": { "certificateAuthorities": { "lastInitiationTime": "2026-01-01T00:00:00Z" } } });
        shoot.status.credentials = Some(serde_json::from_value(rotation).unwrap());
    });
    assert_ne!(rotated, usual);
}

#[test]
fn machines_trust_whom_cloud_and_pool_trust() {
    let trusted = |own: Option<&str>| {
        pool_of(|shoot| shoot.spec.provider.workers[0].ca_bundle = own.map(str::to_owned))
            .wish
            .trusted_ca_bundle
    };
    assert_eq!(trusted(None).as_deref(), Some("cloud"));
    assert_eq!(trusted(Some("pool")).as_deref(), Some("cloud\npool"));
}

#[test]
fn names_survive_a_node_where_there_are_several() {
    let mut shoot = shoot();
    assert_eq!(dns_replicas(&shoot), 2);
    shoot.spec.provider.workers[0].maximum = 1;
    assert_eq!(dns_replicas(&shoot), 1);
}
