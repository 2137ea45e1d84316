//! kube-controller-manager: its arguments and its Deployment.

use std::collections::BTreeMap;

use crate::{
    ControlPlane, KubeControllerManager, Resource, Role,
    exposure::SERVICE_PORT,
    kube_apiserver::Flags,
    labels,
    pod::{Component, Health},
    volumes::{AUTHORITY, BUNDLE, Files, KUBECONFIG},
};

/// Label `role` of its pods.
pub(crate) const ROLE: &str = "controller-manager";
const PORT: i32 = 10257;

const CA: &str = "/srv/kubernetes/ca";
const CA_CLIENT: &str = "/srv/kubernetes/ca-client";
const CA_KUBELET: &str = "/srv/kubernetes/ca-kubelet";
const SERVICE_ACCOUNT_KEY: &str = "/srv/kubernetes/service-account-key";

/// What a cluster without nodes needs: namespaces, identities, garbage, quotas, certificates.
const CONTROLLERS_WITHOUT_NODES: &[&str] = &[
    "bootstrap-signer-controller",
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "token-cleaner-controller",
    "validatingadmissionpolicy-status-controller",
];

/// All objects.
pub(crate) fn plan(plane: &ControlPlane) -> KubeControllerManager {
    KubeControllerManager {
        deployment: component(plane).deployment(plane, "kube-controller-manager", 1),
    }
}

/// The container with its files.
pub(crate) fn component(plane: &ControlPlane) -> Component {
    let secrets = &plane.secrets;
    let mut files = vec![
        Files::kubeconfig("kubeconfig-kube-controller-manager", &secrets.controller_manager_access),
        Files::secret("ca", CA, &secrets.ca_bundle, BUNDLE),
        Files::secret("ca-client-authority", CA_CLIENT, &secrets.ca_client, AUTHORITY),
        Files::secret(
            "service-account-key",
            SERVICE_ACCOUNT_KEY,
            &secrets.service_account_key,
            &["id_rsa"],
        ),
    ];
    let ca_kubelet = secrets.ca_kubelet.iter();
    files.extend(ca_kubelet.map(|name| Files::secret("ca-kubelet-authority", CA_KUBELET, name, AUTHORITY)));
    Component {
        name: "kube-controller-manager",
        role: ROLE,
        image: plane.images.kube_controller_manager.clone(),
        command: command(plane),
        environment: Vec::new(),
        port: PORT,
        files,
        health: Health {
            scheme: "HTTPS",
            port: PORT,
            live: "/healthz",
            ready: "/healthz",
            host: None,
        },
        // Just started it takes about 50 MB with the few controllers, 110 MB with all.
        requests: Resource {
            cpu: "10m".to_owned(),
            memory: "96Mi".to_owned(),
        },
        pod_labels: BTreeMap::from([
            labels::may_dial(&plane.api_server_name(), SERVICE_PORT),
            ("networking.gardener.cloud/to-dns".to_owned(), "allowed".to_owned()),
        ]),
        pod_annotations: BTreeMap::new(),
        waits_for: None,
        beside: None,
        shared: Vec::new(),
    }
}

fn command(plane: &ControlPlane) -> Vec<String> {
    let mut flags = Flags::default();
    flags.set("bind-address", "0.0.0.0");
    flags.set("secure-port", PORT.to_string());
    flags.set("profiling", "false");
    flags.set("cluster-name", plane.cluster_name.clone());
    flags.set("kubeconfig", KUBECONFIG);
    flags.set("root-ca-file", format!("{CA}/bundle.crt"));
    flags.set(
        "service-account-private-key-file",
        format!("{SERVICE_ACCOUNT_KEY}/id_rsa"),
    );
    flags.set("use-service-account-credentials", "true");
    flags.set("kube-api-qps", "100");
    flags.set("kube-api-burst", "130");
    // On the only machine of a seed there is nobody to compete with; elsewhere an old pod may outlive its node's contact.
    flags.set("leader-elect", (plane.role != Role::Seed).to_string());
    signing(plane, &mut flags);
    match &plane.networks.pods {
        Some(pods) if plane.role.has_nodes() => {
            flags.set("allocate-node-cidrs", "true");
            flags.set("cluster-cidr", pods.clone());
            flags.set("service-cluster-ip-range", plane.networks.services.clone());
            if let Some(machines) = &plane.machines {
                flags.set("node-cidr-mask-size", machines.node_prefix_length.to_string());
            }
            flags.set("controllers", "*,bootstrap-signer-controller,token-cleaner-controller");
        }
        _ => {
            flags.set("controllers", CONTROLLERS_WITHOUT_NODES.join(","));
        }
    }
    flags.command("kube-controller-manager")
}

/// Which authority signs which kind of request.
fn signing(plane: &ControlPlane, flags: &mut Flags) {
    let client = (format!("{CA_CLIENT}/ca.crt"), format!("{CA_CLIENT}/ca.key"));
    flags.set("cluster-signing-duration", "720h");
    flags.set("cluster-signing-kube-apiserver-client-cert-file", client.0.clone());
    flags.set("cluster-signing-kube-apiserver-client-key-file", client.1.clone());
    flags.set("cluster-signing-legacy-unknown-cert-file", client.0.clone());
    flags.set("cluster-signing-legacy-unknown-key-file", client.1.clone());
    flags.set("cluster-signing-kubelet-client-cert-file", client.0);
    flags.set("cluster-signing-kubelet-client-key-file", client.1);
    if plane.secrets.ca_kubelet.is_some() {
        flags.set(
            "cluster-signing-kubelet-serving-cert-file",
            format!("{CA_KUBELET}/ca.crt"),
        );
        flags.set(
            "cluster-signing-kubelet-serving-key-file",
            format!("{CA_KUBELET}/ca.key"),
        );
    }
}
