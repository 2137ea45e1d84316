//! The etcd controller: makes etcd out of `Etcd` objects, for the garden and for shoots.

use k8s_openapi::api::apps::v1::Deployment;

use super::config_maps::{CONFIG_KEY, ConfigFile};
use super::roles::{Identity, OWN, READ, identity, rule};
use crate::files;
use crate::process::{Process, Requests};
use crate::settings::NAMESPACE;

const NAME: &str = api::constants::DEPLOYMENT_ETCD_DRUID;

/// Where it finds the installation's own image vector.
const IMAGES: &str = "/etc/imagevector";

/// The process and its identity. It looks up etcd's image itself, so it is given the installation's image vector.
pub(crate) fn etcd_druid(image: &str, images: Option<&ConfigFile>) -> (Identity, Deployment) {
    let rules = vec![
        rule(
            &["druid.gardener.cloud"],
            &["etcds"],
            &["get", "list", "watch", "update", "patch"],
        ),
        rule(
            &["druid.gardener.cloud"],
            &["etcds/status", "etcds/finalizers"],
            &["get", "update", "patch"],
        ),
        rule(&["apps"], &["statefulsets"], OWN),
        rule(&[""], &["services", "configmaps"], OWN),
        rule(&[""], &["pods", "secrets", "persistentvolumeclaims"], READ),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch"]),
        rule(&["coordination.k8s.io"], &["leases"], OWN),
    ];
    let process = Process {
        name: NAME.to_owned(),
        image: image.to_owned(),
        environment: images
            .map(|_| {
                (
                    plan_images::OVERWRITE_ENVIRONMENT.to_owned(),
                    format!("{IMAGES}/{CONFIG_KEY}"),
                )
            })
            .into_iter()
            .collect(),
        files: images
            .map(|file| files::config_map("imagevector", &file.name, IMAGES))
            .into_iter()
            .collect(),
        service_account: Some(NAME.to_owned()),
        requests: Requests::default(),
        priority_class: Some("gardener-system-800"),
        ..Process::default()
    };
    (identity(NAME, rules), process.deployment(NAMESPACE))
}
