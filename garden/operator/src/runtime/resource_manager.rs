//! gardener-resource-manager: keeps ManagedResources, and requests tokens, for every control plane of the cluster.

use k8s_openapi::api::apps::v1::Deployment;

use super::roles::{Identity, identity, rule};
use crate::process::{Process, Requests};
use crate::settings::NAMESPACE;

const NAME: &str = api::constants::DEPLOYMENT_GARDENER_RESOURCE_MANAGER;

/// The process and its identity.
pub(crate) fn resource_manager(image: &str) -> (Identity, Deployment) {
    // It applies whatever a ManagedResource of class `seed` holds, roles included.
    let rules = vec![rule(&["*"], &["*"], &["*"])];
    let process = Process {
        name: NAME.to_owned(),
        image: image.to_owned(),
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
