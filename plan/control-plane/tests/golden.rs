//! The whole plan of each role, as committed YAML: a change of behaviour shows up as a change of these files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::control_plane;
use plan_control_plane::{
    ControlPlane, EncryptionKey, Resources, Role, StaticPods, StaticPodsOptions, encryption_configuration,
    garden_priority_classes, seed_priority_classes,
};
use serde::Serialize;
use testing_testkit::golden;

#[derive(Default)]
struct Documents(String);

impl Documents {
    fn add(&mut self, object: &impl Serialize) {
        self.0.push_str("---\n");
        self.0.push_str(&serde_yaml_ng::to_string(object).unwrap());
    }

    fn add_all<'a, T: Serialize + 'a>(&mut self, objects: impl IntoIterator<Item = &'a T>) {
        objects.into_iter().for_each(|object| self.add(object));
    }
}

fn render(plane: &ControlPlane) -> String {
    let plan = Resources::plan(plane);
    let mut documents = Documents::default();
    documents.add_all(&plan.network_policies);
    documents.add(&plan.exposure.service);
    documents.add_all(&plan.exposure.route);
    documents.add_all(&plan.exposure.tunnel_service);
    documents.add_all(&plan.exposure.tunnel_route);
    documents.add(&plan.etcd);
    documents.add_all(&plan.kube_apiserver.config_maps);
    documents.add(&plan.kube_apiserver.deployment);
    documents.add_all(&plan.kube_apiserver.disruption_budget);
    documents.add(&plan.kube_controller_manager.deployment);
    documents.add_all(plan.kube_scheduler.as_ref().map(|scheduler| &scheduler.deployment));
    documents.0
}

#[test]
fn a_workerless_shoot() {
    golden::assert(
        "tests/golden/shoot-workerless.yaml",
        &render(&control_plane(Role::WorkerlessShoot)),
    );
}

#[test]
fn a_shoot_with_two_api_servers() {
    let plane = ControlPlane {
        replicas: 2,
        ..control_plane(Role::Shoot)
    };
    golden::assert("tests/golden/shoot-highly-available.yaml", &render(&plane));
}

#[test]
fn a_shoot_with_machines() {
    golden::assert("tests/golden/shoot.yaml", &render(&control_plane(Role::Shoot)));
}

#[test]
fn the_garden() {
    golden::assert("tests/golden/garden.yaml", &render(&control_plane(Role::Garden)));
}

#[test]
fn static_pods_of_a_seed() {
    let options = StaticPodsOptions {
        files_directory: "/etc/kubernetes/control-plane/".to_owned(),
        data_directory: "/var/lib/etcd".to_owned(),
    };
    let StaticPods { pods, files } = StaticPods::plan(&control_plane(Role::Seed), &options);
    let mut documents = Documents::default();
    documents.add_all(&pods);
    let listed: String = files
        .iter()
        .map(|file| match &file.secret {
            Some((secret, key)) => format!("# {} <- {secret} {key}\n", file.path),
            None => format!("# {}\n", file.path),
        })
        .collect();
    golden::assert("tests/golden/static-pods.yaml", &(documents.0 + &listed));
}

#[test]
fn priority_classes() {
    let mut documents = Documents::default();
    documents.add_all(&seed_priority_classes());
    documents.add_all(&garden_priority_classes());
    golden::assert("tests/golden/priority-classes.yaml", &documents.0);
}

#[test]
fn secrets_are_encrypted_with_the_first_key() {
    let key = |name: &str| EncryptionKey {
        name: name.to_owned(),
        secret: "c2VjcmV0".to_owned(),
    };
    let text = encryption_configuration(&["secrets"], &[key("new"), key("old")]).unwrap();
    golden::assert("tests/golden/encryption-configuration.yaml", &text);
    assert_eq!(format!("{:?}", key("new")), r#"EncryptionKey { name: "new", .. }"#);
}

#[test]
fn users_switch_groups_and_plugins_over_the_roles_choice() {
    let mut plane = control_plane(Role::WorkerlessShoot);
    plane.api_server.runtime_config.insert("apps/v1".to_owned(), true);
    plane.api_server.enable_admission_plugins.push("Priority".to_owned());
    plane
        .api_server
        .disable_admission_plugins
        .push("LimitRanger".to_owned());
    let deployment = Resources::plan(&plane).kube_apiserver.deployment;
    let command = deployment
        .spec
        .unwrap()
        .template
        .spec
        .unwrap()
        .containers
        .remove(0)
        .command
        .unwrap();
    let flag = |name: &str| {
        command
            .iter()
            .find(|flag| flag.starts_with(&format!("--{name}=")))
            .unwrap()
            .clone()
    };
    assert!(flag("runtime-config").contains("apps/v1=true,autoscaling/v1=false"));
    assert_eq!(flag("enable-admission-plugins"), "--enable-admission-plugins=Priority");
    let disabled = flag("disable-admission-plugins");
    assert!(disabled.contains("LimitRanger") && disabled.contains("RuntimeClass") && !disabled.contains("Priority"));
}

#[test]
fn a_shoot_asks_for_at_most_one_gibibyte() {
    let plan = Resources::plan(&control_plane(Role::WorkerlessShoot));
    let etcd = plan.etcd.spec.etcd.resources.unwrap().requests.unwrap();
    let deployments = [plan.kube_apiserver.deployment, plan.kube_controller_manager.deployment];
    let requests = deployments.into_iter().map(|deployment| {
        deployment
            .spec
            .unwrap()
            .template
            .spec
            .unwrap()
            .containers
            .remove(0)
            .resources
            .unwrap()
            .requests
            .unwrap()
    });
    let mebibytes = requests.chain([etcd]).map(|request| {
        request["memory"]
            .0
            .strip_suffix("Mi")
            .expect("requests are in Mi")
            .parse::<u32>()
            .unwrap()
    });
    assert!(mebibytes.sum::<u32>() <= 1024);
}
