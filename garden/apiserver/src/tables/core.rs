//! Rows of all kinds but Shoot.

use api::core::v1beta1::{
    CloudProfile, ConditionStatus, ControllerInstallation, ControllerRegistration, InternalSecret, Project, Seed,
};
use api::security::v1alpha1::CredentialsBinding;
use k8s_openapi::api::rbac::v1::Subject;
use serde_json::{Value, json};

use super::{condition, last_operation, or, text};

/// Conditions that together say whether a Seed is ready; one that nobody has set says nothing.
const SEED_CONDITIONS: [&str; 4] = [
    "GardenletReady",
    "BackupBucketsReady",
    "ExtensionsReady",
    "SeedSystemComponentsHealthy",
];

/// Namespace, Status, Owner, Creator.
pub(crate) fn project(project: &Project) -> Vec<Value> {
    let name = |subject: &Option<Subject>| or(subject.as_ref().map(|subject| subject.name.as_str()), "<unknown>");
    vec![
        or(project.spec.namespace.as_deref(), "<unknown>"),
        or(Some(project.status.phase.as_str()), "<unknown>"),
        name(&project.spec.owner),
        name(&project.spec.created_by),
    ]
}

/// Provider.
pub(crate) fn cloud_profile(profile: &CloudProfile) -> Vec<Value> {
    vec![text(&profile.spec.type_)]
}

/// Status, Last Operation, Provider, Region; after the age Version and K8S Version.
pub(crate) fn seed(seed: &Seed) -> Vec<Value> {
    let operation = seed.status.last_operation.as_ref();
    let version = seed.status.gardener.as_ref().map(|gardener| gardener.version.as_str());
    vec![
        text(seed_status(seed)),
        text(last_operation(operation)),
        text(&seed.spec.provider.type_),
        text(&seed.spec.provider.region),
        or(version, "<unknown>"),
        or(seed.status.kubernetes_version.as_deref(), "<unknown>"),
    ]
}

fn seed_status(seed: &Seed) -> &'static str {
    let conditions = &seed.status.conditions;
    let status = |name: &&str| {
        conditions
            .iter()
            .find(|condition| condition.type_ == **name)
            .map(|found| &found.status)
    };
    let known: Vec<_> = SEED_CONDITIONS.iter().filter_map(&status).collect();
    if status(&"GardenletReady").is_none() || known.contains(&&ConditionStatus::Unknown) {
        "Unknown"
    } else if known.contains(&&ConditionStatus::False) {
        "NotReady"
    } else {
        "Ready"
    }
}

/// Provider, API version, Kind and Name of the credentials.
pub(crate) fn credentials_binding(binding: &CredentialsBinding) -> Vec<Value> {
    let reference = &binding.credentials_ref;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    vec![
        text(&binding.provider.type_),
        text(part(&reference.api_version)),
        text(part(&reference.kind)),
        text(format!("{}/{}", part(&reference.namespace), part(&reference.name))),
    ]
}

/// Resources, as `Kind/Type, …`.
pub(crate) fn controller_registration(registration: &ControllerRegistration) -> Vec<Value> {
    let resources = registration
        .spec
        .resources
        .iter()
        .map(|resource| format!("{}/{}", resource.kind, resource.type_));
    vec![text(resources.collect::<Vec<_>>().join(", "))]
}

/// Registration, Cluster, Valid, Installed, Healthy, Progressing.
pub(crate) fn controller_installation(installation: &ControllerInstallation) -> Vec<Value> {
    let spec = &installation.spec;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let seed = spec.seed_ref.as_ref().map(|seed| format!("Seed/{}", part(&seed.name)));
    let shoot = spec
        .shoot_ref
        .as_ref()
        .map(|shoot| format!("Shoot/{}/{}", part(&shoot.namespace), part(&shoot.name)));
    let health = |name: &str| text(condition(&installation.status.conditions, name));
    vec![
        text(part(&spec.registration_ref.name)),
        or(seed.or(shoot).as_deref(), "<unknown>"),
        health("Valid"),
        health("Installed"),
        health("Healthy"),
        health("Progressing"),
    ]
}

/// Type, number of data.
pub(crate) fn internal_secret(secret: &InternalSecret) -> Vec<Value> {
    vec![text(&secret.type_), json!(secret.data.len())]
}
