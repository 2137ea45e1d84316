//! How our components get their tokens for the virtual garden.
//!
//! Out: Secrets that ask gardener-resource-manager's token requestor for a token of a service account in the virtual
//! garden. Absent: the tokens, which the requestor writes and renews.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::virtual_garden::SYSTEM_NAMESPACE;

/// Components that talk to the virtual garden with a token, each as a service account of its own name.
const COMPONENTS: [&str; 3] = ["gardener-apiserver", "gardener-controller-manager", "gardener-scheduler"];

/// Name of the Secret with a component's token.
pub(crate) fn access_secret_name(component: &str) -> String {
    format!("shoot-access-{component}")
}

/// A Secret per component, without a token. Applied again, it leaves the token alone: another manager owns that field.
pub(crate) fn access_secrets(namespace: &str) -> Vec<Secret> {
    COMPONENTS.iter().map(|component| access_secret(namespace, component)).collect()
}

fn access_secret(namespace: &str, component: &str) -> Secret {
    let labels = [("resources.gardener.cloud/purpose", "token-requestor"), ("resources.gardener.cloud/class", "shoot")];
    let annotations = [
        ("serviceaccount.resources.gardener.cloud/name", component),
        ("serviceaccount.resources.gardener.cloud/namespace", SYSTEM_NAMESPACE),
    ];
    let metadata = ObjectMeta {
        name: Some(access_secret_name(component)),
        namespace: Some(namespace.to_owned()),
        labels: Some(owned(labels)),
        annotations: Some(owned(annotations)),
        ..ObjectMeta::default()
    };
    Secret { metadata, type_: Some("Opaque".to_owned()), ..Secret::default() }
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
