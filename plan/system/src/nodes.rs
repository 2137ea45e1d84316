//! What those who make a machine into a node, and those who run it, may do.
//!
//! Whose certificate requests are approved is decided elsewhere: the renewal of kubelets' client certificates by
//! kube-controller-manager, all others by gardener-resource-manager, which knows whose machine asks. What a node-agent
//! may do with its certificate is decided by the authorizer webhook, not by roles.

use crate::Object;
use crate::object::{cluster_role, cluster_role_binding, cluster_role_binding_for_group, role_binding, rule};

/// The group of those who hold a bootstrap token (Kubernetes').
const BOOTSTRAPPERS: &str = "system:bootstrappers";
/// The group of all kubelets (Kubernetes').
const NODES: &str = "system:nodes";

/// Roles of machines on their way to become nodes, and of nodes.
pub fn plan_node_roles() -> Vec<Object> {
    vec![
        // Asks for certificates, and for nothing else. It has no right to be approved by kube-controller-manager, which would
        // give every holder of a token the name of any node.
        cluster_role_binding_for_group("system:node-bootstrapper", "system:node-bootstrapper", BOOTSTRAPPERS),
        cluster_role_binding_for_group(
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            NODES,
        ),
    ]
}

/// Roles of the control plane's components that exist only where there are nodes: the scheduler, and the tunnel's server,
/// which must know which node has which addresses.
pub fn plan_component_roles() -> Vec<Object> {
    let tunnel = "gardener.cloud:target:tunnel-server";
    vec![
        cluster_role_binding(
            "gardener.cloud:target:kube-scheduler",
            "system:kube-scheduler",
            "kube-scheduler",
        ),
        cluster_role_binding(
            "gardener.cloud:target:kube-scheduler:volumes",
            "system:volume-scheduler",
            "kube-scheduler",
        ),
        role_binding(
            "gardener.cloud:target:kube-scheduler:authentication",
            "extension-apiserver-authentication-reader",
            "kube-scheduler",
        ),
        cluster_role(tunnel, &[rule(&[""], &["nodes"], &["get", "list", "watch"])]),
        cluster_role_binding(tunnel, tunnel, "tunnel-server"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn the_roles_are_planned() {
        let objects = [plan_node_roles(), plan_component_roles()].concat();
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/nodes.yaml"].assert_eq(&to_yaml(&objects));
    }
}
