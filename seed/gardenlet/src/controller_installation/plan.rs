//! What an installation is in the seed. Pure.
//!
//! In: the installation's name and annotations, its rendered chart. Out: a namespace of its own, a Secret with the objects, and the
//! ManagedResource that has resource-manager apply them.

use std::collections::BTreeMap;

use api::{
    constants,
    core::v1beta1::{ControllerInstallation, ControllerRegistration},
    resources::v1alpha1::{ManagedResource, ManagedResourceSpec},
};
use k8s_openapi::{
    ByteString,
    api::core::v1::{LocalObjectReference, Namespace, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt;

/// Where ManagedResources of installations lie.
pub(super) const NAMESPACE: &str = constants::GARDEN_NAMESPACE;
/// Tells the ManagedResource's installation (Gardener's name).
pub(super) const INSTALLATION_LABEL: &str = "controllerinstallation-name";
/// The class of ManagedResources whose objects belong into the seed itself.
const CLASS_SEED: &str = "seed";
const KEY: &str = "objects.yaml";

/// Whoever registers an extension says how much its pods may do (Gardener's name); of Kubernetes, the label that enforces it.
const POD_SECURITY_ANNOTATION: &str = "security.gardener.cloud/pod-security-enforce";
const POD_SECURITY_LABEL: &str = "pod-security.kubernetes.io/enforce";
const POD_SECURITY_DEFAULT: &str = "restricted";

/// The objects of an installation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) namespace: Namespace,
    pub(super) secret: Secret,
    pub(super) resource: ManagedResource,
}

/// The namespace of an installation.
pub(super) fn namespace_of(installation: &str) -> String {
    format!("extension-{installation}")
}

/// Plans an installation.
pub(super) fn plan(
    installation: &ControllerInstallation,
    registration: &ControllerRegistration,
    rendered: String,
) -> Plan {
    let name = installation.name_any();
    let labels = BTreeMap::from([(INSTALLATION_LABEL.to_owned(), name.clone())]);
    let metadata = ObjectMeta {
        name: Some(name.clone()),
        namespace: Some(NAMESPACE.to_owned()),
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    Plan {
        namespace: namespace(installation, registration),
        secret: Secret {
            metadata: metadata.clone(),
            data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(rendered.into_bytes()))])),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        },
        resource: ManagedResource {
            metadata,
            spec: ManagedResourceSpec {
                class: Some(CLASS_SEED.to_owned()),
                secret_refs: vec![LocalObjectReference { name }],
                ..ManagedResourceSpec::default()
            },
            ..ManagedResource::default()
        },
    }
}

fn namespace(installation: &ControllerInstallation, registration: &ControllerRegistration) -> Namespace {
    let annotations = installation.annotations();
    let security = annotations
        .get(POD_SECURITY_ANNOTATION)
        .map_or(POD_SECURITY_DEFAULT, String::as_str);
    let labels = [
        (constants::GARDEN_ROLE, constants::ROLE_EXTENSION.to_owned()),
        (constants::LABEL_CONTROLLER_REGISTRATION_NAME, registration.name_any()),
        (POD_SECURITY_LABEL, security.to_owned()),
    ];
    Namespace {
        metadata: ObjectMeta {
            name: Some(namespace_of(&installation.name_any())),
            labels: Some(labels.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}
