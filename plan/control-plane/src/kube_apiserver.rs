//! kube-apiserver: its arguments, its configuration files, its Deployment.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        core::v1::ConfigMap,
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use crate::{
    ControlPlane, KubeApiServer, Role, authentication, authorization,
    exposure::API_SERVER_PORT,
    labels, network_policies,
    pod::{Component, Health, WaitsFor},
    tunnel,
    volumes::{BUNDLE, CERTIFICATE, Files, Source},
};

/// Label `role` of its pods.
pub(crate) const ROLE: &str = "apiserver";

const CA_CLIENT: &str = "/srv/kubernetes/ca-client";
const CA_ETCD: &str = "/srv/kubernetes/etcd/ca";
const CA_FRONT_PROXY: &str = "/srv/kubernetes/ca-front-proxy";
const CA_KUBELET: &str = "/srv/kubernetes/ca-kubelet";
const SERVER: &str = "/srv/kubernetes/apiserver";
const ETCD_CLIENT: &str = "/srv/kubernetes/etcd/client";
const AGGREGATOR: &str = "/srv/kubernetes/aggregator";
const KUBELET_CLIENT: &str = "/srv/kubernetes/apiserver-kubelet";
const SERVICE_ACCOUNT_KEY: &str = "/srv/kubernetes/service-account-key";
const SERVICE_ACCOUNT_KEY_BUNDLE: &str = "/srv/kubernetes/service-account-key-bundle";
const ENCRYPTION: &str = "/etc/kubernetes/etcd-encryption-secret";
const AUTHENTICATION: &str = "/etc/kubernetes/structured/authentication";

/// API groups that mean nothing without nodes. A user may switch them on again.
const NODE_APIS: &[&str] = &[
    "apps/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "node.k8s.io/v1",
    "policy/v1",
    "resource.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
];

/// Admission plugins that watch the kinds of [`NODE_APIS`], and would wait for them forever.
const NODE_ADMISSION_PLUGINS: &[&str] = &[
    "DefaultStorageClass",
    "DefaultTolerationSeconds",
    "NodeDeclaredFeatureValidator",
    "PersistentVolumeClaimResize",
    "PodTopologyLabels",
    "Priority",
    "RuntimeClass",
    "StorageObjectInUseProtection",
    "TaintNodesByCondition",
];

/// All objects.
pub(crate) fn plan(plane: &ControlPlane) -> KubeApiServer {
    let component = component(plane);
    let config_maps = component
        .files
        .iter()
        .filter_map(|files| config_map(plane, files))
        .collect();
    KubeApiServer {
        config_maps,
        deployment: component.deployment(plane, "kube-apiserver", plane.replicas),
        disruption_budget: plane.is_highly_available().then(|| disruption_budget(plane)),
    }
}

fn config_map(plane: &ControlPlane, files: &Files) -> Option<ConfigMap> {
    let Source::ConfigMap {
        name,
        file: (key, content),
    } = &files.source
    else {
        return None;
    };
    Some(ConfigMap {
        metadata: labels::metadata(plane, name.clone(), labels::component(ROLE)),
        data: Some(BTreeMap::from([((*key).to_owned(), content.clone())])),
        ..ConfigMap::default()
    })
}

fn disruption_budget(plane: &ControlPlane) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: labels::metadata(plane, plane.api_server_name(), labels::component(ROLE)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(labels::selector(ROLE)),
                ..LabelSelector::default()
            }),
            // A pod that is not ready serves nobody: it may go.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

/// The container with its files.
pub(crate) fn component(plane: &ControlPlane) -> Component {
    let machines = plane.machines.as_ref();
    Component {
        name: "kube-apiserver",
        role: ROLE,
        image: plane.images.kube_apiserver.clone(),
        command: command(plane),
        environment: Vec::new(),
        port: API_SERVER_PORT,
        files: files(plane),
        health: Health {
            scheme: "HTTPS",
            port: API_SERVER_PORT,
            live: "/livez",
            ready: "/readyz",
            host: None,
        },
        requests: plane.api_server.requests.clone(),
        pod_labels: pod_labels(plane),
        pod_annotations: pod_annotations(plane),
        waits_for: waits_for_etcd(plane),
        beside: machines.map(|machines| tunnel::server(plane, machines)),
        shared: machines.map(|_| tunnel::socket_directory()).into_iter().collect(),
    }
}

