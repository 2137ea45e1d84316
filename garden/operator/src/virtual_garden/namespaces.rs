//! Namespaces of the garden that belong to no project, and what everybody may read there.
//!
//! Out: `garden`, `gardener-system-public` with its ConfigMap. Absent: namespaces that our API server makes at its start.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{READ, bind_role, group, named, rule};

const PUBLIC_NAMESPACE: &str = "gardener-system-public";
const READ_PUBLIC: &str = "gardener.cloud:system:read-gardener-system-public";
const INFO: &str = "gardener-info";

/// `garden` for the installation's own objects, and a namespace that every authenticated user may read.
pub(crate) fn namespaces() -> Vec<Namespace> {
    let labelled = |name: &str, label: (&str, &str)| {
        let labels = BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
        Namespace {
            metadata: ObjectMeta {
                labels: Some(labels),
                ..named(name)
            },
            ..Namespace::default()
        }
    };
    vec![
        labelled("garden", ("gardener.cloud/role", "garden")),
        labelled(PUBLIC_NAMESPACE, ("gardener.cloud/role", "public")),
    ]
}

/// What clients want to know about this installation: its API server's version.
pub(crate) fn gardener_info(version: &str) -> ConfigMap {
    let metadata = ObjectMeta {
        namespace: Some(PUBLIC_NAMESPACE.to_owned()),
        ..named(INFO)
    };
    let data = BTreeMap::from([("gardenerAPIServer".to_owned(), format!("version: {version}\n"))]);
    ConfigMap {
        metadata,
        data: Some(data),
        ..ConfigMap::default()
    }
}

pub(super) fn roles() -> Vec<Role> {
    let info = PolicyRule {
        resource_names: Some(vec![INFO.to_owned()]),
        ..rule(&[""], &["configmaps"], &READ)
    };
    let metadata = ObjectMeta {
        namespace: Some(PUBLIC_NAMESPACE.to_owned()),
        ..named(READ_PUBLIC)
    };
    vec![Role {
        metadata,
        rules: Some(vec![info]),
    }]
}

pub(super) fn role_bindings() -> Vec<RoleBinding> {
    vec![bind_role(
        PUBLIC_NAMESPACE,
        READ_PUBLIC,
        READ_PUBLIC,
        vec![group("system:authenticated")],
    )]
}
