//! What all pods of a control plane have in common: an unprivileged user, a read-only root, no service account token.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{
            Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, HTTPGetAction, PodSecurityContext,
            PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
            TopologySpreadConstraint, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use crate::{ControlPlane, Resource, labels, volumes::Files};

/// The unprivileged user and group of all our pods.
const USER: i64 = 65532;

/// A component as a container with its files; a Deployment or a static pod is made of it.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    /// Name of the container.
    pub(crate) name: &'static str,
    /// Label `role` of its pods.
    pub(crate) role: &'static str,
    /// Its image.
    pub(crate) image: String,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The port that it serves.
    pub(crate) port: i32,
    /// Its files.
    pub(crate) files: Vec<Files>,
    /// How its health is asked for.
    pub(crate) health: Health,
    /// What it may count on.
    pub(crate) requests: Resource,
    /// Further labels of its pods.
    pub(crate) pod_labels: BTreeMap<String, String>,
    /// Annotations of its pods: a change makes new pods.
    pub(crate) pod_annotations: BTreeMap<String, String>,
    /// What must accept connections before the container starts.
    pub(crate) waits_for: Option<WaitsFor>,
    /// A further container of its pods.
    pub(crate) beside: Option<Beside>,
    /// Empty directories that both containers see.
    pub(crate) shared: Vec<SharedDirectory>,
}

/// A port that a pod waits for before its containers start.
#[derive(Clone, Debug)]
pub(crate) struct WaitsFor {
    /// Image of the waiting program: the project's own.
    pub(crate) image: String,
    /// Host and port, `etcd-main-client:2379`.
    pub(crate) address: String,
}

/// A container beside a component's own.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// Name of the container.
    pub(crate) name: &'static str,
    /// Its image.
    pub(crate) image: String,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
    /// Name and number of the port that it serves.
    pub(crate) port: (&'static str, i32),
    /// Its files; those with the name of one of the component's are the same.
    pub(crate) files: Vec<Files>,
    /// How its health is asked for.
    pub(crate) health: Health,
    /// What it may count on.
    pub(crate) requests: Resource,
}

/// A directory of the pod, empty when it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedDirectory {
    /// Name of the volume.
    pub(crate) name: &'static str,
    /// Where the containers see it.
    pub(crate) path: &'static str,
}

/// Where a component tells its health.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    /// `HTTPS` or `HTTP`.
    pub(crate) scheme: &'static str,
    /// Port; the address is the pod's, or loopback in a static pod that binds to it.
    pub(crate) port: i32,
    /// Path that says that the process is alive.
    pub(crate) live: &'static str,
    /// Path that says that it can serve.
    pub(crate) ready: &'static str,
    /// Address when it is not the pod's.
    pub(crate) host: Option<&'static str>,
}

impl Component {
    /// The container.
    pub(crate) fn container(&self) -> Container {
        let environment: Vec<EnvVar> = self
            .environment
            .iter()
            .map(|(name, value)| EnvVar {
                name: (*name).to_owned(),
                value: Some(value.clone()),
                value_from: None,
            })
            .collect();
        Container {
            name: self.name.to_owned(),
            image: Some(self.image.clone()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(self.command.clone()),
            env: (!environment.is_empty()).then_some(environment),
            ports: Some(ports("https", self.port)),
            resources: Some(requests(&self.requests)),
            startup_probe: Some(self.health.startup()),
            readiness_probe: Some(self.health.readiness()),
            liveness_probe: Some(self.health.liveness()),
            security_context: Some(container_security()),
            volume_mounts: self.mounts(&self.files),
            ..Container::default()
        }
    }

    fn container_beside(&self, beside: &Beside) -> Container {
        Container {
            name: beside.name.to_owned(),
            image: Some(beside.image.clone()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: Some(beside.command.clone()),
            ports: Some(ports(beside.port.0, beside.port.1)),
            resources: Some(requests(&beside.requests)),
            startup_probe: Some(beside.health.startup()),
            readiness_probe: Some(beside.health.readiness()),
            liveness_probe: Some(beside.health.liveness()),
            security_context: Some(container_security()),
            volume_mounts: self.mounts(&beside.files),
            ..Container::default()
        }
    }

    fn mounts(&self, files: &[Files]) -> Option<Vec<VolumeMount>> {
        let shared = self.shared.iter().map(|directory| VolumeMount {
            name: directory.name.to_owned(),
            mount_path: directory.path.to_owned(),
            ..VolumeMount::default()
        });
        let mounts: Vec<VolumeMount> = files.iter().map(Files::mount).chain(shared).collect();
        (!mounts.is_empty()).then_some(mounts)
    }

    fn volumes(&self) -> Option<Vec<Volume>> {
        let mut volumes: Vec<Volume> = self.files.iter().map(Files::volume).collect();
        for files in self.beside.iter().flat_map(|beside| &beside.files) {
            if !volumes.iter().any(|volume| volume.name == files.name) {
                volumes.push(files.volume());
            }
        }
        volumes.extend(self.shared.iter().map(|directory| Volume {
            name: directory.name.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        }));
        (!volumes.is_empty()).then_some(volumes)
    }

    fn pod(&self, plane: &ControlPlane) -> PodSpec {
        PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            priority_class_name: plane.priority_class.clone(),
            security_context: Some(pod_security()),
            termination_grace_period_seconds: Some(30),
            init_containers: self.waits_for.as_ref().map(|waits_for| vec![waits_for.container()]),
            containers: std::iter::once(self.container())
                .chain(self.beside.iter().map(|beside| self.container_beside(beside)))
                .collect(),
            volumes: self.volumes(),
            topology_spread_constraints: plane.is_highly_available().then(|| vec![self.spread()]),
            ..PodSpec::default()
        }
    }

    fn spread(&self) -> TopologySpreadConstraint {
        TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "DoNotSchedule".to_owned(),
            label_selector: Some(LabelSelector {
                match_labels: Some(labels::selector(self.role)),
                ..LabelSelector::default()
            }),
            ..TopologySpreadConstraint::default()
        }
    }