/// Without its etcd it would end after 20 s, and then wait longer and longer before each new attempt; and what it fails to dial at first
/// it dials again only seconds later.
fn waits_for_etcd(plane: &ControlPlane) -> Option<WaitsFor> {
    let image = plane.images.kubeception.clone()?;
    let address = plane.etcd_endpoints().first()?.split_once("://")?.1.to_owned();
    Some(WaitsFor { image, address })
}

fn pod_labels(plane: &ControlPlane) -> BTreeMap<String, String> {
    let networks = ["to-dns", "to-public-networks", "to-private-networks"];
    let mut labels: BTreeMap<String, String> = networks
        .into_iter()
        .map(|network| (format!("networking.gardener.cloud/{network}"), "allowed".to_owned()))
        .collect();
    labels.extend([labels::may_dial("etcd-main-client", 2379)]);
    labels.extend(node_agent_authorizer(plane).map(|_| network_policies::may_dial_authorizer()));
    labels
}

/// Configuration files are read when the process starts: a change of one makes new pods.
fn pod_annotations(plane: &ControlPlane) -> BTreeMap<String, String> {
    let mut files = vec![(
        "authentication",
        authentication::configuration(plane.api_server.anonymous),
    )];
    files.extend(
        plane
            .machines
            .iter()
            .map(|_| ("egress-selector", tunnel::egress_configuration())),
    );
    files.extend(node_agent_authorizer(plane).map(|_| ("authorization", authorization::configuration())));
    let annotation = |(name, text): (&str, String)| {
        (
            format!("checksum/{name}-configuration"),
            authentication::checksum(&text),
        )
    };
    files.into_iter().map(annotation).collect()
}

/// The Secret with the kubeconfig of the webhook that authorizes node-agents.
fn node_agent_authorizer(plane: &ControlPlane) -> Option<&String> {
    plane.machines.as_ref()?.node_agent_authorizer.as_ref()
}

fn files(plane: &ControlPlane) -> Vec<Files> {
    let secrets = &plane.secrets;
    let mut files = vec![
        Files::secret("ca-client", CA_CLIENT, &secrets.ca_client_bundle, BUNDLE),
        Files::secret("ca-etcd", CA_ETCD, &secrets.ca_etcd_bundle, BUNDLE),
        Files::secret("ca-front-proxy", CA_FRONT_PROXY, &secrets.ca_front_proxy_bundle, BUNDLE),
        Files::secret("server", SERVER, &secrets.server, CERTIFICATE),
        Files::secret("etcd-client", ETCD_CLIENT, &secrets.etcd_client, CERTIFICATE),
        Files::secret("aggregator", AGGREGATOR, &secrets.aggregator, CERTIFICATE),
        Files::secret(
            "service-account-key",
            SERVICE_ACCOUNT_KEY,
            &secrets.service_account_key,
            &["id_rsa"],
        ),
        Files::secret(
            "service-account-key-bundle",
            SERVICE_ACCOUNT_KEY_BUNDLE,
            &secrets.service_account_key_bundle,
            &["bundle.key"],
        ),
        Files::secret(
            "encryption-configuration",
            ENCRYPTION,
            &secrets.encryption_configuration,
            &["encryption-configuration.yaml"],
        ),
        Files {
            name: "authentication-configuration",
            path: AUTHENTICATION,
            source: Source::ConfigMap {
                name: plane.name("kube-apiserver-authentication-config"),
                file: (
                    authentication::FILE,
                    authentication::configuration(plane.api_server.anonymous),
                ),
            },
        },
    ];
    let ca_kubelet = secrets.ca_kubelet_bundle.iter();
    files.extend(ca_kubelet.map(|name| Files::secret("ca-kubelet", CA_KUBELET, name, BUNDLE)));
    let kubelet_client = secrets.kubelet_client.iter();
    files.extend(kubelet_client.map(|name| Files::secret("kubelet-client", KUBELET_CLIENT, name, CERTIFICATE)));
    files.extend(plane.machines.iter().map(|_| tunnel::egress_file(plane)));
    if let Some(secret) = node_agent_authorizer(plane) {
        let config_map = plane.name("kube-apiserver-authorization-config");
        files.extend(authorization::files(config_map, secret));
    }
    files
}

