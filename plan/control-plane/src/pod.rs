//! What all pods of a control plane have in common: an unprivileged user, a read-only root, no service account token.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{
            Capabilities, Container, EnvVar, HTTPGetAction, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
            ResourceRequirements, SeccompProfile, SecurityContext, TopologySpreadConstraint,
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
            ports: Some(vec![k8s_openapi::api::core::v1::ContainerPort {
                name: Some("https".to_owned()),
                container_port: self.port,
                protocol: Some("TCP".to_owned()),
                ..k8s_openapi::api::core::v1::ContainerPort::default()
            }]),
            resources: Some(ResourceRequirements {
                requests: Some(quantities(&self.requests)),
                ..ResourceRequirements::default()
            }),
            startup_probe: Some(self.health.startup()),
            readiness_probe: Some(self.health.readiness()),
            liveness_probe: Some(self.health.liveness()),
            security_context: Some(container_security()),
            volume_mounts: (!self.files.is_empty()).then(|| self.files.iter().map(Files::mount).collect()),
            ..Container::default()
        }
    }

    fn pod(&self, plane: &ControlPlane) -> PodSpec {
        PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            priority_class_name: plane.priority_class.clone(),
            security_context: Some(pod_security()),
            termination_grace_period_seconds: Some(30),
            containers: vec![self.container()],
            volumes: (!self.files.is_empty()).then(|| self.files.iter().map(Files::volume).collect()),
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
