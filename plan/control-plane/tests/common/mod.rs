//! Wishes for control planes of each role, with names as the secrets manager makes them.

use plan_control_plane::{
    ApiServerOptions, ComponentAccess, ControlPlane, EtcdOptions, Gateway, Images, Machines, Networks, Role,
    SecretNames,
};

/// Names of Secrets; `nodes`: with those for kubelets.
pub(crate) fn secret_names(nodes: bool) -> SecretNames {
    let access = |component: &str| ComponentAccess::Token {
        generic_kubeconfig: "generic-token-kubeconfig-0f8b1c2d".to_owned(),
        token: format!("shoot-access-{component}"),
    };
    let for_nodes = |name: &str| nodes.then(|| name.to_owned());
    SecretNames {
        ca_bundle: "ca-bundle-a0000000".to_owned(),
        ca_client_bundle: "ca-client-bundle-b0000000".to_owned(),
        ca_client: "ca-client".to_owned(),
        ca_etcd_bundle: "ca-etcd-bundle-c0000000".to_owned(),
        etcd_server: "etcd-server-main-d0000000".to_owned(),
        etcd_client: "etcd-client-e0000000".to_owned(),
        ca_front_proxy_bundle: "ca-front-proxy-bundle-f0000000".to_owned(),
        aggregator: "kube-aggregator-10000000".to_owned(),
        server: "kube-apiserver-20000000".to_owned(),
        ca_kubelet_bundle: for_nodes("ca-kubelet-bundle-30000000"),
        ca_kubelet: for_nodes("ca-kubelet"),
        kubelet_client: for_nodes("kube-apiserver-kubelet-40000000"),
        service_account_key: "service-account-key-50000000".to_owned(),
        service_account_key_bundle: "service-account-key-bundle-60000000".to_owned(),
        encryption_configuration: "kube-apiserver-etcd-encryption-configuration-70000000".to_owned(),
        controller_manager_access: access("kube-controller-manager"),
        scheduler_access: access("kube-scheduler"),
        tunnel_server: for_nodes("vpn-seed-server-80000000"),
        tunnel_client: for_nodes("tunnel-server-client-90000000"),
    }
}

/// Machines behind a tunnel.
fn machines() -> Machines {
    Machines {
        tunnel_server_name: "tunnel.first.dev.internal.local.kubeception.internal".to_owned(),
        tunnel_image: "registry.test/kubeception:0.1.0".to_owned(),
        node_ranges: vec!["10.10.0.0/16".to_owned()],
        seed_ranges: vec![
            "10.1.0.0/24".to_owned(),
            "10.2.0.0/16".to_owned(),
            "10.3.0.0/16".to_owned(),
        ],
        node_agent_authorizer: Some("kube-apiserver-authorization-webhooks-kubeconfigs".to_owned()),
        node_prefix_length: 24,
    }
}

/// A control plane for `role`.
pub(crate) fn control_plane(role: Role) -> ControlPlane {
    let (namespace, prefix, cluster_name, hostname) = match role {
        Role::Garden => (
            "garden",
            "virtual-garden-",
            "garden",
            "api.garden.local.kubeception.internal",
        ),
        Role::Seed => ("kube-system", "", "seed", "seed.local.kubeception.internal"),
        Role::Shoot | Role::WorkerlessShoot => (
            "shoot--dev--first",
            "",
            "shoot--dev--first",
            "api.first.dev.shoots.local.kubeception.internal",
        ),
    };
    ControlPlane {
        role,
        namespace: namespace.to_owned(),
        prefix: prefix.to_owned(),
        cluster_name: cluster_name.to_owned(),
        kubernetes_version: "1.35.4".to_owned(),
        images: Images {
            kube_apiserver: "registry.test/kubernetes:1.35.4".to_owned(),
            kube_controller_manager: "registry.test/kubernetes:1.35.4".to_owned(),
            kube_scheduler: "registry.test/kubernetes:1.35.4".to_owned(),
            etcd: "registry.test/kubernetes:1.35.4".to_owned(),
            kubeception: Some("registry.test/kubeception:0.1.0".to_owned()),
        },
        networks: Networks {
            services: "100.64.0.0/13".to_owned(),
            pods: role.has_nodes().then(|| "100.96.0.0/11".to_owned()),
        },
        hostnames: vec![hostname.to_owned()],
        gateway: (role != Role::Seed).then(|| Gateway {
            name: "gateway".to_owned(),
            namespace: "garden".to_owned(),
        }),
        secrets: secret_names(role.has_nodes()),
        etcd: EtcdOptions::default(),
        api_server: ApiServerOptions::default(),
        replicas: 1,
        priority_class: Some("gardener-system-500".to_owned()),
        machines: (role == Role::Shoot).then(machines),
    }
}
