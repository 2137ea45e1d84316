//! The virtual garden's control plane, as a wish for `plan-control-plane` and for the secrets manager.
//!
//! In: the settings and the images. Out: a [`ControlPlane`] and a [`SecretsWish`]. Absent: objects.

use std::net::IpAddr;

use api::constants;
use deploy::SecretsWish;
use ipnet::IpNet;
use plan_control_plane::{
    ApiServerOptions, ControlPlane, EtcdOptions, Gateway, Images, Networks, Resource, Role, SecretNames,
};

use crate::runtime::GATEWAY;
use crate::settings::{NAMESPACE, PREFIX, Settings};

/// Name of the virtual garden inside of kubeconfigs.
const CLUSTER_NAME: &str = "virtual-garden";
/// What is endpoint of the Service `kubernetes` in the virtual garden: nobody dials it, for there are no pods.
const ADVERTISE_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(240, 0, 0, 1));

/// Name of the `Etcd` object.
pub(crate) fn etcd_name() -> String {
    format!("{PREFIX}{}", constants::ETCD_MAIN)
}

/// Name of the API server's Deployment and Service.
pub(crate) fn api_server_name() -> String {
    format!("{PREFIX}{}", constants::DEPLOYMENT_KUBE_API_SERVER)
}

/// Where Gardener's API server dials the etcd that it shares.
pub(crate) fn etcd_endpoint() -> String {
    format!("https://{}-client:2379", etcd_name())
}

/// What certificates must say.
pub(crate) fn secrets_wish(settings: &Settings) -> SecretsWish {
    let first = settings
        .services
        .parse::<IpNet>()
        .ok()
        .and_then(|net| net.hosts().next());
    SecretsWish {
        cluster_name: CLUSTER_NAME.to_owned(),
        service: api_server_name(),
        etcd: etcd_name(),
        hostnames: settings.host_names(),
        addresses: first.into_iter().chain([ADVERTISE_ADDRESS]).collect(),
        has_nodes: false,
        encrypted_resources: vec!["secrets".to_owned()],
        tunnel_server_name: None,
    }
}

/// The wish for the control plane.
pub(crate) fn control_plane(settings: &Settings, images: Images, secrets: SecretNames) -> ControlPlane {
    ControlPlane {
        role: Role::Garden,
        namespace: NAMESPACE.to_owned(),
        prefix: PREFIX.to_owned(),
        cluster_name: CLUSTER_NAME.to_owned(),
        kubernetes_version: settings.kubernetes_version.clone(),
        images,
        networks: Networks {
            services: settings.services.clone(),
            pods: None,
        },
        hostnames: settings.host_names(),
        gateway: Some(Gateway {
            name: GATEWAY.to_owned(),
            namespace: NAMESPACE.to_owned(),
        }),
        secrets,
        etcd: EtcdOptions {
            storage_capacity: settings.etcd_capacity.clone(),
            storage_class: settings.etcd_storage_class.clone(),
            requests: Resource {
                cpu: "50m".to_owned(),
                memory: "128Mi".to_owned(),
            },
            ..EtcdOptions::default()
        },
        api_server: ApiServerOptions {
            advertise_address: ADVERTISE_ADDRESS,
            ..ApiServerOptions::default()
        },
        replicas: 1,
        priority_class: Some("gardener-garden-system-500".to_owned()),
        machines: None,
    }
}
