//! etcd: the `Etcd` object, of which the etcd controller makes the StatefulSet; and etcd as a container for static pods.

use api::druid::v1alpha1::{Etcd, EtcdConfig, EtcdSpec, MetricsLevel, SecretReference, TlsConfig};
use k8s_openapi::{
    api::core::v1::{ResourceRequirements, SecretReference as CoreSecretReference},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector},
};

use crate::{
    ControlPlane,
    labels::{self, labels},
    pod::{Component, Health, quantities},
    volumes::{BUNDLE, CERTIFICATE, Files},
};

/// The port that clients dial.
pub(crate) const CLIENT_PORT: i32 = 2379;
/// Plain HTTP with health and metrics only, on loopback of the host.
const HEALTH_PORT: i32 = 2381;

const CA: &str = "/srv/kubernetes/etcd/ca";
const SERVER: &str = "/srv/kubernetes/etcd/server";
/// Where etcd keeps its data in a static pod.
pub(crate) const DATA: &str = "/var/etcd/data";

fn pod_labels() -> std::collections::BTreeMap<String, String> {
    labels(&[
        ("app", "etcd-statefulset"),
        ("role", "main"),
        ("gardener.cloud/role", "controlplane"),
    ])
}

/// The object.
pub(crate) fn plan(plane: &ControlPlane) -> Etcd {
    let mut spec = EtcdSpec {
        selector: Some(LabelSelector {
            match_labels: Some(labels(&[("app", "etcd-statefulset"), ("role", "main")])),
            ..LabelSelector::default()
        }),
        labels: pod_labels(),
        replicas: 1,
        priority_class_name: plane.priority_class.clone(),
        storage_class: plane.etcd.storage_class.clone(),
        storage_capacity: Some(Quantity(plane.etcd.storage_capacity.clone())),
        volume_claim_template: Some(format!("{}-etcd", plane.etcd_name())),
        ..EtcdSpec::default()
    };
    spec.etcd = EtcdConfig {
        quota: Some(Quantity(plane.etcd.quota.clone())),
        metrics: Some(MetricsLevel::Basic),
        resources: Some(ResourceRequirements {
            requests: Some(quantities(&plane.etcd.requests)),
            ..ResourceRequirements::default()
        }),
        client_url_tls: Some(client_tls(plane)),
        ..EtcdConfig::default()
    };
    Etcd {
        metadata: labels::metadata(plane, plane.etcd_name(), pod_labels()),
        spec,
        ..Etcd::default()
    }
}

fn client_tls(plane: &ControlPlane) -> TlsConfig {
    let reference = |name: &str| CoreSecretReference {
        name: Some(name.to_owned()),
        namespace: None,
    };
    TlsConfig {
        tls_ca_secret_ref: SecretReference {
            secret_reference: reference(&plane.secrets.ca_etcd_bundle),
            data_key: Some("bundle.crt".to_owned()),
        },
        server_tls_secret_ref: reference(&plane.secrets.etcd_server),
        client_tls_secret_ref: reference(&plane.secrets.etcd_client),
    }
}

/// etcd for a static pod: one member, reachable from its own machine only.
pub(crate) fn local_component(plane: &ControlPlane) -> Component {
    let client = format!("https://127.0.0.1:{CLIENT_PORT}");
    let peer = "http://127.0.0.1:2380";
    let command = vec![
        "etcd".to_owned(),
        "--name=default".to_owned(),
        format!("--data-dir={DATA}"),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        format!("--listen-metrics-urls=http://127.0.0.1:{HEALTH_PORT}"),
        "--client-cert-auth=true".to_owned(),
        format!("--trusted-ca-file={CA}/bundle.crt"),
        format!("--cert-file={SERVER}/tls.crt"),
        format!("--key-file={SERVER}/tls.key"),
        "--log-level=warn".to_owned(),
    ];
    Component {
        name: "etcd",
        role: "main",
        image: plane.images.etcd.clone(),
        command,
        environment: Vec::new(),
        port: CLIENT_PORT,
        files: vec![
            Files::secret("ca-etcd", CA, &plane.secrets.ca_etcd_bundle, BUNDLE),
            Files::secret("etcd-server", SERVER, &plane.secrets.etcd_server, CERTIFICATE),
        ],
        health: Health {
            scheme: "HTTP",
            port: HEALTH_PORT,
            live: "/livez",
            ready: "/readyz",
            host: Some("127.0.0.1"),
        },
        requests: plane.etcd.requests.clone(),
        pod_labels: pod_labels(),
        pod_annotations: std::collections::BTreeMap::new(),
        waits_for: None,
        beside: None,
        shared: Vec::new(),
    }
}
