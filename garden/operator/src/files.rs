//! Volumes of our processes' pods: Secrets and ConfigMaps as files.
//!
//! In: names. Out: a volume and its mount, as a pair. Absent: what the files hold.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, KeyToPath, ProjectedVolumeSource, SecretProjection, SecretVolumeSource, Volume, VolumeMount,
    VolumeProjection,
};

/// Where Gardener's components find their kubeconfig for the cluster whose control plane they belong to.
pub(crate) const GENERIC_KUBECONFIG_DIRECTORY: &str = "/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig";

/// Owner, group (the pod's `fsGroup`) may read; nobody may write.
const READ_ONLY_MODE: i32 = 0o440;

/// A Secret's keys as files in `directory`.
pub(crate) fn secret(volume: &str, secret: &str, directory: &str) -> (Volume, VolumeMount) {
    let source = SecretVolumeSource {
        secret_name: Some(secret.to_owned()),
        default_mode: Some(READ_ONLY_MODE),
        ..SecretVolumeSource::default()
    };
    let volume = Volume {
        name: volume.to_owned(),
        secret: Some(source),
        ..Volume::default()
    };
    mounted(volume, directory)
}

/// A ConfigMap's keys as files in `directory`.
pub(crate) fn config_map(volume: &str, config_map: &str, directory: &str) -> (Volume, VolumeMount) {
    let source = ConfigMapVolumeSource {
        name: config_map.to_owned(),
        default_mode: Some(READ_ONLY_MODE),
        ..ConfigMapVolumeSource::default()
    };
    let volume = Volume {
        name: volume.to_owned(),
        config_map: Some(source),
        ..Volume::default()
    };
    mounted(volume, directory)
}

/// The generic kubeconfig beside the token of one component, as `kubeconfig` and `token`.
pub(crate) fn generic_kubeconfig(generic_secret: &str, access_secret: &str) -> (Volume, VolumeMount) {
    let item = |secret: &str, key: &str| VolumeProjection {
        secret: Some(SecretProjection {
            name: secret.to_owned(),
            items: Some(vec![KeyToPath {
                key: key.to_owned(),
                path: key.to_owned(),
                mode: None,
            }]),
            // The pod must wait for its token rather than start without it.
            optional: Some(false),
        }),
        ..VolumeProjection::default()
    };
    let projected = ProjectedVolumeSource {
        default_mode: Some(READ_ONLY_MODE),
        sources: Some(vec![item(generic_secret, "kubeconfig"), item(access_secret, "token")]),
    };
    let volume = Volume {
        name: "kubeconfig".to_owned(),
        projected: Some(projected),
        ..Volume::default()
    };
    mounted(volume, GENERIC_KUBECONFIG_DIRECTORY)
}

fn mounted(volume: Volume, directory: &str) -> (Volume, VolumeMount) {
    let mount = VolumeMount {
        name: volume.name.clone(),
        mount_path: directory.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    (volume, mount)
}
