//! The Deployment of one of our own processes: one way for all of them.
//!
//! In: a [`Process`], what sets one process apart from the others. Out: its Deployment.
//! Absent: what the flags mean, and Services.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The user and group that our processes run as: distroless images' `nonroot`.
const NON_ROOT: i64 = 65532;

/// A process whose start takes longer than this many seconds is restarted; generous, for a machine that is busy.
const START_SECONDS: i32 = 120;

/// What sets one process apart from the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    /// Name of the Deployment, and of the process as the binary knows it unless `program` says otherwise.
    pub(crate) name: String,
    /// The process's name as the binary knows it.
    pub(crate) program: Option<String>,
    /// The image to run.
    pub(crate) image: String,
    /// Flags.
    pub(crate) arguments: Vec<String>,
    /// Environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Named ports that it listens on.
    pub(crate) ports: Vec<(&'static str, i32)>,
    /// Where it answers `/healthz` and `/readyz`.
    pub(crate) health: Health,
    /// Service account in the runtime cluster whose token it gets; none for what only talks to the virtual garden.
    pub(crate) service_account: Option<String>,
    /// Files: a volume and where it is mounted.
    pub(crate) files: Vec<(Volume, VolumeMount)>,
    /// What the pod asks for.
    pub(crate) requests: Requests,
    /// A change of these makes new pods: checksums of what the process reads only once.
    pub(crate) annotations: BTreeMap<String, String>,
    /// Labels of the pods beyond `app` and `role`.
    pub(crate) pod_labels: BTreeMap<String, String>,
    /// Who gives way to whom when the runtime cluster is full.
    pub(crate) priority_class: Option<&'static str>,
}

/// How a process tells that it is alive and ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    /// The port.
    pub(crate) port: i32,
    /// Whether it speaks TLS there.
    pub(crate) tls: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self { port: 8081, tls: false }
    }
}

/// What a pod asks for. There are no limits: a process that is killed for memory helps nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requests {
    /// CPU.
    pub(crate) cpu: &'static str,
    /// Memory.
    pub(crate) memory: &'static str,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            cpu: "10m",
            memory: "24Mi",
        }
    }
}

impl Process {
    /// The labels by which the Deployment, and a Service, find the pods.
    pub(crate) fn selector(name: &str) -> BTreeMap<String, String> {
        let role = name.strip_prefix("gardener-").unwrap_or(name);
        BTreeMap::from([
            ("app".to_owned(), "gardener".to_owned()),
            ("role".to_owned(), role.to_owned()),
        ])
    }

    /// The Deployment of one replica in `namespace`.
    pub(crate) fn deployment(self, namespace: &str) -> Deployment {
        let selector = Self::selector(&self.name);
        let metadata = ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(namespace.to_owned()),
            labels: Some(selector.clone()),
            ..ObjectMeta::default()
        };
        let mut labels = selector.clone();
        labels.extend(self.pod_labels.clone());
        let template = PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(labels),
                annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
                ..ObjectMeta::default()
            }),
            spec: Some(self.pod()),
        };
        Deployment {
            metadata,
            spec: Some(DeploymentSpec {
                replicas: Some(1),
                revision_history_limit: Some(1),
                selector: LabelSelector {
                    match_labels: Some(selector),
                    ..LabelSelector::default()
                },
                strategy: Some(DeploymentStrategy::default()),
                template,
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }

    fn pod(self) -> PodSpec {
        PodSpec {
            automount_service_account_token: Some(self.service_account.is_some()),
            service_account_name: self.service_account.clone(),
            priority_class_name: self.priority_class.map(str::to_owned),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(NON_ROOT),
                run_as_group: Some(NON_ROOT),
                fs_group: Some(NON_ROOT),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            volumes: (!self.files.is_empty()).then(|| self.files.iter().map(|(volume, _)| volume.clone()).collect()),
            containers: vec![self.container()],
            ..PodSpec::default()
        }
    }

    fn container(self) -> Container {
        let program = self.program.unwrap_or_else(|| self.name.clone());
        let environment = self.environment.into_iter();
        let environment: Vec<_> = environment
            .map(|(name, value)| EnvVar {
                name,
                value: Some(value),
                ..EnvVar::default()
            })
            .collect();
        let ports = self.ports.iter().map(|(name, port)| ContainerPort {
            name: Some((*name).to_owned()),
            container_port: *port,
            ..ContainerPort::default()
        });
        Container {
            name: self.name,
            image: Some(self.image),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            args: Some(std::iter::once(program).chain(self.arguments).collect()),
            env: (!environment.is_empty()).then_some(environment),
            ports: (!self.ports.is_empty()).then(|| ports.collect()),
            liveness_probe: Some(probe(self.health, "/healthz", 10, 3)),
            readiness_probe: Some(probe(self.health, "/readyz", 2, 2)),
            startup_probe: Some(probe(self.health, "/healthz", 1, START_SECONDS)),
            resources: Some(resources(self.requests)),
            security_context: Some(restricted()),
            volume_mounts: (!self.files.is_empty()).then(|| self.files.into_iter().map(|(_, mount)| mount).collect()),
            ..Container::default()
        }
    }
}

fn probe(health: Health, path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(health.port),
            scheme: Some(if health.tls { "HTTPS" } else { "HTTP" }.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn resources(requests: Requests) -> ResourceRequirements {
    let quantity = |text: &str| Quantity(text.to_owned());
    let requests = [("cpu", requests.cpu), ("memory", requests.memory)];
    ResourceRequirements {
        requests: Some(
            requests
                .into_iter()
                .map(|(name, text)| (name.to_owned(), quantity(text)))
                .collect(),
        ),
        ..ResourceRequirements::default()
    }
}

fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}
