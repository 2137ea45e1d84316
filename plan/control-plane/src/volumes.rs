//! Where a component's files come from: Secrets and ConfigMaps in a cluster, directories of the host in a static pod.
//!
//! Both hold the same files at the same paths, so that a component's arguments are the same for both.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, HostPathVolumeSource, KeyToPath, ProjectedVolumeSource, SecretProjection,
    SecretVolumeSource, Volume, VolumeMount, VolumeProjection,
};

use crate::ComponentAccess;

/// Files of Secrets are readable by the pod's user and group only.
const SECRET_MODE: i32 = 0o440;

/// A directory of files in a container.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// Name of the volume, and of the host's directory in a static pod.
    pub(crate) name: &'static str,
    /// Where the container sees it.
    pub(crate) path: &'static str,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// Where files come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A Secret: its keys are the files.
    Secret {
        /// Its name.
        name: String,
        /// The keys that are files.
        keys: &'static [&'static str],
    },
    /// A ConfigMap: its keys are the files, with this content.
    ConfigMap {
        /// Its name.
        name: String,
        /// The only key and its content.
        file: (&'static str, String),
    },
    /// A component's kubeconfig.
    Access(ComponentAccess),
}

/// Both halves of a certificate.
pub(crate) const CERTIFICATE: &[&str] = &["tls.crt", "tls.key"];
/// A bundle of authorities.
pub(crate) const BUNDLE: &[&str] = &["bundle.crt"];
/// An authority that signs.
pub(crate) const AUTHORITY: &[&str] = &["ca.crt", "ca.key"];

/// Where components find the kubeconfig of their API server: Gardener's path.
pub(crate) const KUBECONFIG_DIRECTORY: &str = "/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig";
/// The kubeconfig itself.
pub(crate) const KUBECONFIG: &str = "/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig/kubeconfig";

impl Files {
    pub(crate) fn secret(name: &'static str, path: &'static str, secret: &str, keys: &'static [&'static str]) -> Self {
        Self {
            name,
            path,
            source: Source::Secret {
                name: secret.to_owned(),
                keys,
            },
        }
    }

    /// `name` differs between components: each has an identity of its own.
    pub(crate) fn kubeconfig(name: &'static str, access: &ComponentAccess) -> Self {
        Self {
            name,
            path: KUBECONFIG_DIRECTORY,
            source: Source::Access(access.clone()),
        }
    }

    /// The container's view.
    pub(crate) fn mount(&self) -> VolumeMount {
        VolumeMount {
            name: self.name.to_owned(),
            mount_path: self.path.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        }
    }

    /// The pod's volume in a cluster.
    pub(crate) fn volume(&self) -> Volume {
        let mut volume = Volume {
            name: self.name.to_owned(),
            ..Volume::default()
        };
        match &self.source {
            Source::Secret { name, .. } => volume.secret = Some(secret(name)),
            Source::ConfigMap { name, .. } => {
                volume.config_map = Some(ConfigMapVolumeSource {
                    name: name.clone(),
                    ..ConfigMapVolumeSource::default()
                });
            }
            Source::Access(ComponentAccess::Kubeconfig(name)) => volume.secret = Some(secret(name)),
            Source::Access(ComponentAccess::Token {
                generic_kubeconfig,
                token,
            }) => {
                volume.projected = Some(ProjectedVolumeSource {
                    default_mode: Some(SECRET_MODE),
                    sources: Some(vec![project(generic_kubeconfig, "kubeconfig"), project(token, "token")]),
                });
            }
        }
        volume
    }

    /// The pod's volume on a host that keeps the files below `directory`.
    pub(crate) fn host_volume(&self, directory: &str) -> Volume {
        let host_path = HostPathVolumeSource {
            path: format!("{directory}/{}", self.name),
            type_: Some("Directory".to_owned()),
        };
        Volume {
            name: self.name.to_owned(),
            host_path: Some(host_path),
            ..Volume::default()
        }
    }
}

fn secret(name: &str) -> SecretVolumeSource {
    SecretVolumeSource {
        secret_name: Some(name.to_owned()),
        default_mode: Some(SECRET_MODE),
        ..SecretVolumeSource::default()
    }
}

fn project(secret: &str, key: &str) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection {
            name: secret.to_owned(),
            items: Some(vec![KeyToPath {
                key: key.to_owned(),
                path: key.to_owned(),
                mode: None,
            }]),
            optional: Some(false),
        }),
        ..VolumeProjection::default()
    }
}
