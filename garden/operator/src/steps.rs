//! The flow's tasks, one function each: plan, apply, wait. Every one may run again at any time.
//!
//! In: the shared [`Work`]. Out: the world changed, or a [`StepError`] that names what failed.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api::constants;
use api::extensions::v1alpha1::DnsRecord;
use controller::apply::{Applier, ApplyError};
use controller::connect::ConnectError;
use controller::wait::{Progress, WaitError, poll, until};
use deploy::{
    AccessSecret, ControlPlaneDeployer, DeployError, KubeSecretStore, ManagerOptions, SecretsError, SecretsManager,
};
use futures::future::{try_join_all, try_join4};
use futures::try_join;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Resource, ResourceExt as _};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use plan_control_plane::{Images, garden_priority_classes, seed_priority_classes};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::runtime::{self, ComponentFiles, ConfigFile, Identity};
use crate::secrets::{self, GardenSecrets};
use crate::settings::{NAMESPACE, Settings};
use crate::{control_plane, virtual_garden};

/// The operator's name as a field manager.
pub(crate) const FIELD_MANAGER: &str = constants::DEPLOYMENT_GARDENER_OPERATOR;
/// An API server answers for a new kind within a fraction of this.
const CRD_DEADLINE: Duration = Duration::from_secs(30);
/// Longest for a pod to become ready, its image not yet pulled.
const READY_DEADLINE: Duration = Duration::from_secs(300);
/// Between two questions to an API server that is coming up.
const POLL: Duration = Duration::from_millis(200);
/// Components with a token of their own for the virtual garden, beside kube-controller-manager.
const TOKEN_COMPONENTS: [&str; 4] = [
    constants::DEPLOYMENT_GARDENER_API_SERVER,
    constants::DEPLOYMENT_GARDENER_CONTROLLER_MANAGER,
    constants::DEPLOYMENT_GARDENER_SCHEDULER,
    constants::DEPLOYMENT_KUBE_CONTROLLER_MANAGER,
];

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error("failed to reach the virtual garden")]
    Connect(#[from] ConnectError),
    #[error("{0} was not made yet")]
    Missing(&'static str),
}

/// Images of everything that the operator deploys.
#[derive(Clone, Debug)]
pub(crate) struct ImageSet {
    pub(crate) control_plane: Images,
    pub(crate) kubeception: String,
    /// The installation's own image vector, if it has one.
    pub(crate) overwrite: Option<String>,
}

/// What the tasks of one run share.
pub(crate) struct Work {
    pub(crate) settings: Settings,
    pub(crate) runtime: Applier,
    pub(crate) images: ImageSet,
    pub(crate) clock: Arc<dyn Clock>,
    made: OnceCell<Made>,
}

/// What one task makes and others need.
pub(crate) struct Made {
    manager: SecretsManager<KubeSecretStore>,
    secrets: GardenSecrets,
    deployer: ControlPlaneDeployer,
    garden: Applier,
}

impl Work {
    pub(crate) fn new(settings: Settings, runtime: Applier, images: ImageSet, clock: Arc<dyn Clock>) -> Self {
        Self {
            settings,
            runtime,
            images,
            clock,
            made: OnceCell::new(),
        }
    }

    fn client(&self) -> Client {
        self.runtime.client().clone()
    }

    fn made(&self) -> Result<&Made, StepError> {
        self.made.get().ok_or(StepError::Missing("the garden's Secrets"))
    }

    fn common(&self) -> Result<ComponentFiles, StepError> {
        let generic_kubeconfig = self.made()?.secrets.control_plane.generic_kubeconfig.clone();
        Ok(ComponentFiles {
            image: self.images.kubeception.clone(),
            generic_kubeconfig,
        })
    }

    fn config_files(&self) -> (ConfigFile, ConfigFile) {
        let settings = &self.settings;
        (
            runtime::controller_manager_config(&settings.controller_manager_log_level),
            runtime::scheduler_config(&settings.scheduler_strategy, &settings.scheduler_log_level),
        )
    }
}

async fn apply_all<'a, K>(applier: &Applier, objects: impl IntoIterator<Item = &'a K>) -> Result<(), ApplyError>
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug + 'a,
{
    try_join_all(objects.into_iter().map(|object| applier.apply(object)))
        .await
        .map(drop)
}