    /// The Deployment of `replicas` pods.
    pub(crate) fn deployment(&self, plane: &ControlPlane, name: &str, replicas: i32) -> Deployment {
        let mut pod_labels = labels::component(self.role);
        pod_labels.extend(self.pod_labels.clone());
        let template_metadata = ObjectMeta {
            labels: Some(pod_labels),
            annotations: (!self.pod_annotations.is_empty()).then(|| self.pod_annotations.clone()),
            ..ObjectMeta::default()
        };
        Deployment {
            metadata: labels::metadata(plane, plane.name(name), labels::component(self.role)),
            spec: Some(DeploymentSpec {
                replicas: Some(replicas),
                revision_history_limit: Some(1),
                selector: LabelSelector {
                    match_labels: Some(labels::selector(self.role)),
                    ..LabelSelector::default()
                },
                // The new pod is there before the old one goes: an update does not interrupt.
                strategy: Some(DeploymentStrategy {
                    type_: Some("RollingUpdate".to_owned()),
                    rolling_update: Some(RollingUpdateDeployment {
                        max_surge: Some(IntOrString::Int(1)),
                        max_unavailable: Some(IntOrString::Int(0)),
                    }),
                }),
                template: PodTemplateSpec {
                    metadata: Some(template_metadata),
                    spec: Some(self.pod(plane)),
                },
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }
}

impl WaitsFor {
    /// It waits as long as it takes, and says what for.
    fn container(&self) -> Container {
        Container {
            name: "wait-for-port".to_owned(),
            image: Some(self.image.clone()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            args: Some(vec!["wait-for-port".to_owned(), self.address.clone()]),
            security_context: Some(container_security()),
            ..Container::default()
        }
    }
}

impl Health {
    fn get(&self, path: &str) -> Probe {
        Probe {
            http_get: Some(HTTPGetAction {
                scheme: Some(self.scheme.to_owned()),
                port: IntOrString::Int(self.port),
                path: Some(path.to_owned()),
                host: self.host.map(str::to_owned),
                ..HTTPGetAction::default()
            }),
            ..Probe::default()
        }
    }

    /// Asked every second from the beginning: what waits for the component sees it at once. It may take two minutes, on a
    /// machine where ten control planes start together.
    fn startup(&self) -> Probe {
        Probe {
            period_seconds: Some(1),
            timeout_seconds: Some(5),
            failure_threshold: Some(120),
            ..self.get(self.ready)
        }
    }

    fn readiness(&self) -> Probe {
        Probe {
            period_seconds: Some(2),
            timeout_seconds: Some(5),
            success_threshold: Some(1),
            failure_threshold: Some(3),
            ..self.get(self.ready)
        }
    }

    /// Relaxed: a restart of a busy process only makes things worse.
    fn liveness(&self) -> Probe {
        Probe {
            period_seconds: Some(10),
            timeout_seconds: Some(15),
            success_threshold: Some(1),
            failure_threshold: Some(6),
            ..self.get(self.live)
        }
    }
}

fn ports(name: &str, port: i32) -> Vec<ContainerPort> {
    vec![ContainerPort {
        name: Some(name.to_owned()),
        container_port: port,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }]
}

fn requests(resource: &Resource) -> ResourceRequirements {
    ResourceRequirements {
        requests: Some(quantities(resource)),
        ..ResourceRequirements::default()
    }
}

/// Requests as Kubernetes writes them.
pub(crate) fn quantities(resource: &Resource) -> BTreeMap<String, Quantity> {
    BTreeMap::from([
        ("cpu".to_owned(), Quantity(resource.cpu.clone())),
        ("memory".to_owned(), Quantity(resource.memory.clone())),
    ])
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: None,
        }),
        ..SecurityContext::default()
    }
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}
