//! Plans what an `Etcd` object stands for.
//!
//! In: an [`Etcd`] and the image. Out: [`EtcdObjects`]: the Services and the StatefulSet, owned by the object, so that
//! they go with it. The volumes stay: losing an object must never lose a cluster's data; its namespace takes them along.
//!
//! **Invariant:** nothing here talks to a cluster. One member is planned today; a wish for more is an error, not a guess.

use std::collections::BTreeMap;

use api::druid::v1alpha1::{Etcd, EtcdConfig, TlsConfig};
use apimachinery::quantity::Amount;
use k8s_openapi::{
    api::{
        apps::v1::{
            StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
        },
        core::v1::{
            Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, PersistentVolumeClaim,
            PersistentVolumeClaimSpec, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
            SeccompProfile, SecretVolumeSource, SecurityContext, Service, ServicePort, ServiceSpec, Volume,
            VolumeMount, VolumeResourceRequirements,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference},
        util::intstr::IntOrString,
    },
};
use kube::Resource;

use crate::names;

/// What clients dial when the object does not say (druid's default).
const CLIENT_PORT: i32 = 2379;
/// What members dial when the object does not say (druid's default).
const PEER_PORT: i32 = 2380;
/// Plain HTTP with nothing but `/health` and `/metrics`: probes need no client certificate.
const METRICS_PORT: i32 = 2381;
/// A volume's size when the object does not say (druid's default).
const STORAGE: &str = "16Gi";
/// A database's upper bound when the object does not say (druid's default).
const QUOTA_BYTES: i64 = 8 << 30;
/// The unprivileged user that all our pods run as.
const USER: i64 = 65532;
const DATA_DIRECTORY: &str = "/var/etcd/data";

/// Why an `Etcd` object can't be planned; only its author can change it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// More members than are supported.
    #[error("spec.replicas: Invalid value: {0}: one member is supported at present; set it to 1, or to 0 to stop etcd")]
    Replicas(i32),
    /// The object is not one that an API server gave out.
    #[error("the Etcd object has no {0}")]
    Incomplete(&'static str),
    /// A size that can't be read.
    #[error("spec.etcd.quota: Invalid value: {0:?}: must be a quantity of bytes such as 8Gi")]
    Quota(String),
}

/// The complete set of objects of one etcd.
#[derive(Clone, Debug)]
pub struct EtcdObjects {
    /// Where clients connect.
    pub client_service: Service,
    /// Gives every member a name of its own; headless.
    pub peer_service: Service,
    /// The members.
    pub stateful_set: StatefulSet,
}

/// Plans the objects of `etcd`.
pub fn plan(etcd: &Etcd, image: &str) -> Result<EtcdObjects, PlanError> {
    let replicas = etcd.spec.replicas;
    if !(0..=1).contains(&replicas) {
        return Err(PlanError::Replicas(replicas));
    }
    let context = Context::new(etcd)?;
    Ok(EtcdObjects {
        client_service: client_service(&context),
        peer_service: peer_service(&context),
        stateful_set: stateful_set(&context, image, replicas)?,
    })
}

/// The parts of the object that several of its children need.
struct Context<'a> {
    etcd: &'a Etcd,
    name: &'a str,
    namespace: &'a str,
    owner: OwnerReference,
    client_port: i32,
    peer_port: i32,
}

impl<'a> Context<'a> {
    fn new(etcd: &'a Etcd) -> Result<Self, PlanError> {
        Ok(Self {
            etcd,
            name: etcd.metadata.name.as_deref().ok_or(PlanError::Incomplete("name"))?,
            namespace: etcd
                .metadata
                .namespace
                .as_deref()
                .ok_or(PlanError::Incomplete("namespace"))?,
            owner: etcd.controller_owner_ref(&()).ok_or(PlanError::Incomplete("uid"))?,
            client_port: etcd.spec.etcd.client_port.unwrap_or(CLIENT_PORT),
            peer_port: etcd.spec.etcd.server_port.unwrap_or(PEER_PORT),
        })
    }

