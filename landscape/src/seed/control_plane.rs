//! The seed's control plane: static pods from the planner that plans shoots' control planes.

use plan_control_plane::{
    ApiServerOptions, ComponentAccess, ControlPlane, EtcdOptions, Images, Networks, Role, SecretNames, StaticPods,
    StaticPodsOptions,
};
use plan_images::{ImageNotFound, ImageVector};

use super::configuration::SECRETS;
use super::names::{Domain, MACHINE, MACHINE_ADDRESS, POD_RANGE, SERVICE_RANGE};
use super::pki::{
    AGGREGATOR, API_KUBELET, CA, CA_CLIENT, CA_ETCD, CA_FRONT_PROXY, CA_KUBELET, CONTROLLER_MANAGER, ENCRYPTION,
    ETCD_CLIENT, ETCD_SERVER, SCHEDULER, SERVER, SERVICE_ACCOUNT_KEY,
};

/// Where etcd keeps its data on the machine.
const ETCD_DATA: &str = "/var/lib/etcd";

/// The pods, and the files they need.
pub(crate) fn static_pods(domain: &Domain, vector: &ImageVector, version: &str) -> Result<StaticPods, ImageNotFound> {
    let plane = ControlPlane {
        role: Role::Seed,
        namespace: "kube-system".to_owned(),
        prefix: String::new(),
        cluster_name: MACHINE.to_owned(),
        kubernetes_version: version.to_owned(),
        images: Images::from_vector(vector, version)?,
        networks: Networks {
            services: SERVICE_RANGE.to_owned(),
            pods: Some(POD_RANGE.to_owned()),
        },
        hostnames: vec![format!("{MACHINE}.{domain}")],
        gateway: None,
        secrets: secret_names(),
        etcd: EtcdOptions {
            endpoints: vec!["https://127.0.0.1:2379".to_owned()],
            ..EtcdOptions::default()
        },
        api_server: ApiServerOptions {
            advertise_address: MACHINE_ADDRESS.into(),
            ..ApiServerOptions::default()
        },
        replicas: 1,
        priority_class: None,
        machines: None,
    };
    let options = StaticPodsOptions {
        files_directory: SECRETS.to_owned(),
        data_directory: ETCD_DATA.to_owned(),
    };
    Ok(StaticPods::plan(&plane, &options))
}

/// The names under which [`super::SeedPki`] holds what the pods mount.
fn secret_names() -> SecretNames {
    let name = str::to_owned;
    SecretNames {
        ca_bundle: name(CA),
        ca_client_bundle: name(CA_CLIENT),
        ca_client: name(CA_CLIENT),
        ca_etcd_bundle: name(CA_ETCD),
        etcd_server: name(ETCD_SERVER),
        etcd_client: name(ETCD_CLIENT),
        ca_front_proxy_bundle: name(CA_FRONT_PROXY),
        aggregator: name(AGGREGATOR),
        server: name(SERVER),
        ca_kubelet_bundle: Some(name(CA_KUBELET)),
        ca_kubelet: Some(name(CA_KUBELET)),
        kubelet_client: Some(name(API_KUBELET)),
        service_account_key: name(SERVICE_ACCOUNT_KEY),
        service_account_key_bundle: name(SERVICE_ACCOUNT_KEY),
        encryption_configuration: name(ENCRYPTION),
        controller_manager_access: ComponentAccess::Kubeconfig(name(CONTROLLER_MANAGER)),
        scheduler_access: ComponentAccess::Kubeconfig(name(SCHEDULER)),
        tunnel_server: None,
        tunnel_client: None,
    }
}
