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
            "machineTypes": [{"name": "local", "cpu": "2", "gpu": "0", "memory": "2Gi", "architecture": "amd64"}],
            "regions": [{"name": "local", "zones": [{"name": "0"}]}],
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

/// The sample shoot: a control plane without machines.
pub(crate) fn shoot() -> Value {
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

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{CloudProfile, Project, Shoot};
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

        let mut shoot: Shoot = read(shoot());
        defaulting::set_defaults_shoot(&mut shoot, 0);
        assert!(
            validation::validate_shoot(&shoot).is_empty(),
            "{:?}",
            validation::validate_shoot(&shoot)
        );
    }

    #[test]
    fn the_example_is_a_shoot_that_the_api_takes() {
        let text = include_str!("../../../examples/shoot-workerless.yaml");
        let mut shoot: Shoot = serde_yaml_ng::from_str(text).unwrap();
        assert_ne!(
            shoot.metadata.name.as_deref(),
            Some(SHOOT),
            "it is applied beside the sample"
        );
        defaulting::set_defaults_shoot(&mut shoot, 0);
        assert!(
            validation::validate_shoot(&shoot).is_empty(),
            "{:?}",
            validation::validate_shoot(&shoot)
        );
    }
}
