//! Who may speak to whom in a shoot's namespace: nobody, but for what is listed here.
//!
//! A pod gets an allowance by a label, as in Gardener: extensions that run pods in the namespace rely on these labels.
//! The garden's namespace holds more than its control plane, so its policies are not planned here.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
        NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use crate::{
    ControlPlane, Role,
    exposure::{API_SERVER_PORT, SERVICE_PORT},
    kube_apiserver,
    labels::{self, labels, may_dial},
    tunnel,
};

/// What a pod with the label for private networks may reach.
const PRIVATE_NETWORKS: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
/// The address of the cloud's metadata service, which hands out credentials: nobody may reach it.
const METADATA_SERVICE: &str = "169.254.169.254/32";

/// Namespace and name of resource-manager, as labels join them, and the port of its webhooks.
const AUTHORIZER: &str = "garden-gardener-resource-manager";
const AUTHORIZER_PORT: i32 = 10250;

/// All policies.
pub(crate) fn plan(plane: &ControlPlane) -> Vec<NetworkPolicy> {
    if !matches!(plane.role, Role::Shoot | Role::WorkerlessShoot) {
        return Vec::new();
    }
    let api_server = labels::selector(kube_apiserver::ROLE);
    let etcd = labels(&[("app", "etcd-statefulset"), ("role", "main")]);
    let mut policies = vec![
        deny_all(plane),
        to_dns(plane),
        to_public_networks(plane),
        to_private_networks(plane),
    ];
    policies.extend(between(
        plane,
        "kube-apiserver",
        &api_server,
        SERVICE_PORT,
        API_SERVER_PORT,
    ));
    policies.extend(between(plane, "etcd-main-client", &etcd, 2379, 2379));
    if let Some(machines) = &plane.machines {
        let port = tunnel::PORT;
        policies.extend(between(plane, tunnel::NAME, &api_server, port, port));
        policies.extend(machines.node_agent_authorizer.iter().map(|_| to_authorizer(plane)));
    }
    policies
}

/// The label of pods that may dial the webhook that authorizes node-agents.
pub(crate) fn may_dial_authorizer() -> (String, String) {
    may_dial(AUTHORIZER, AUTHORIZER_PORT)
}

/// The seed's one resource-manager serves the webhook for all shoots.
fn to_authorizer(plane: &ControlPlane) -> NetworkPolicy {
    let peer = NetworkPolicyPeer {
        namespace_selector: select(labels(&[("kubernetes.io/metadata.name", "garden")])),
        pod_selector: select(labels(&[("app", "gardener")])),
        ip_block: None,
    };
    let rule = NetworkPolicyEgressRule {
        to: Some(vec![peer]),
        ports: Some(ports(&[("TCP", AUTHORIZER_PORT)])),
    };
    let (label, _) = may_dial_authorizer();
    let name = format!("egress-to-{AUTHORIZER}-tcp-{AUTHORIZER_PORT}");
    policy(plane, &name, egress(allowed(&label), rule))
}

fn policy(plane: &ControlPlane, name: &str, spec: NetworkPolicySpec) -> NetworkPolicy {
    NetworkPolicy {
        metadata: labels::metadata(plane, name.to_owned(), BTreeMap::new()),
        spec: Some(spec),
    }
}

fn select(labels: BTreeMap<String, String>) -> Option<LabelSelector> {
    Some(LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    })
}

fn allowed(label: &str) -> Option<LabelSelector> {
    select(BTreeMap::from([(label.to_owned(), "allowed".to_owned())]))
}

fn ports(protocol_and_port: &[(&str, i32)]) -> Vec<NetworkPolicyPort> {
    let port = |(protocol, port): &(&str, i32)| NetworkPolicyPort {
        protocol: Some((*protocol).to_owned()),
        port: Some(IntOrString::Int(*port)),
        end_port: None,
    };
    protocol_and_port.iter().map(port).collect()
}

fn deny_all(plane: &ControlPlane) -> NetworkPolicy {
    let spec = NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ..NetworkPolicySpec::default()
    };
    policy(plane, "deny-all", spec)
}