    fn config(&self) -> &EtcdConfig {
        &self.etcd.spec.etcd
    }

    fn metadata(&self, name: String) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.to_owned()),
            labels: Some(self.labels()),
            owner_references: Some(vec![self.owner.clone()]),
            ..ObjectMeta::default()
        }
    }

    /// Labels of druid, and those that the object asks for.
    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.selector();
        labels.extend(self.etcd.spec.labels.clone());
        labels
    }

    /// Labels that never change: a StatefulSet's selector is immutable.
    fn selector(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("app.kubernetes.io/name".to_owned(), self.name.to_owned()),
            ("app.kubernetes.io/managed-by".to_owned(), "etcd-druid".to_owned()),
            ("app.kubernetes.io/part-of".to_owned(), self.name.to_owned()),
        ])
    }
}

fn port(name: &str, number: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: number,
        target_port: Some(IntOrString::Int(number)),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

fn client_service(context: &Context<'_>) -> Service {
    let mut metadata = context.metadata(names::client_service(context.name));
    if let Some(wished) = &context.config().client_service {
        metadata.labels.get_or_insert_default().extend(wished.labels.clone());
        metadata.annotations = (!wished.annotations.is_empty()).then(|| wished.annotations.clone());
    }
    Service {
        metadata,
        spec: Some(ServiceSpec {
            // The only member: who dials it while it starts waits less than who does not find it.
            publish_not_ready_addresses: Some(true),
            selector: Some(context.selector()),
            ports: Some(vec![port("client", context.client_port), port("metrics", METRICS_PORT)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn peer_service(context: &Context<'_>) -> Service {
    Service {
        metadata: context.metadata(names::peer_service(context.name)),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            // Members find each other before any of them is ready.
            publish_not_ready_addresses: Some(true),
            selector: Some(context.selector()),
            ports: Some(vec![port("peer", context.peer_port)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn stateful_set(context: &Context<'_>, image: &str, replicas: i32) -> Result<StatefulSet, PlanError> {
    let spec = &context.etcd.spec;
    let annotations = (!spec.annotations.is_empty()).then(|| spec.annotations.clone());
    Ok(StatefulSet {
        metadata: context.metadata(context.name.to_owned()),
        spec: Some(StatefulSetSpec {
            replicas: Some(replicas),
            service_name: Some(names::peer_service(context.name)),
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some("Retain".to_owned()),
                when_scaled: Some("Retain".to_owned()),
            }),
            selector: LabelSelector {
                match_labels: Some(context.selector()),
                ..LabelSelector::default()
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(context.labels()),
                    annotations,
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(context, image)?),
            },
            volume_claim_templates: Some(vec![volume_claim(context)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    })
}

fn volume_claim_name(context: &Context<'_>) -> String {
    context
        .etcd
        .spec
        .volume_claim_template
        .clone()
        .unwrap_or_else(|| context.name.to_owned())
}

fn volume_claim(context: &Context<'_>) -> PersistentVolumeClaim {
    let capacity = context
        .etcd
        .spec
        .storage_capacity
        .clone()
        .unwrap_or_else(|| Quantity(STORAGE.to_owned()));
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(volume_claim_name(context)),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: context
                .etcd
                .spec
                .storage_class
                .clone()
                .filter(|class| !class.is_empty()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), capacity)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

fn pod(context: &Context<'_>, image: &str) -> Result<PodSpec, PlanError> {
    let constraints = &context.etcd.spec.scheduling_constraints;
    Ok(PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        affinity: constraints.affinity.clone(),
        priority_class_name: context
            .etcd
            .spec
            .priority_class_name
            .clone()
            .filter(|name| !name.is_empty()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            // The volume's files are ours already after the first start: no walk through them at each one.
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        termination_grace_period_seconds: Some(30),
        containers: vec![container(context, image)?],
        volumes: Some(
            certificates(context)
                .into_iter()
                .map(|certificate| certificate.volume())
                .collect(),
        ),
        ..PodSpec::default()
    })
}

fn container(context: &Context<'_>, image: &str) -> Result<Container, PlanError> {
    let config = context.config();
    let mut mounts = vec![VolumeMount {
        name: volume_claim_name(context),
        mount_path: DATA_DIRECTORY.to_owned(),
        ..VolumeMount::default()
    }];
    mounts.extend(certificates(context).into_iter().map(|certificate| certificate.mount()));
    Ok(Container {
        name: "etcd".to_owned(),
        image: Some(config.image.clone().unwrap_or_else(|| image.to_owned())),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(command(context)?),
        env: Some(vec![EnvVar {
            name: "ETCD_DATA_DIR".to_owned(),
            value: Some(format!("{DATA_DIRECTORY}/new.etcd")),
            ..EnvVar::default()
        }]),
        ports: Some(
            [
                ("client", context.client_port),
                ("peer", context.peer_port),
                ("metrics", METRICS_PORT),
            ]
            .map(|(name, number)| ContainerPort {
                name: Some(name.to_owned()),
                container_port: number,
                ..ContainerPort::default()
            })
            .to_vec(),
        ),
        resources: Some(config.resources.clone().unwrap_or_else(requests)),
        startup_probe: Some(Probe {
            period_seconds: Some(1),
            failure_threshold: Some(300),
            ..health_probe(false)
        }),
        readiness_probe: Some(Probe {
            period_seconds: Some(2),
            failure_threshold: Some(3),
            ..health_probe(false)
        }),
        // Serializable: a member that merely lost its quorum must not be killed for it.
        liveness_probe: Some(Probe {
            period_seconds: Some(5),
            failure_threshold: Some(5),
            ..health_probe(true)
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts),
        ..Container::default()
    })
}

fn requests() -> ResourceRequirements {
    let quantity = |text: &str| Quantity(text.to_owned());
    ResourceRequirements {
        requests: Some(BTreeMap::from([
            ("cpu".to_owned(), quantity("50m")),
            ("memory".to_owned(), quantity("128Mi")),
        ])),
        ..ResourceRequirements::default()
    }
}

fn health_probe(serializable: bool) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(
                if serializable {
                    "/health?serializable=true"
                } else {
                    "/health"
                }
                .to_owned(),
            ),
            port: IntOrString::Int(METRICS_PORT),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

fn command(context: &Context<'_>) -> Result<Vec<String>, PlanError> {
    let config = context.config();
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let client = scheme(config.client_url_tls.is_some());
    let member = names::member(context.name, 0);
    let service = names::peer_service(context.name);
    // Without TLS between members nobody but the member itself may speak as one.
    let (peer_listen, peer_host) = match &config.peer_url_tls {
        Some(_) => ("0.0.0.0", format!("{member}.{service}.{}.svc", context.namespace)),
        None => ("127.0.0.1", "127.0.0.1".to_owned()),
    };
    let peer = scheme(config.peer_url_tls.is_some());
    let peer_url = format!("{peer}://{peer_host}:{}", context.peer_port);
    let client_name = format!("{}.{}.svc", names::client_service(context.name), context.namespace);
    let mut command = vec![
        "etcd".to_owned(),
        format!("--name={member}"),
        format!("--listen-client-urls={client}://0.0.0.0:{}", context.client_port),
        format!(
            "--advertise-client-urls={client}://{client_name}:{}",
            context.client_port
        ),
        format!("--listen-peer-urls={peer}://{peer_listen}:{}", context.peer_port),
        format!("--initial-advertise-peer-urls={peer_url}"),
        format!("--initial-cluster={member}={peer_url}"),
        format!("--initial-cluster-token={}-{}", context.namespace, context.name),
        format!("--listen-metrics-urls=http://0.0.0.0:{METRICS_PORT}"),
        format!(
            "--metrics={}",
            config
                .metrics
                .as_ref()
                .map_or_else(|| "basic".to_owned(), ToString::to_string)
        ),
        format!("--quota-backend-bytes={}", quota_bytes(config)?),
        "--log-level=warn".to_owned(),
    ];
    command.extend(compaction(context));
    if let Some(count) = config.snapshot_count {
        command.push(format!("--snapshot-count={count}"));
    }
    for certificate in certificates(context) {
        command.extend(certificate.flags());
    }
    Ok(command)
}

fn compaction(context: &Context<'_>) -> [String; 2] {
    let shared = context.etcd.spec.shared_config.clone();
    let mode = shared
        .auto_compaction_mode
        .map_or_else(|| "periodic".to_owned(), |mode| mode.to_string());
    let retention = shared.auto_compaction_retention.unwrap_or_else(|| "30m".to_owned());
    [
        format!("--auto-compaction-mode={mode}"),
        format!("--auto-compaction-retention={retention}"),
    ]
}

fn quota_bytes(config: &EtcdConfig) -> Result<i64, PlanError> {
    let Some(quota) = &config.quota else {
        return Ok(QUOTA_BYTES);
    };
    let bytes = Amount::parse(quota).ok().map(Amount::units).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| PlanError::Quota(quota.0.clone()))
}

/// A Secret with certificates: where it is mounted, and which flags name its files.
struct Certificate {
    volume: &'static str,
    secret: String,
    /// Flag prefixes of a key pair, or the flag of an authority's file.
    use_: CertificateUse,
}

enum CertificateUse {
    /// `--<prefix>cert-file`, `--<prefix>key-file`
    KeyPair(&'static str),
    /// `--<prefix>trusted-ca-file` with the file's name in the Secret, and `--<prefix>client-cert-auth`
    Authority(&'static str, String),
}

impl Certificate {
    fn directory(&self) -> String {
        format!("/var/etcd/ssl/{}", self.volume)
    }

    fn volume(&self) -> Volume {
        Volume {
            name: self.volume.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(self.secret.clone()),
                default_mode: Some(0o440),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        }
    }

    fn mount(&self) -> VolumeMount {
        VolumeMount {
            name: self.volume.to_owned(),
            mount_path: self.directory(),
            read_only: Some(true),
            ..VolumeMount::default()
        }
    }

    fn flags(&self) -> Vec<String> {
        let directory = self.directory();
        match &self.use_ {
            CertificateUse::KeyPair(prefix) => vec![
                format!("--{prefix}cert-file={directory}/tls.crt"),
                format!("--{prefix}key-file={directory}/tls.key"),
            ],
            CertificateUse::Authority(prefix, file) => {
                vec![
                    format!("--{prefix}trusted-ca-file={directory}/{file}"),
                    format!("--{prefix}client-cert-auth=true"),
                ]
            }
        }
    }
}

fn certificates(context: &Context<'_>) -> Vec<Certificate> {
    let config = context.config();
    let pair = |tls: &TlsConfig, prefix: &'static str, volumes: [&'static str; 2]| {
        let authority = &tls.tls_ca_secret_ref;
        let file = authority.data_key.clone().unwrap_or_else(|| "ca.crt".to_owned());
        [
            Certificate {
                volume: volumes[0],
                secret: authority.secret_reference.name.clone().unwrap_or_default(),
                use_: CertificateUse::Authority(prefix, file),
            },
            Certificate {
                volume: volumes[1],
                secret: tls.server_tls_secret_ref.name.clone().unwrap_or_default(),
                use_: CertificateUse::KeyPair(prefix),
            },
        ]
    };
    let client = config
        .client_url_tls
        .iter()
        .flat_map(|tls| pair(tls, "", ["ca", "server"]));
    let peer = config
        .peer_url_tls
        .iter()
        .flat_map(|tls| pair(&tls.tls_config, "peer-", ["peer-ca", "peer-server"]));
    client.chain(peer).collect()
}