async fn apply_identity(applier: &Applier, identity: &Identity) -> Result<(), ApplyError> {
    // No `..`: a new field must be applied before this compiles.
    let Identity {
        service_account,
        cluster_role,
        cluster_role_binding,
    } = identity;
    let (_, _, _) = try_join!(
        applier.apply(service_account),
        applier.apply(cluster_role),
        applier.apply(cluster_role_binding)
    )?;
    Ok(())
}

/// Kinds that the runtime cluster's parts speak to each other with; waits until they are served.
pub(crate) async fn custom_resources(work: Arc<Work>) -> Result<(), StepError> {
    let definitions = api::crds::all();
    apply_all(&work.runtime, &definitions).await?;
    let api = Api::<CustomResourceDefinition>::all(work.client());
    let waits = definitions.iter().map(|definition| {
        let (api, name) = (api.clone(), definition.name_any());
        async move {
            until(&api, &name, "to be served", CRD_DEADLINE, established)
                .await
                .map(drop)
        }
    });
    try_join_all(waits).await?;
    Ok(())
}

fn established(definition: Option<&CustomResourceDefinition>) -> Progress {
    let conditions = definition
        .and_then(|definition| definition.status.as_ref()?.conditions.clone())
        .unwrap_or_default();
    match conditions.iter().find(|condition| condition.type_ == "Established") {
        Some(condition) if condition.status == "True" => Progress::Done,
        Some(condition) => Progress::Waiting(condition.message.clone().unwrap_or_default()),
        None => Progress::Waiting("the API server has not looked at it".to_owned()),
    }
}

/// Who gives way to whom, and what guards the Garden.
pub(crate) async fn priorities(work: Arc<Work>) -> Result<(), StepError> {
    let classes = [garden_priority_classes(), seed_priority_classes()].concat();
    let (policy, binding) = runtime::deletion_confirmation();
    let guard = async { try_join!(work.runtime.apply(&policy), work.runtime.apply(&binding)) };
    try_join!(apply_all(&work.runtime, &classes), guard)?;
    Ok(())
}

pub(crate) async fn etcd_druid(work: Arc<Work>) -> Result<(), StepError> {
    let overwrite = work.images.overwrite.clone().map(runtime::image_vector_overwrite);
    let file = overwrite.as_ref().map(|file| file.config_map(NAMESPACE));
    apply_all(&work.runtime, &file).await?;
    let (identity, deployment) = runtime::etcd_druid(&work.images.kubeception, overwrite.as_ref());
    apply_identity(&work.runtime, &identity).await?;
    work.runtime.apply(&deployment).await?;
    Ok(())
}

pub(crate) async fn resource_manager(work: Arc<Work>) -> Result<(), StepError> {
    let (identity, deployment) = runtime::resource_manager(&work.images.kubeception);
    apply_identity(&work.runtime, &identity).await?;
    work.runtime.apply(&deployment).await?;
    work.runtime.apply(&runtime::resource_manager_service()).await?;
    Ok(())
}

pub(crate) async fn gateway(work: Arc<Work>) -> Result<(), StepError> {
    let planned = runtime::gateway(&work.images.kubeception, &work.settings.load_balancer_annotations);
    // No `..`: a new field must be applied before this compiles.
    let runtime::GatewayObjects {
        identity,
        deployment,
        service,
        class,
        gateway,
    } = &planned;
    let applier = &work.runtime;
    let process = async {
        apply_identity(applier, identity).await?;
        applier.apply(deployment).await
    };
    try_join4(
        process,
        applier.apply(service),
        applier.apply(class),
        applier.apply(gateway),
    )
    .await?;
    Ok(())
}

/// Waits until the runtime cluster's shared parts are ready.
pub(crate) async fn runtime_ready(work: Arc<Work>) -> Result<(), StepError> {
    deployments_ready(&work, &runtime::RUNTIME_COMPONENTS).await
}

async fn deployments_ready(work: &Work, names: &[&str]) -> Result<(), StepError> {
    let waits = names
        .iter()
        .map(|name| deploy::deployment_ready(work.client(), NAMESPACE, name, READY_DEADLINE));
    try_join_all(waits).await?;
    Ok(())
}