/// Program and arguments, sorted by name.
fn command(plane: &ControlPlane) -> Vec<String> {
    let mut flags = Flags::default();
    serving(plane, &mut flags);
    storage(plane, &mut flags);
    authentication_flags(plane, &mut flags);
    aggregation(plane, &mut flags);
    admission(plane, &mut flags);
    nodes(plane, &mut flags);
    flags.command("kube-apiserver")
}

fn serving(plane: &ControlPlane, flags: &mut Flags) {
    let options = &plane.api_server;
    flags.set("advertise-address", options.advertise_address.to_string());
    flags.set("bind-address", "0.0.0.0");
    flags.set("secure-port", API_SERVER_PORT.to_string());
    flags.set("service-cluster-ip-range", plane.networks.services.clone());
    flags.set("tls-cert-file", format!("{SERVER}/tls.crt"));
    flags.set("tls-private-key-file", format!("{SERVER}/tls.key"));
    flags.set("http2-max-streams-per-connection", "1000");
    flags.set("profiling", "false");
    flags.set("event-ttl", options.event_ttl.clone());
    // Time for clients to learn that this replica goes; where it is the only one, there is nobody to go to.
    flags.set(
        "shutdown-delay-duration",
        if plane.is_highly_available() { "15s" } else { "1s" },
    );
    flags.set("shutdown-send-retry-after", "true");
    if plane.is_highly_available() {
        // Spreads long-lived connections over replicas again after one was away.
        flags.set("goaway-chance", "0.001");
    }
    flags.set_list(
        "runtime-config",
        runtime_config(plane).iter().map(|(name, on)| format!("{name}={on}")),
    );
    flags.set_list(
        "feature-gates",
        options.feature_gates.iter().map(|(name, on)| format!("{name}={on}")),
    );
    let limits = [
        ("max-requests-inflight", options.max_requests_inflight),
        ("max-mutating-requests-inflight", options.max_mutating_requests_inflight),
    ];
    for (name, limit) in limits {
        if let Some(limit) = limit {
            flags.set(name, limit.to_string());
        }
    }
}

/// The role's choice, with the user's over it.
fn runtime_config(plane: &ControlPlane) -> BTreeMap<String, bool> {
    let off = if plane.role.has_nodes() { &[] } else { NODE_APIS };
    let mut config: BTreeMap<String, bool> = off.iter().map(|name| ((*name).to_owned(), false)).collect();
    config.extend(plane.api_server.runtime_config.clone());
    config
}

fn storage(plane: &ControlPlane, flags: &mut Flags) {
    flags.set_list("etcd-servers", plane.etcd_endpoints());
    flags.set("etcd-cafile", format!("{CA_ETCD}/bundle.crt"));
    flags.set("etcd-certfile", format!("{ETCD_CLIENT}/tls.crt"));
    flags.set("etcd-keyfile", format!("{ETCD_CLIENT}/tls.key"));
    flags.set(
        "encryption-provider-config",
        format!("{ENCRYPTION}/encryption-configuration.yaml"),
    );
}

