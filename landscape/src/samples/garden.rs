//! Objects of the garden: the cloud profile of the local cloud, the sample project and shoot, credentials for DNS.

use landscape_upstream::KUBERNETES;
use serde_json::{Value, json};

/// The name of the seed in the garden.
pub(crate) const SEED: &str = "local";

/// gardenlet's user in the garden.
pub(crate) const GARDENLET_USER: &str = "gardener.cloud:system:seed:local";

/// The group of all gardenlets.
pub(crate) const GARDENLET_GROUP: &str = "gardener.cloud:system:seeds";

/// The sample project.
pub(crate) const PROJECT: &str = "dev";

/// Its namespace.
pub(crate) const PROJECT_NAMESPACE: &str = "garden-dev";

/// The sample shoot.
pub(crate) const SHOOT: &str = "first";

/// Whether the sample shoot has machines.
pub const SHOOT_HAS_MACHINES: bool = true;

/// The Secret with the cloud's credentials in the project's namespace, and the binding by which shoots name it.
const CREDENTIALS: &str = "local";

/// What can be had of the local cloud.
pub(crate) fn cloud_profile() -> Value {
    json!({
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "CloudProfile",
        "metadata": {"name": "local"},
        "spec": {
            "type": "local",
            "kubernetes": {"versions": [{"version": KUBERNETES.version, "classification": "supported"}]},
            "machineImages": [{
                "name": "local",
                "versions": [{"version": "1.0.0", "cri": [{"name": "containerd"}], "architectures": ["amd64"]}],
            }],
            "machineTypes": [
                {"name": "local", "cpu": "2", "gpu": "0", "memory": "2Gi", "architecture": "amd64"},
                {"name": "local-small", "cpu": "1", "gpu": "0", "memory": "1Gi", "architecture": "amd64"},
            ],
            "regions": [{"name": "local", "zones": [{"name": "0"}, {"name": "1"}]}],
        },
    })
}

/// The sample project.
pub(crate) fn project() -> Value {
    json!({
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "Project",
        "metadata": {"name": PROJECT},
        "spec": {
            "namespace": PROJECT_NAMESPACE,
            "description": "Shoots to try things with",
            "purpose": "evaluation",
        },
    })
}

/// The sample shoot.
pub(crate) fn shoot() -> Value {
    if SHOOT_HAS_MACHINES {
        shoot_with_machine()
    } else {
        workerless_shoot()
    }
}

/// A shoot with one machine.
fn shoot_with_machine() -> Value {
    let mut shoot = workerless_shoot();
    let more = json!({
        "credentialsBindingName": CREDENTIALS,
        "networking": {"type": "bridge", "nodes": "10.10.0.0/16"},
        "provider": {
            "type": "local",
            "workers": [{
                "name": "worker",
                "machine": {"type": "local", "image": {"name": "local", "version": "1.0.0"}},
                "minimum": 1,
                "maximum": 1,
                "zones": ["0"],
            }],
        },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        shoot["spec"][key] = value.clone();
    }
    shoot
}

/// A shoot that is a control plane without machines.
fn workerless_shoot() -> Value {
    json!({
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "Shoot",
        "metadata": {"name": SHOOT, "namespace": PROJECT_NAMESPACE},
        "spec": {
            "cloudProfile": {"kind": "CloudProfile", "name": "local"},
            "region": "local",
            "provider": {"type": "local"},
            "kubernetes": {"version": KUBERNETES.version},
            "purpose": "evaluation",
        },
    })
}

/// What the local provider needs to make DNS records: the cloud's address and token. The same in the garden, for shoots, and in the
/// seed, for the garden's own name.
pub(crate) fn dns_secret(endpoint: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "dns-local", "namespace": "garden"},
        "type": "Opaque",
        "stringData": {"endpoint": endpoint, "token": token},
    })
}

/// The cloud's credentials for shoots of the sample project.
pub(crate) fn cloud_secret(endpoint: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": CREDENTIALS,
            "namespace": PROJECT_NAMESPACE,
            "labels": {"provider.shoot.gardener.cloud/local": "true"},
        },
        "type": "Opaque",
        "stringData": {"endpoint": endpoint, "token": token},
    })
}

/// What makes a shoot's `credentialsBindingName` of them.
pub(crate) fn cloud_binding() -> Value {
    json!({
        "apiVersion": "security.gardener.cloud/v1alpha1",
        "kind": "CredentialsBinding",
        "metadata": {"name": CREDENTIALS, "namespace": PROJECT_NAMESPACE},
        "provider": {"type": "local"},
        "credentialsRef": {"apiVersion": "v1", "kind": "Secret", "namespace": PROJECT_NAMESPACE, "name": CREDENTIALS},
    })
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{CloudProfile, Project, Shoot};
    use api::security::v1alpha1::CredentialsBinding;
    use api::{defaulting, validation};
    use serde::de::DeserializeOwned;

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_api_takes_every_object() {
        let mut profile: CloudProfile = read(cloud_profile());
        defaulting::set_defaults_cloud_profile(&mut profile);
        assert!(
            validation::validate_cloud_profile(&profile).is_empty(),
            "{:?}",
            validation::validate_cloud_profile(&profile)
        );

        let mut project: Project = read(project());
        defaulting::set_defaults_project(&mut project);
        assert!(
            validation::validate_project(&project).is_empty(),
            "{:?}",
            validation::validate_project(&project)
        );

        check_shoot(read(workerless_shoot()));
        check_shoot(read(shoot_with_machine()));
        let binding: CredentialsBinding = read(cloud_binding());
        let errors = validation::validate_credentials_binding(&binding);
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[track_caller]
    fn check_shoot(mut shoot: Shoot) {
        defaulting::set_defaults_shoot(&mut shoot, 0);
        let errors = validation::validate_shoot(&shoot);
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn the_examples_are_shoots_that_the_api_takes() {
        let examples = [
            (include_str!("../../../examples/shoot-workerless.yaml"), 0),
            (include_str!("../../../examples/shoot.yaml"), 2),
        ];
        for (text, nodes) in examples {
            let shoot: Shoot = serde_yaml_ng::from_str(text).unwrap();
            assert_ne!(
                shoot.metadata.name.as_deref(),
                Some(SHOOT),
                "it is applied beside the sample"
            );
            let minimum: i32 = shoot.spec.provider.workers.iter().map(|worker| worker.minimum).sum();
            assert_eq!(minimum, nodes);
            check_shoot(shoot);
        }
    }
}
