//! Golden files of everything that the operator plans: a change of the plan shows up as a change of these files.

use std::collections::BTreeMap;

use jiff::Timestamp;

use serde::Serialize;
use serde_json::json;

use crate::runtime::{self, ApiServerSecrets, ComponentFiles, Identity};
use crate::settings::Settings;
use crate::virtual_garden;

const IMAGE: &str = "registry.example.org/kubeception:v1";

fn settings() -> Settings {
    let garden = json!({
        "metadata": { "name": "local" },
        "spec": {
            "dns": { "providers": [{ "name": "primary", "type": "local", "secretRef": { "name": "dns-local" } }] },
            "runtimeCluster": {
                "networking": { "nodes": ["10.1.0.0/24"], "pods": ["10.2.0.0/16"], "services": ["10.3.0.0/16"] },
                "provider": { "region": "local" },
            },
            "virtualCluster": {
                "dns": { "domains": [{ "name": "garden.example.org", "provider": "primary" }] },
                "gardener": {
                    "clusterIdentity": "garden-local",
                    "gardenerAPIServer": { "shootAdminKubeconfigMaxExpiration": "12h" },
                },
                "kubernetes": { "version": "1.35.4" },
                "networking": { "services": ["100.64.0.0/13"] },
            },
        },
    });
    Settings::of(&serde_json::from_value(garden).unwrap()).unwrap()
}

/// Objects as one file of YAML documents.
#[derive(Default)]
struct Documents(String);

impl Documents {
    fn add(mut self, object: &impl Serialize) -> Self {
        // Through a value: keys are sorted.
        let value = serde_json::to_value(object).unwrap();
        self.0.push_str("---\n");
        self.0.push_str(&serde_yaml_ng::to_string(&value).unwrap());
        self
    }

    fn all<'a, T: Serialize + 'a>(self, objects: impl IntoIterator<Item = &'a T>) -> Self {
        objects.into_iter().fold(self, Self::add)
    }

    fn identity(self, identity: &Identity) -> Self {
        let Identity {
            service_account,
            cluster_role,
            cluster_role_binding,
        } = identity;
        self.add(service_account).add(cluster_role).add(cluster_role_binding)
    }

    #[track_caller]
    fn check(&self, file: &str) {
        testing_testkit::golden::assert(format!("tests/golden/{file}"), &self.0);
    }
}

#[test]
fn shared_parts_of_the_runtime_cluster() {
    let overwrite = runtime::image_vector_overwrite("images: []\n".to_owned());
    let (druid, druid_deployment) = runtime::etcd_druid(IMAGE, Some(&overwrite));
    let (manager, manager_deployment) = runtime::resource_manager(IMAGE);
    let annotations = BTreeMap::from([("cloud.example.org/kind".to_owned(), "public".to_owned())]);
    let gateway = runtime::gateway(IMAGE, &annotations);
    let (policy, binding) = runtime::deletion_confirmation();
    Documents::default()
        .add(&overwrite.config_map("garden"))
        .identity(&druid)
        .add(&druid_deployment)
        .identity(&manager)
        .add(&manager_deployment)
        .add(&runtime::resource_manager_service())
        .identity(&gateway.identity)
        .add(&gateway.deployment)
        .add(&gateway.service)
        .add(&gateway.class)
        .add(&gateway.gateway)
        .add(&policy)
        .add(&binding)
        .check("runtime.yaml");
}

#[test]
fn gardeners_own_processes() {
    let settings = settings();
    let common = ComponentFiles {
        image: IMAGE.to_owned(),
        generic_kubeconfig: "generic-token-kubeconfig-1".to_owned(),
    };
    let secrets = ApiServerSecrets {
        ca_etcd_bundle: "ca-etcd-bundle-1".to_owned(),
        etcd_client: "etcd-client-1".to_owned(),
        server: "gardener-apiserver-1".to_owned(),
        encryption_configuration: "gardener-apiserver-etcd-encryption-configuration-1".to_owned(),
    };
    let manager = runtime::controller_manager_config("info");
    let scheduler = runtime::scheduler_config("SameRegion", "info");
    let records = runtime::records(&settings, &["172.30.2.1".to_owned()], Timestamp::UNIX_EPOCH);
    Documents::default()
        .add(&runtime::api_server(
            &settings,
            &common,
            &secrets,
            &crate::control_plane::etcd_endpoint(),
        ))
        .add(&runtime::api_server_service())
        .add(&manager.config_map("garden"))
        .add(&runtime::controller_manager(&common, &manager))
        .add(&scheduler.config_map("garden"))
        .add(&runtime::scheduler(&common, &scheduler))
        .all(&records)
        .check("gardener.yaml");
}

#[test]
fn the_virtual_garden() {
    Documents::default()
        .all(&virtual_garden::namespaces())
        .add(&virtual_garden::gardener_info("v1"))
        .all(&virtual_garden::cluster_roles())
        .all(&virtual_garden::cluster_role_bindings())
        .all(&virtual_garden::namespaced_roles())
        .all(&virtual_garden::namespaced_role_bindings())
        .all(&virtual_garden::policies())
        .all(&virtual_garden::policy_bindings())
        .add(&virtual_garden::service())
        .add(&virtual_garden::endpoint_slice("10.3.0.20".parse().unwrap()))
        .all(&virtual_garden::api_services("CERTIFICATE"))
        .check("virtual-garden.yaml");
}

#[test]
fn the_flow() {
    let flow = crate::flow::reconcile().unwrap();
    testing_testkit::golden::assert("tests/golden/flow.txt", &flow.describe());
}

#[test]
fn a_gateway_with_a_name_gets_an_alias_and_without_an_address_there_is_nothing() {
    let records = runtime::records(&settings(), &["lb.example.org".to_owned()], Timestamp::UNIX_EPOCH);
    assert_eq!(records[0].spec.record_type.as_str(), "CNAME");
    assert!(runtime::records(&settings(), &[], Timestamp::UNIX_EPOCH).is_empty());
}
