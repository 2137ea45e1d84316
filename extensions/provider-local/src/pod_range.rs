//! The range that kube-controller-manager gave to a Node for its pods. Pure.

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;

/// The Node's first range of IPv4 addresses, once it has one.
pub(crate) fn pod_range(node: &Node) -> Option<Ipv4Net> {
    let spec = node.spec.as_ref()?;
    let mut all = spec.pod_cidrs.iter().flatten().chain(spec.pod_cidr.as_ref());
    all.find_map(|range| range.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_range_of_version_4_counts() {
        let of = |spec: serde_json::Value| pod_range(&serde_json::from_value(json!({ "spec": spec })).unwrap());
        let net = |text: &str| Some(text.parse().unwrap());
        assert_eq!(of(json!({})), None);
        assert_eq!(of(json!({ "podCIDR": "10.2.1.0/24" })), net("10.2.1.0/24"));
        let both = json!({ "podCIDR": "fd00::/64", "podCIDRs": ["fd00::/64", "10.2.3.0/24"] });
        assert_eq!(of(both), net("10.2.3.0/24"));
    }
}
