//! The etcd controller: makes etcd out of `Etcd` objects, for the garden and for shoots.

use k8s_openapi::api::apps::v1::Deployment;

use super::roles::{Identity, OWN, READ, identity, rule};
use crate::process::{Process, Requests};
use crate::settings::NAMESPACE;

const NAME: &str = api::constants::DEPLOYMENT_ETCD_DRUID;

/// The process and its identity.
pub(crate) fn etcd_druid(image: &str, environment: &std::collections::BTreeMap<String, String>) -> (Identity, Deployment) {
    let rules = vec![
        rule(&["druid.gardener.cloud"], &["etcds"], &["get", "list", "watch", "update", "patch"]),
        rule(&["druid.gardener.cloud"], &["etcds/status", "etcds/finalizers"], &["get", "update", "patch"]),
        rule(&["apps"], &["statefulsets"], OWN),
        rule(&[""], &["services", "configmaps"], OWN),
        rule(&[""], &["pods", "secrets", "persistentvolumeclaims"], READ),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch"]),
        rule(&["coordination.k8s.io"], &["leases"], OWN),
    ];
    let process = Process {
        name: NAME.to_owned(),
        image: image.to_owned(),
        environment: environment.clone(),
        service_account: Some(NAME.to_owned()),
        requests: Requests::default(),
        priority_class: Some("gardener-system-800"),
        ..Process::default()
    };
    (identity(NAME, rules), process.deployment(NAMESPACE))
}