/// Authorities, certificates and keys; and a client of the virtual garden.
pub(crate) async fn secrets(work: Arc<Work>) -> Result<(), StepError> {
    let store = KubeSecretStore::new(work.client(), NAMESPACE);
    let options = ManagerOptions::new(NAMESPACE, constants::SECRETS_MANAGER_IDENTITY_OPERATOR);
    let manager = SecretsManager::load(store, Arc::clone(&work.clock), options).await?;
    let secrets = secrets::make(&manager, &control_plane::secrets_wish(&work.settings)).await?;
    let names = secrets.control_plane.names.clone();
    let plane = control_plane::control_plane(&work.settings, work.images.control_plane.clone(), names);
    let deployer = ControlPlaneDeployer::new(work.runtime.clone(), &plane);
    let garden_client = controller::connect::from_kubeconfig_str(&secrets.control_plane.internal_kubeconfig).await?;
    let garden = Applier::new(garden_client, FIELD_MANAGER);
    // A task runs once in a flow: nobody else sets it.
    work.made
        .set(Made {
            manager,
            secrets,
            deployer,
            garden,
        })
        .ok();
    Ok(())
}

pub(crate) async fn etcd(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work.made()?.deployer.etcd().await?)
}

pub(crate) async fn etcd_ready(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work.made()?.deployer.wait_for_etcd(READY_DEADLINE).await?)
}

pub(crate) async fn exposure(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work.made()?.deployer.exposure().await?)
}

pub(crate) async fn kube_apiserver(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work.made()?.deployer.kube_apiserver().await?)
}

/// Asks the virtual garden itself, the way that components reach it.
pub(crate) async fn kube_apiserver_ready(work: Arc<Work>) -> Result<(), StepError> {
    Ok(deploy::api_server_ready(work.made()?.garden.client(), READY_DEADLINE).await?)
}

fn access_secrets() -> Vec<AccessSecret> {
    TOKEN_COMPONENTS.into_iter().map(AccessSecret::new).collect()
}

/// Asks for tokens, and tells the token requestor how to reach the virtual garden.
pub(crate) async fn access(work: Arc<Work>) -> Result<(), StepError> {
    let made = work.made()?;
    let components = access_secrets();
    let kubeconfig = &made.secrets.control_plane.internal_kubeconfig;
    try_join!(
        made.deployer.internal_access(kubeconfig),
        made.deployer.access(&components)
    )?;
    Ok(())
}

pub(crate) async fn access_ready(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work
        .made()?
        .deployer
        .wait_for_access(&access_secrets(), READY_DEADLINE)
        .await?)
}

pub(crate) async fn kube_controller_manager(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work.made()?.deployer.kube_controller_manager().await?)
}

pub(crate) async fn kube_controller_manager_ready(work: Arc<Work>) -> Result<(), StepError> {
    Ok(work
        .made()?
        .deployer
        .wait_for_kube_controller_manager(READY_DEADLINE)
        .await?)
}

/// Namespaces, roles and policies of the virtual garden.
pub(crate) async fn virtual_garden_system(work: Arc<Work>) -> Result<(), StepError> {
    let garden = &work.made()?.garden;
    let (roles, bindings) = (virtual_garden::cluster_roles(), virtual_garden::cluster_role_bindings());
    let (policies, policy_bindings) = (virtual_garden::policies(), virtual_garden::policy_bindings());
    let in_namespaces = async {
        apply_all(garden, &virtual_garden::namespaces()).await?;
        let info = virtual_garden::gardener_info(env!("CARGO_PKG_VERSION"));
        let (roles, bindings) = (
            virtual_garden::namespaced_roles(),
            virtual_garden::namespaced_role_bindings(),
        );
        try_join!(
            apply_all(garden, [&info]),
            apply_all(garden, &roles),
            apply_all(garden, &bindings)
        )
    };
    let cluster_wide = async { try_join!(apply_all(garden, &roles), apply_all(garden, &bindings)) };
    // The binding after its policy: an unknown policy is refused by nobody, but also enforced by nobody.
    let guards = async {
        apply_all(garden, &policies).await?;
        apply_all(garden, &policy_bindings).await
    };
    try_join!(in_namespaces, cluster_wide, guards)?;
    Ok(())
}

/// Tells the virtual garden where Gardener's API server is.
pub(crate) async fn gardener_api_address(work: Arc<Work>) -> Result<(), StepError> {
    let made = work.made()?;
    let address = service_address(&work).await?;
    let (service, slice) = (virtual_garden::service(), virtual_garden::endpoint_slice(address));
    try_join!(made.garden.apply(&service), made.garden.apply(&slice))?;
    Ok(())
}

