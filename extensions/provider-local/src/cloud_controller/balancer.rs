//! From a Service and the nodes to the load balancer of the cloud that it needs. Pure.

use std::net::Ipv4Addr;

use cloud_client::{LoadBalancerPort, LoadBalancerSpec, Protocol};
use k8s_openapi::api::core::v1::{Node, Service};

/// Keeps a node out of load balancers, as in every cloud.
const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// What a Service cannot have here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// The cloud balances TCP and UDP.
    #[error("port {port} has protocol {protocol}, which the cloud does not balance")]
    Protocol {
        /// The Service's port.
        port: i32,
        /// Its protocol.
        protocol: String,
    },
    /// The node ports are given out by kube-apiserver; without them nothing can be reached.
    #[error("port {port} has no node port yet")]
    NoNodePort {
        /// The Service's port.
        port: i32,
    },
}

/// Whether the Service wants a load balancer of this cloud.
pub(crate) fn is_wanted(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    let class = spec.and_then(|spec| spec.load_balancer_class.as_deref());
    service.metadata.deletion_timestamp.is_none()
        && spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
        && class.is_none()
}

/// The load balancer's name in the cloud: `<cluster>-<uid>`, so that clusters and generations of a name never meet.
pub(crate) fn name_of(cluster: &str, service: &Service) -> String {
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    let short: String = uid.chars().filter(char::is_ascii_hexdigit).take(20).collect();
    let cluster: String = cluster.chars().take(40).collect();
    format!("{}-{short}", cluster.trim_end_matches('-'))
}

/// The load balancer that the Service needs.
pub(crate) fn balancer_of(service: &Service, nodes: &[Node], network: &str) -> Result<LoadBalancerSpec, Unsupported> {
    let ports = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default();
    let mut balancer_ports = Vec::with_capacity(ports.len());
    for port in ports {
        let protocol = match port.protocol.as_deref().unwrap_or("TCP") {
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            other => {
                return Err(Unsupported::Protocol {
                    port: port.port,
                    protocol: other.to_owned(),
                });
            }
        };
        let missing = || Unsupported::NoNodePort { port: port.port };
        let number = |value: i32| u16::try_from(value).ok().filter(|value| *value > 0);
        let backend_port = port.node_port.and_then(number).ok_or_else(missing)?;
        let front_port = number(port.port).ok_or_else(missing)?;
        balancer_ports.push(LoadBalancerPort {
            protocol,
            port: front_port,
            backend_port,
        });
    }
    balancer_ports.sort_unstable();
    Ok(LoadBalancerSpec {
        network: network.to_owned(),
        ports: balancer_ports,
        backends: addresses(nodes),
    })
}

/// The internal addresses of the nodes that take part, sorted so that the same nodes give the same load balancer.
///
/// Whether a node is ready is left to the cloud's own connection attempts: a seed of one node would otherwise lose its
/// load balancers with every hiccup of its kubelet.
fn addresses(nodes: &[Node]) -> Vec<Ipv4Addr> {
    let takes_part = |node: &&Node| {
        let labels = node.metadata.labels.as_ref();
        node.metadata.deletion_timestamp.is_none() && labels.is_none_or(|labels| !labels.contains_key(EXCLUDE_LABEL))
    };
    let mut found: Vec<Ipv4Addr> = nodes
        .iter()
        .filter(takes_part)
        .filter_map(|node| node.status.as_ref()?.addresses.as_ref())
        .filter_map(|all| {
            all.iter()
                .find(|address| address.type_ == "InternalIP" && address.address.parse::<Ipv4Addr>().is_ok())
        })
        .filter_map(|address| address.address.parse().ok())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(change: impl FnOnce(&mut serde_json::Value)) -> Service {
        let mut service = json!({
            "metadata": { "namespace": "garden", "name": "gateway", "uid": "0d6a4c1e-5a0b-4b5e-9a55-0123456789ab" },
            "spec": { "type": "LoadBalancer", "ports": [
                { "port": 443, "nodePort": 30443, "protocol": "TCP" },
                { "port": 53, "nodePort": 30053, "protocol": "UDP" },
            ] },
        });
        change(&mut service);
        serde_json::from_value(service).unwrap()
    }

    fn node(name: &str, address: &str, labels: &serde_json::Value) -> Node {
        serde_json::from_value(json!({
            "metadata": { "name": name, "labels": labels },
            "status": { "addresses": [
                { "type": "Hostname", "address": name },
                { "type": "InternalIP", "address": "fd00::1" },
                { "type": "InternalIP", "address": address },
            ] },
        }))
        .unwrap()
    }

    #[test]
    fn ports_lead_to_the_node_ports_of_all_nodes() {
        let excluded = json!({ "node.kubernetes.io/exclude-from-external-load-balancers": "" });
        let nodes = [
            node("b", "10.1.0.11", &json!({})),
            node("a", "10.1.0.10", &json!({})),
            node("c", "10.1.0.12", &excluded),
        ];
        let balancer = balancer_of(&service(|_| {}), &nodes, "seed").unwrap();
        assert_eq!(balancer.network, "seed");
        assert_eq!(
            balancer.backends,
            [Ipv4Addr::new(10, 1, 0, 10), Ipv4Addr::new(10, 1, 0, 11)]
        );
        let ports: Vec<_> = balancer
            .ports
            .iter()
            .map(|port| (port.protocol, port.port, port.backend_port))
            .collect();
        assert_eq!(ports, [(Protocol::Tcp, 443, 30443), (Protocol::Udp, 53, 30053)]);
    }

    #[test]
    fn what_cannot_be_balanced_is_said() {
        let of =
            |change: fn(&mut serde_json::Value)| balancer_of(&service(change), &[], "seed").unwrap_err().to_string();
        assert_eq!(
            of(|service| service["spec"]["ports"][0]["protocol"] = json!("SCTP")),
            "port 443 has protocol SCTP, which the cloud does not balance"
        );
        assert_eq!(
            of(|service| service["spec"]["ports"][1]["nodePort"] = json!(0)),
            "port 53 has no node port yet"
        );
    }

    #[test]
    fn only_services_of_the_type_without_a_foreign_class_are_wanted() {
        assert!(is_wanted(&service(|_| {})));
        assert!(!is_wanted(&service(
            |service| service["spec"]["type"] = json!("ClusterIP")
        )));
        assert!(!is_wanted(&service(
            |service| service["spec"]["loadBalancerClass"] = json!("example.org/other")
        )));
        let deleted =
            |service: &mut serde_json::Value| service["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(!is_wanted(&service(deleted)));
    }

    #[test]
    fn names_fit_the_cloud() {
        assert_eq!(name_of("seed", &service(|_| {})), "seed-0d6a4c1e5a0b4b5e9a55");
        assert!(name_of(&"a".repeat(100), &service(|_| {})).len() <= 63);
    }
}