fn authentication_flags(plane: &ControlPlane, flags: &mut Flags) {
    // The node authorizer watches kinds of storage.k8s.io and resource.k8s.io: without these groups it is never ready.
    match node_agent_authorizer(plane) {
        Some(_) => flags.set("authorization-config", authorization::path()),
        None if plane.role.has_nodes() => flags.set("authorization-mode", "Node,RBAC"),
        None => flags.set("authorization-mode", "RBAC"),
    }
    flags.set(
        "authentication-config",
        format!("{AUTHENTICATION}/{}", authentication::FILE),
    );
    flags.set("client-ca-file", format!("{CA_CLIENT}/bundle.crt"));
    flags.set_list("api-audiences", plane.api_server.api_audiences.clone());
    flags.set("service-account-issuer", plane.issuer());
    flags.set(
        "service-account-key-file",
        format!("{SERVICE_ACCOUNT_KEY_BUNDLE}/bundle.key"),
    );
    flags.set(
        "service-account-signing-key-file",
        format!("{SERVICE_ACCOUNT_KEY}/id_rsa"),
    );
    flags.set("enable-bootstrap-token-auth", "true");
}

fn aggregation(plane: &ControlPlane, flags: &mut Flags) {
    flags.set("requestheader-client-ca-file", format!("{CA_FRONT_PROXY}/bundle.crt"));
    flags.set("requestheader-allowed-names", "front-proxy-client");
    flags.set("requestheader-extra-headers-prefix", "X-Remote-Extra-");
    flags.set("requestheader-group-headers", "X-Remote-Group");
    flags.set("requestheader-username-headers", "X-Remote-User");
    flags.set("proxy-client-cert-file", format!("{AGGREGATOR}/tls.crt"));
    flags.set("proxy-client-key-file", format!("{AGGREGATOR}/tls.key"));
    if plane.role == Role::Garden {
        // The garden has no kube-proxy: a Service's address leads nowhere, its endpoints do.
        flags.set("enable-aggregator-routing", "true");
    }
}

fn admission(plane: &ControlPlane, flags: &mut Flags) {
    let options = &plane.api_server;
    let mut enabled = options.enable_admission_plugins.clone();
    let mut disabled = options.disable_admission_plugins.clone();
    if plane.role.has_nodes() {
        enabled.push("NodeRestriction".to_owned());
    } else {
        disabled.extend(NODE_ADMISSION_PLUGINS.iter().map(|name| (*name).to_owned()));
    }
    enabled.sort();
    enabled.dedup();
    disabled.retain(|name| !options.enable_admission_plugins.contains(name));
    disabled.sort();
    disabled.dedup();
    flags.set_list("enable-admission-plugins", enabled);
    flags.set_list("disable-admission-plugins", disabled);
}

fn nodes(plane: &ControlPlane, flags: &mut Flags) {
    if !plane.role.has_nodes() {
        return;
    }
    flags.set("allow-privileged", "true");
    if plane.machines.is_some() {
        flags.set("egress-selector-config-file", tunnel::egress_path());
    }
    flags.set("kubelet-preferred-address-types", "InternalIP,Hostname,ExternalIP");
    if plane.secrets.ca_kubelet_bundle.is_some() {
        flags.set("kubelet-certificate-authority", format!("{CA_KUBELET}/bundle.crt"));
    }
    if plane.secrets.kubelet_client.is_some() {
        flags.set("kubelet-client-certificate", format!("{KUBELET_CLIENT}/tls.crt"));
        flags.set("kubelet-client-key", format!("{KUBELET_CLIENT}/tls.key"));
    }
}

/// Flags by name.
#[derive(Default)]
pub(crate) struct Flags(BTreeMap<&'static str, String>);

impl Flags {
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.insert(name, value.into());
    }

    /// Values with commas between; nothing when there are none.
    pub(crate) fn set_list(&mut self, name: &'static str, values: impl IntoIterator<Item = String>) {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.set(name, values.join(","));
        }
    }

    pub(crate) fn command(self, program: &str) -> Vec<String> {
        let flags = self.0.into_iter().map(|(name, value)| format!("--{name}={value}"));
        std::iter::once(program.to_owned()).chain(flags).collect()
    }
}
