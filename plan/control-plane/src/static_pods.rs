//! The same components as static pods: for a machine without an API server above it, such as a seed's own.
//!
//! Instead of Secrets the pods mount directories of the host, one per volume, below one directory; [`StaticPods::files`]
//! says which files they must hold. The pods run as root, since the kubelet does not chown a host's directories, but with
//! no capability, a read-only root file system and seccomp.

use k8s_openapi::{
    api::core::v1::{
        Container, HostPathVolumeSource, Pod, PodSecurityContext, PodSpec, SeccompProfile, Volume, VolumeMount,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::{
    ComponentAccess, ControlPlane, etcd, kube_apiserver, kube_controller_manager, kube_scheduler, labels,
    pod::Component,
    volumes::{Files, Source},
};

/// Where the host keeps what static pods need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticPodsOptions {
    /// Directory below which there is one directory of files per volume.
    pub files_directory: String,
    /// Directory of etcd's data.
    pub data_directory: String,
}

/// The pods of a control plane, and the files that they need on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticPods {
    /// etcd, kube-apiserver, kube-controller-manager, kube-scheduler.
    pub pods: Vec<Pod>,
    /// Files, each once, relative to [`StaticPodsOptions::files_directory`].
    pub files: Vec<StaticFile>,
}

/// A file that a static pod needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaticFile {
    /// Its path below the files directory: `server/tls.crt`.
    pub path: String,
    /// The Secret that holds it in a cluster, by the name in [`crate::SecretNames`], and the key; the host's file has the same content.
    pub secret: Option<(String, String)>,
    /// Its content, when it is no secret but configuration.
    pub content: Option<String>,
}

impl StaticPods {
    /// Plans the pods of `plane`. Its Secret names say which content belongs into which file; the Secrets need not exist.
    pub fn plan(plane: &ControlPlane, options: &StaticPodsOptions) -> Self {
        let components = [
            etcd::local_component(plane),
            kube_apiserver::component(plane),
            kube_controller_manager::component(plane),
            kube_scheduler::component(plane),
        ];
        let mut files: Vec<StaticFile> = components
            .iter()
            .flat_map(|component| &component.files)
            .flat_map(static_files)
            .collect();
        files.sort();
        files.dedup();
        Self {
            pods: components
                .iter()
                .map(|component| pod(plane, options, component))
                .collect(),
            files,
        }
    }
}

fn static_files(files: &Files) -> Vec<StaticFile> {
    let file = |key: &str, secret: &str| StaticFile {
        path: format!("{}/{key}", files.name),
        secret: Some((secret.to_owned(), key.to_owned())),
        content: None,
    };
    match &files.source {
        Source::Secret { name, keys } => keys.iter().map(|key| file(key, name)).collect(),
        Source::ConfigMap {
            file: (key, content), ..
        } => {
            vec![StaticFile {
                path: format!("{}/{key}", files.name),
                secret: None,
                content: Some(content.clone()),
            }]
        }
        Source::Access(ComponentAccess::Kubeconfig(name)) => vec![file("kubeconfig", name)],
        Source::Access(ComponentAccess::Token {
            generic_kubeconfig,
            token,
        }) => {
            vec![file("kubeconfig", generic_kubeconfig), file("token", token)]
        }
    }
}

fn pod(plane: &ControlPlane, options: &StaticPodsOptions, component: &Component) -> Pod {
    let mut container = component.container();
    let directory = options.files_directory.trim_end_matches('/');
    let mut volumes: Vec<Volume> = component
        .files
        .iter()
        .map(|files| files.host_volume(directory))
        .collect();
    if component.name == "etcd" {
        add_data(&mut container, &mut volumes, &options.data_directory);
    }
    let mut pod_labels = labels::component(component.role);
    pod_labels.extend(component.pod_labels.clone());
    let annotations = (!component.pod_annotations.is_empty()).then(|| component.pod_annotations.clone());
    Pod {
        metadata: ObjectMeta {
            annotations,
            ..labels::metadata(plane, plane.name(component.name), pod_labels)
        },
        spec: Some(PodSpec {
            host_network: Some(true),
            priority_class_name: Some("system-node-critical".to_owned()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_user: Some(0),
                run_as_group: Some(0),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            containers: vec![container],
            volumes: Some(volumes),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

fn add_data(container: &mut Container, volumes: &mut Vec<Volume>, directory: &str) {
    container.volume_mounts.get_or_insert_default().push(VolumeMount {
        name: "data".to_owned(),
        mount_path: etcd::DATA.to_owned(),
        ..VolumeMount::default()
    });
    volumes.push(Volume {
        name: "data".to_owned(),
        host_path: Some(HostPathVolumeSource {
            path: directory.to_owned(),
            type_: Some("DirectoryOrCreate".to_owned()),
        }),
        ..Volume::default()
    });
}
