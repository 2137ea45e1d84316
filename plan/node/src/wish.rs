//! What is wanted of the machines of a worker pool.

use std::collections::BTreeMap;

use api::{
    core::v1beta1::{KubeletConfig, Volume},
    extensions::v1alpha1::RegistryConfig,
};
use k8s_openapi::api::core::v1::Taint;

/// What is wanted of the machines of a worker pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeWish {
    /// Name of the worker pool.
    pub pool: String,
    /// Kubernetes version of the pool's kubelets, such as `1.35.4`.
    pub kubernetes_version: String,
    /// The operating system; its name is the type of the OperatingSystemConfigs, too.
    pub machine_image: MachineImage,
    /// The root volume of each machine, if the pool names one.
    pub volume: Option<Volume>,
    /// Images that machines run or take programs from.
    pub images: NodeImages,
    /// Registries that are really reached elsewhere.
    pub registries: Vec<RegistryConfig>,
    /// The shoot's API server as machines reach it: `https://<host of the gateway's route>`.
    pub api_server: String,
    /// Authorities that the API server's certificate may be of, as PEM.
    pub ca_bundle: String,
    /// Authorities that the API server's client certificate for kubelets may be of, as PEM.
    pub kubelet_client_ca_bundle: String,
    /// How the seed reaches the machine.
    pub tunnel: TunnelWish,
    /// Addresses of the cluster's DNS.
    pub cluster_dns: Vec<String>,
    /// Domain of the cluster's services, such as `cluster.local`.
    pub cluster_domain: String,
    /// Settings of the kubelet: the pool's where it has any, the shoot's otherwise.
    pub kubelet: KubeletConfig,
    /// Settings of the kernel beside the usual ones.
    pub sysctls: BTreeMap<String, String>,
    /// Labels of the nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints that nodes register with.
    pub taints: Vec<Taint>,
    /// Further authorities that the machine trusts, as PEM.
    pub trusted_ca_bundle: Option<String>,
    /// When credentials of machines were last made anew (begin of the rotation of authorities, of the service account key); whatever
    /// text, as long as another rotation has another text. Empty when they never were.
    pub rotations: Vec<String>,
}

/// An operating system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineImage {
    /// Its name in the CloudProfile.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Images that machines run or take programs from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeImages {
    /// Holds `/usr/local/bin/hyperkube`, which is the kubelet when called so.
    pub hyperkube: String,
    /// Holds `/usr/local/bin/kubeception`: node-agent and tunnel client.
    pub kubeception: String,
    /// Holds a pod's network.
    pub pause: String,
}

/// How the seed reaches the machine: the machine keeps connections to the tunnel's servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TunnelWish {
    /// Host and port of the gateway, such as `api.first.dev.shoots.example.org:443`.
    pub gateway: String,
    /// TLS server names of the tunnel's servers.
    pub server_names: Vec<String>,
    /// Authorities that the servers' certificates may be of, as PEM.
    pub ca_bundle: String,
    /// The shoot's pod and service ranges: what the machine dials for the seed beside itself.
    pub allowed_ranges: Vec<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use api::extensions::v1alpha1::{RegistryCapability, RegistryHost};

    use super::*;

    /// What a small shoot of a local landscape wants.
    pub(crate) fn wish() -> NodeWish {
        let image = |name: &str| format!("registry.kubeception.internal:5000/kubeception/{name}");
        let registry = "http://registry.test.kubeception.internal:5000".to_owned();
        NodeWish {
            pool: "worker".into(),
            kubernetes_version: "1.35.4".into(),
            machine_image: MachineImage {
                name: "local".into(),
                version: "1.0.0".into(),
            },
            images: NodeImages {
                hyperkube: image("kubernetes:1.35.4"),
                kubeception: image("kubeception:0.1.0"),
                pause: image("pause:0.1.0"),
            },
            registries: vec![RegistryConfig {
                upstream: "registry.kubeception.internal:5000".into(),
                server: Some(registry.clone()),
                hosts: vec![RegistryHost {
                    url: registry,
                    capabilities: vec![RegistryCapability::Pull, RegistryCapability::Resolve],
                    ..RegistryHost::default()
                }],
                readiness_probe: None,
            }],
            api_server: "https://api.first.dev.shoots.test.kubeception.internal".into(),
            ca_bundle: "the cluster's authority\n".into(),
            kubelet_client_ca_bundle: "the authority of the kubelet's clients\n".into(),
            tunnel: TunnelWish {
                gateway: "api.first.dev.shoots.test.kubeception.internal:443".into(),
                server_names: vec!["tunnel.first.dev.internal.test.kubeception.internal".into()],
                ca_bundle: "the tunnel's authority\n".into(),
                allowed_ranges: vec!["100.64.0.0/13".into(), "100.104.0.0/13".into()],
            },
            cluster_dns: vec!["100.104.0.10".into()],
            cluster_domain: "cluster.local".into(),
            labels: BTreeMap::from([("team".into(), "blue".into())]),
            ..NodeWish::default()
        }
    }

    pub(crate) fn yaml(value: &impl serde::Serialize) -> String {
        serde_yaml_ng::to_string(value).unwrap()
    }
}
