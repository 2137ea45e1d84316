//! Names and labels that others rely on: Gardener's extensions, its NetworkPolicies, our own selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::ControlPlane;

/// Labels from literals.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Labels that select the pods of a component; they never change, since selectors of Deployments are immutable.
pub(crate) fn selector(role: &str) -> BTreeMap<String, String> {
    labels(&[("app", "kubernetes"), ("role", role)])
}

/// A pod with this label may dial the component's port, if NetworkPolicies are enforced.
pub(crate) fn may_dial(target: &str, port: i32) -> (String, String) {
    (
        format!("networking.resources.gardener.cloud/to-{target}-tcp-{port}"),
        "allowed".to_owned(),
    )
}

/// Metadata of an object of the control plane.
pub(crate) fn metadata(plane: &ControlPlane, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(plane.namespace.clone()),
        labels: (!labels.is_empty()).then_some(labels),
        ..ObjectMeta::default()
    }
}

/// Labels of a component's Deployment.
pub(crate) fn component(role: &str) -> BTreeMap<String, String> {
    let mut labels = selector(role);
    labels.insert("gardener.cloud/role".to_owned(), "controlplane".to_owned());
    labels
}
