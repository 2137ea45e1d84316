//! Roles that the control plane itself needs and that Kubernetes does not bring.

use crate::Object;
use crate::object::cluster_role_binding_for_user;

/// Lets kube-apiserver, known to the kubelets as `kubelet_client`, read logs and run commands in pods.
pub fn plan_roles(kubelet_client: &str) -> Vec<Object> {
    vec![cluster_role_binding_for_user(
        "system:apiserver:kubelet",
        "system:kubelet-api-admin",
        kubelet_client,
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn roles_are_planned() {
        let objects = plan_roles("system:kube-apiserver:kubelet");
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/roles.yaml"].assert_eq(&to_yaml(&objects));
    }
}
