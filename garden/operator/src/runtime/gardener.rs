//! Gardener's own processes for the virtual garden: API server, controller manager, scheduler.
//!
//! In: settings and names of Secrets. Out: Deployments, and the API server's Service. They run in the runtime cluster and
//! know nothing of it: each talks to the virtual garden with a kubeconfig and a token of its own.

use deploy::AccessSecret;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config_maps::{CONFIG_KEY, ConfigFile};
use crate::files::{self, GENERIC_KUBECONFIG_DIRECTORY};
use crate::process::{Health, Process, Requests};
use crate::settings::{NAMESPACE, Settings};

const API_SERVER: &str = api::constants::DEPLOYMENT_GARDENER_API_SERVER;
const CONTROLLER_MANAGER: &str = api::constants::DEPLOYMENT_GARDENER_CONTROLLER_MANAGER;
const SCHEDULER: &str = api::constants::DEPLOYMENT_GARDENER_SCHEDULER;

const API_SERVER_PORT: i32 = 8443;
const SERVICE_PORT: i32 = 443;

const CA_ETCD: &str = "/etc/gardener-apiserver/etcd-ca";
const ETCD_CLIENT: &str = "/etc/gardener-apiserver/etcd-client";
const SERVER: &str = "/etc/gardener-apiserver/server";
const ENCRYPTION: &str = "/etc/gardener-apiserver/encryption";
const CONFIG: &str = "/etc/gardener/config";

/// Names of the Secrets that gardener-apiserver mounts.
#[derive(Clone, Debug)]
pub(crate) struct ApiServerSecrets {
    /// Bundle of the authority of etcd's certificates.
    pub(crate) ca_etcd_bundle: String,
    /// Client certificate for etcd.
    pub(crate) etcd_client: String,
    /// Its own serving certificate.
    pub(crate) server: String,
    /// What is encrypted in etcd, and with which key.
    pub(crate) encryption_configuration: String,
}

/// What every component mounts.
#[derive(Clone, Debug)]
pub(crate) struct ComponentFiles {
    /// The image of all our processes.
    pub(crate) image: String,
    /// The kubeconfig that all components share.
    pub(crate) generic_kubeconfig: String,
}

/// gardener-apiserver.
pub(crate) fn api_server(
    settings: &Settings,
    common: &ComponentFiles,
    secrets: &ApiServerSecrets,
    etcd_endpoint: &str,
) -> Deployment {
    let kubeconfig = format!("{GENERIC_KUBECONFIG_DIRECTORY}/kubeconfig");
    let mut arguments = vec![
        format!("--secure-port={API_SERVER_PORT}"),
        format!("--cluster-identity={}", settings.cluster_identity),
        format!("--etcd-servers={etcd_endpoint}"),
        format!("--etcd-cafile={CA_ETCD}/bundle.crt"),
        format!("--etcd-certfile={ETCD_CLIENT}/tls.crt"),
        format!("--etcd-keyfile={ETCD_CLIENT}/tls.key"),
        format!("--encryption-provider-config={ENCRYPTION}/encryption-configuration.yaml"),
        format!("--tls-cert-file={SERVER}/tls.crt"),
        format!("--tls-private-key-file={SERVER}/tls.key"),
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
    ];
    let expiration = settings.shoot_admin_kubeconfig_max_expiration.iter();
    arguments.extend(expiration.map(|longest| format!("--shoot-admin-kubeconfig-max-expiration={longest}")));
    let process = Process {
        name: API_SERVER.to_owned(),
        image: common.image.clone(),
        arguments,
        ports: vec![("https", API_SERVER_PORT)],
        health: Health {
            port: API_SERVER_PORT,
            tls: true,
        },
        files: vec![
            files::generic_kubeconfig(&common.generic_kubeconfig, &AccessSecret::new(API_SERVER).name()),
            files::secret("ca-etcd", &secrets.ca_etcd_bundle, CA_ETCD),
            files::secret("etcd-client", &secrets.etcd_client, ETCD_CLIENT),
            files::secret("server", &secrets.server, SERVER),
            files::secret("encryption", &secrets.encryption_configuration, ENCRYPTION),
        ],
        requests: Requests {
            cpu: "50m",
            memory: "64Mi",
        },
        priority_class: Some("gardener-garden-system-500"),
        ..Process::default()
    };
    process.deployment(NAMESPACE)
}

/// The address that the virtual garden's aggregator dials.
pub(crate) fn api_server_service() -> Service {
    Service {
        metadata: ObjectMeta {
            name: Some(API_SERVER.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(Process::selector(API_SERVER)),
            ports: Some(vec![ServicePort {
                name: Some("https".to_owned()),
                port: SERVICE_PORT,
                target_port: Some(IntOrString::Int(API_SERVER_PORT)),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// gardener-controller-manager.
pub(crate) fn controller_manager(common: &ComponentFiles, config: &ConfigFile) -> Deployment {
    controller(CONTROLLER_MANAGER, common, config, "gardener-garden-system-200")
}

/// gardener-scheduler.
pub(crate) fn scheduler(common: &ComponentFiles, config: &ConfigFile) -> Deployment {
    controller(SCHEDULER, common, config, "gardener-garden-system-200")
}

fn controller(name: &str, common: &ComponentFiles, config: &ConfigFile, priority_class: &'static str) -> Deployment {
    let process = Process {
        name: name.to_owned(),
        image: common.image.clone(),
        arguments: vec![format!("--config={CONFIG}/{CONFIG_KEY}")],
        files: vec![
            files::generic_kubeconfig(&common.generic_kubeconfig, &AccessSecret::new(name).name()),
            files::config_map("config", &config.name, CONFIG),
        ],
        priority_class: Some(priority_class),
        ..Process::default()
    };
    process.deployment(NAMESPACE)
}