fn egress(selector: Option<LabelSelector>, rule: NetworkPolicyEgressRule) -> NetworkPolicySpec {
    NetworkPolicySpec {
        pod_selector: selector,
        egress: Some(vec![rule]),
        policy_types: Some(vec!["Egress".to_owned()]),
        ..NetworkPolicySpec::default()
    }
}

fn to_dns(plane: &ControlPlane) -> NetworkPolicy {
    let dns = NetworkPolicyPeer {
        namespace_selector: select(labels(&[("kubernetes.io/metadata.name", "kube-system")])),
        pod_selector: select(labels(&[("k8s-app", "kube-dns")])),
        ip_block: None,
    };
    let rule = NetworkPolicyEgressRule {
        to: Some(vec![dns]),
        // 8053 is where CoreDNS listens in clusters made by Gardener.
        ports: Some(ports(&[("UDP", 53), ("TCP", 53), ("UDP", 8053), ("TCP", 8053)])),
    };
    policy(
        plane,
        "allow-to-dns",
        egress(allowed("networking.gardener.cloud/to-dns"), rule),
    )
}

fn block(cidr: &str, except: &[&str]) -> NetworkPolicyPeer {
    let except: Vec<String> = except.iter().map(|cidr| (*cidr).to_owned()).collect();
    let ip_block = IPBlock {
        cidr: cidr.to_owned(),
        except: (!except.is_empty()).then_some(except),
    };
    NetworkPolicyPeer {
        ip_block: Some(ip_block),
        ..NetworkPolicyPeer::default()
    }
}

fn to_public_networks(plane: &ControlPlane) -> NetworkPolicy {
    let except: Vec<&str> = PRIVATE_NETWORKS.into_iter().chain([METADATA_SERVICE]).collect();
    let rule = NetworkPolicyEgressRule {
        to: Some(vec![block("0.0.0.0/0", &except)]),
        ports: None,
    };
    policy(
        plane,
        "allow-to-public-networks",
        egress(allowed("networking.gardener.cloud/to-public-networks"), rule),
    )
}

fn to_private_networks(plane: &ControlPlane) -> NetworkPolicy {
    let peers = PRIVATE_NETWORKS.iter().map(|cidr| block(cidr, &[])).collect();
    let rule = NetworkPolicyEgressRule {
        to: Some(peers),
        ports: None,
    };
    policy(
        plane,
        "allow-to-private-networks",
        egress(allowed("networking.gardener.cloud/to-private-networks"), rule),
    )
}

/// Both directions between pods with the label for `target` and the target's pods; and what the seed's own components
/// (gateway, resource-manager, gardenlet, etcd controller: all in the namespace `garden`) ask it for.
fn between(
    plane: &ControlPlane,
    target: &str,
    pods: &BTreeMap<String, String>,
    service_port: i32,
    port: i32,
) -> [NetworkPolicy; 2] {
    let (label, _) = may_dial(target, service_port);
    let caller = NetworkPolicyPeer {
        pod_selector: allowed(&label),
        ..NetworkPolicyPeer::default()
    };
    let seed = NetworkPolicyPeer {
        namespace_selector: select(labels(&[("kubernetes.io/metadata.name", "garden")])),
        ..NetworkPolicyPeer::default()
    };
    let ingress = NetworkPolicySpec {
        pod_selector: select(pods.clone()),
        ingress: Some(vec![NetworkPolicyIngressRule {
            from: Some(vec![caller, seed]),
            ports: Some(ports(&[("TCP", port)])),
        }]),
        policy_types: Some(vec!["Ingress".to_owned()]),
        ..NetworkPolicySpec::default()
    };
    let callee = NetworkPolicyPeer {
        pod_selector: select(pods.clone()),
        ..NetworkPolicyPeer::default()
    };
    let rule = NetworkPolicyEgressRule {
        to: Some(vec![callee]),
        ports: Some(ports(&[("TCP", port)])),
    };
    [
        policy(plane, &format!("ingress-to-{target}-tcp-{port}"), ingress),
        policy(
            plane,
            &format!("egress-to-{target}-tcp-{port}"),
            egress(allowed(&label), rule),
        ),
    ]
}
