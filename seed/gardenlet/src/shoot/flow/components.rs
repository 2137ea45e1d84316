//! What runs in every cluster with machines: kube-scheduler in the seed, and inside the shoot the service proxy, DNS, metrics
//! and storage.

use std::{net::Ipv4Addr, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use plan_system::{Dns, LocalStorage, Metrics, Proxy, VolumeBinding};
use sha2::{Digest, Sha256};

use super::{Context, ShootContext, ShootGraph, access};
use crate::shoot::{
    error::TaskError,
    managed::{self, Bundle},
    pools, wish,
};

pub(crate) const COMPONENTS: &str = "Deploying the system components";
pub(crate) const SCHEDULER: &str = "Deploying kube-scheduler";
pub(crate) const SCHEDULER_READY: &str = "Waiting for kube-scheduler";

const PROXY: &str = "shoot-core-kube-proxy";
const DNS: &str = "shoot-core-coredns";
const METRICS: &str = "shoot-core-metrics-server";
const STORAGE: &str = "shoot-core-local-storage";

/// Names of the ManagedResources (Gardener's, where it has such a one).
pub(crate) const RESOURCES: [&str; 4] = [PROXY, DNS, METRICS, STORAGE];

/// Where volumes of the default storage class lie on a node, and who makes them.
const VOLUMES: &str = "/var/lib/local-storage";
const PROVISIONER: &str = "local-storage.kubeception.dev";
const DEADLINE: Duration = Duration::from_secs(180);

pub(super) fn add(graph: &mut ShootGraph) {
    // Their Secrets and objects need the way in; that nodes are there they do not need.
    graph.task(COMPONENTS).needs([access::ACCESS]).run(deploy);
    graph
        .task(SCHEDULER)
        .needs([access::ACCESS_READY, access::SYSTEM_READY])
        .run(|context| async move { Ok(context.deployer()?.kube_scheduler().await?) });
    graph.task(SCHEDULER_READY).needs([SCHEDULER]).run(wait_for_scheduler);
}

async fn wait_for_scheduler(context: Context) -> Result<(), TaskError> {
    let client = context.seed_client();
    Ok(deploy::deployment_ready(client, &context.technical_id, "kube-scheduler", DEADLINE).await?)
}

async fn deploy(context: Context) -> Result<(), TaskError> {
    let (proxy, dns, metrics, storage) = (proxy(&context)?, dns(&context)?, metrics(&context)?, storage(&context)?);
    let deploy = |name, objects: Vec<plan_system::Object>| {
        let context = &context;
        async move { managed::deploy(context, name, Bundle::of(&objects)?).await }
    };
    futures::try_join!(
        deploy(PROXY, proxy),
        deploy(DNS, dns),
        deploy(METRICS, metrics),
        deploy(STORAGE, storage),
    )?;
    Ok(())
}

/// An image of the vector for the shoot's version.
fn image(context: &ShootContext, name: &str) -> Result<String, TaskError> {
    let version = &context.shoot.spec.kubernetes.version;
    let found = context.gardenlet.images.find(name, Some(version));
    found
        .map(|image| image.to_string())
        .map_err(|error| TaskError::Invalid(format!("spec.kubernetes.version: {error}")))
}

/// The API server's address on every node, and its port there.
fn api_server() -> (String, u16) {
    let port = u16::try_from(plan_control_plane::API_SERVER_PORT).unwrap_or_default();
    (wish::ADVERTISED_ADDRESS.to_string(), port)
}

/// Lets pods dial the API server before the service proxy is up.
fn reaching(objects: Vec<plan_system::Object>) -> Vec<plan_system::Object> {
    let (address, port) = api_server();
    plan_system::with_api_server(objects, &address, port)
}

fn proxy(context: &ShootContext) -> Result<Vec<plan_system::Object>, TaskError> {
    let (address, port) = api_server();
    Ok(plan_system::plan_proxy(&Proxy {
        image: image(context, "kube-proxy")?,
        api_server: format!("https://{address}:{port}"),
        pod_cidr: wish::networks(&context.shoot, &context.seed).pods.unwrap_or_default(),
    }))
}

fn dns(context: &ShootContext) -> Result<Vec<plan_system::Object>, TaskError> {
    let address = pools::cluster_dns(&wish::networks(&context.shoot, &context.seed))?;
    let objects = plan_system::plan_dns(&Dns {
        image: image(context, "coredns")?,
        cluster_ip: match address {
            std::net::IpAddr::V4(address) => address,
            std::net::IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        },
        cluster_domain: pools::CLUSTER_DOMAIN.to_owned(),
        replicas: pools::dns_replicas(&context.shoot),
    });
    Ok(reaching(objects))
}

fn metrics(context: &ShootContext) -> Result<Vec<plan_system::Object>, TaskError> {
    let secrets = context.secrets()?;
    let made = context.machine_secrets()?;
    let kubelet = secrets.ca_kubelet.as_ref();
    let kubelet = kubelet.ok_or(TaskError::OutOfOrder("the authority of kubelets"))?;
    let (certificate, key) = (
        text(&made.metrics_server, "tls.crt"),
        text(&made.metrics_server, "tls.key"),
    );
    let read_once = [certificate.as_str(), &kubelet.bundle].concat();
    let checksum = Sha256::digest(read_once.as_bytes());
    let objects = plan_system::plan_metrics(&Metrics {
        image: image(context, "metrics-server")?,
        kubelet_authorities: kubelet.bundle.clone(),
        certificate,
        key,
        authorities: made.ca_metrics_server.bundle.clone(),
        checksum: checksum.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
    });
    Ok(reaching(objects))
}

fn text(secret: &Secret, key: &str) -> String {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    bytes
        .map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())
        .unwrap_or_default()
}

/// The default storage class of clusters whose provider brings no volumes of its own.
fn storage(context: &ShootContext) -> Result<Vec<plan_system::Object>, TaskError> {
    let objects = plan_system::plan_local_storage(&LocalStorage {
        image: image(context, "kubeception")?,
        provisioner: PROVISIONER.to_owned(),
        directory: VOLUMES.to_owned(),
        binding: VolumeBinding::WithItsPod,
    });
    Ok(reaching(objects))
}