/// Tells the virtual garden what Gardener's API server serves.
pub(crate) async fn register_api(work: Arc<Work>) -> Result<(), StepError> {
    let made = work.made()?;
    let services = virtual_garden::api_services(&made.secrets.ca_gardener);
    apply_all(&made.garden, &services).await?;
    Ok(())
}

/// The address of the API server's Service; applying it returns it with its address.
async fn service_address(work: &Work) -> Result<IpAddr, StepError> {
    let service: Service = work.runtime.apply(&runtime::api_server_service()).await?;
    let address = service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .and_then(|address| address.parse().ok());
    address.ok_or(StepError::Missing("the address of the Service gardener-apiserver"))
}

pub(crate) async fn gardener_api_server(work: Arc<Work>) -> Result<(), StepError> {
    let (made, common) = (work.made()?, work.common()?);
    let endpoint = control_plane::etcd_endpoint();
    let deployment = runtime::api_server(&work.settings, &common, &made.secrets.api_server, &endpoint);
    work.runtime.apply(&deployment).await?;
    Ok(())
}

pub(crate) async fn gardener_api_server_ready(work: Arc<Work>) -> Result<(), StepError> {
    deployments_ready(&work, &[constants::DEPLOYMENT_GARDENER_API_SERVER]).await
}

/// Waits until the virtual garden answers for every group and version of Gardener's.
pub(crate) async fn gardener_api_ready(work: Arc<Work>) -> Result<(), StepError> {
    let client = work.made()?.garden.client();
    let waits = virtual_garden::SERVED_VERSIONS
        .into_iter()
        .map(|(group, version, _)| async move {
            let version = format!("{group}/{version}");
            let what = format!("the virtual garden to serve {version}");
            poll(&what, READY_DEADLINE, POLL, || async {
                match client.list_api_group_resources(&version).await {
                    Ok(_) => Progress::Done,
                    Err(error) => Progress::Waiting(ErrorChain(&error).to_string()),
                }
            })
            .await
        });
    try_join_all(waits).await?;
    Ok(())
}

pub(crate) async fn gardener_controllers(work: Arc<Work>) -> Result<(), StepError> {
    let common = work.common()?;
    let (manager_config, scheduler_config) = work.config_files();
    let files = [
        manager_config.config_map(NAMESPACE),
        scheduler_config.config_map(NAMESPACE),
    ];
    apply_all(&work.runtime, &files).await?;
    let deployments = [
        runtime::controller_manager(&common, &manager_config),
        runtime::scheduler(&common, &scheduler_config),
    ];
    apply_all(&work.runtime, &deployments).await?;
    Ok(())
}

pub(crate) async fn gardener_ready(work: Arc<Work>) -> Result<(), StepError> {
    deployments_ready(&work, &runtime::GARDENER_COMPONENTS).await
}

/// Makes the records of the garden's names, as soon as the gateway has an address, and waits for them.
pub(crate) async fn dns_records(work: Arc<Work>) -> Result<(), StepError> {
    let services = Api::<Service>::namespaced(work.client(), NAMESPACE);
    let service = until(
        &services,
        runtime::GATEWAY,
        "to have an address",
        READY_DEADLINE,
        |service| match service.map(addresses) {
            Some(addresses) if !addresses.is_empty() => Progress::Done,
            _ => Progress::Waiting("the cloud has given it none".to_owned()),
        },
    );
    let addresses = service.await?.as_ref().map(addresses).unwrap_or_default();
    let records = runtime::records(&work.settings, &addresses, work.clock.now());
    apply_all(&work.runtime, &records).await?;
    let api = Api::<DnsRecord>::namespaced(work.client(), NAMESPACE);
    let waits = records.iter().map(|record| {
        let (api, name) = (api.clone(), record.name_any());
        async move {
            let ready = deploy::extension_ready(&api, &name, READY_DEADLINE, |record: &DnsRecord| {
                &record.status.default_status
            });
            ready.await.map(drop)
        }
    });
    try_join_all(waits).await?;
    Ok(())
}

/// Addresses, or names, of a load balancer.
fn addresses(service: &Service) -> Vec<String> {
    let ingress = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.clone())
        .unwrap_or_default();
    ingress
        .into_iter()
        .filter_map(|ingress| ingress.ip.or(ingress.hostname))
        .collect()
}

/// Deletes Secrets that nobody mounts any more.
pub(crate) async fn cleanup(work: Arc<Work>) -> Result<(), StepError> {
    work.made()?.manager.cleanup().await?;
    Ok(())
}
