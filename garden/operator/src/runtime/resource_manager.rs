//! gardener-resource-manager: keeps ManagedResources, requests tokens and answers authorization webhooks, for every control plane of
//! the cluster.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::roles::{Identity, identity, rule};
use crate::process::{Process, Requests};
use crate::settings::NAMESPACE;

const NAME: &str = api::constants::DEPLOYMENT_GARDENER_RESOURCE_MANAGER;

/// Where it answers webhooks, by TLS.
const SERVER_PORT: i32 = 10250;
const SERVICE_PORT: i32 = 443;

/// The process and its identity.
pub(crate) fn resource_manager(image: &str) -> (Identity, Deployment) {
    // It applies whatever a ManagedResource of class `seed` holds, roles included.
    let rules = vec![rule(&["*"], &["*"], &["*"])];
    let process = Process {
        name: NAME.to_owned(),
        image: image.to_owned(),
        ports: vec![("server", SERVER_PORT)],
        service_account: Some(NAME.to_owned()),
        requests: Requests {
            cpu: "10m",
            memory: "32Mi",
        },
        priority_class: Some("gardener-system-critical"),
        ..Process::default()
    };
    (identity(NAME, rules), process.deployment(NAMESPACE))
}

/// The address at which API servers of shoots ask it what their nodes may do.
pub(crate) fn resource_manager_service() -> Service {
    Service {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(Process::selector(NAME)),
            ports: Some(vec![ServicePort {
                name: Some("server".to_owned()),
                port: SERVICE_PORT,
                target_port: Some(IntOrString::Int(SERVER_PORT)),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
