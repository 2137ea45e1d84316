//! Machines: what lies on them, the pools, and what becomes of configurations that nobody reads any more.

use std::{collections::BTreeSet, time::Duration};

use api::{
    core::v1beta1::CloudProfile,
    extensions::v1alpha1::{DefaultSpec, OperatingSystemConfig, Worker, WorkerPool, WorkerSpec},
};
use controller::wait::{self, Progress};
use k8s_openapi::api::core::v1::{Node, Secret, SecretKeySelector};
use kube::{Api, api::ListParams};
use lib_error_chain::ErrorChain;

use super::{Context, ShootContext, ShootGraph, access, components, foundation, provider};
use crate::{
    care,
    shoot::{
        configurations, credentials,
        error::{TaskError, in_seed},
        extension::{self, Patience},
        managed::{self, Bundle},
        pools::{self, Common, Pool},
        tunnel, wish,
    },
};

pub(crate) const CONFIGURATIONS: &str = "Making the machines' configurations";
pub(crate) const NODE_AGENTS: &str = "Deploying what node-agents fetch";
pub(crate) const MACHINES: &str = "Making the machines";
pub(crate) const MACHINES_READY: &str = "Waiting for the machines";
pub(crate) const CONFIGURED: &str = "Waiting for the machines to take their configuration";
pub(crate) const COMPONENTS_READY: &str = "Waiting for the system components";
pub(crate) const TUNNEL: &str = "Waiting for the tunnel to the machines";
pub(crate) const CLEAN: &str = "Removing configurations of machines that are gone";

/// Name of the ManagedResource with what node-agents fetch (Gardener's).
pub(crate) const NODE_AGENT_RESOURCE: &str = "shoot-gardener-node-agent";

const CONFIGURATION_PATIENCE: Patience = Patience::seconds(180, 30);
/// Machines of a cloud boot for minutes, and a rolling update of a pool takes them one by one.
const MACHINE_PATIENCE: Patience = Patience::seconds(3600, 30);
/// Longer than the patience that it is made of, and than any other task's.
const MACHINES_DEADLINE: Duration = Duration::from_secs(3600 + 300);
/// Machines may have to pull images of some hundred megabytes, all at once.
const CONFIGURED_DEADLINE: Duration = Duration::from_secs(300);
/// A machine tells within moments.
const CONFIGURED_POLL: Duration = Duration::from_millis(500);
const COMPONENTS_DEADLINE: Duration = Duration::from_secs(300);
const TUNNEL_DEADLINE: Duration = Duration::from_secs(120);

pub(super) fn add(graph: &mut ShootGraph) {
    graph
        .task(CONFIGURATIONS)
        .needs([foundation::CLUSTER])
        .run(make_configurations);
    // A machine may boot before it is there: node-agent waits for it.
    graph
        .task(NODE_AGENTS)
        .needs([CONFIGURATIONS, access::ACCESS])
        .run(|context| async move { deploy_node_agents(&context, true).await });
    // They boot while the API server comes up: only their join waits for it.
    graph
        .task(MACHINES)
        .needs([provider::INFRASTRUCTURE, CONFIGURATIONS])
        .run(make_machines);
    // Where no API server comes up nobody waits an hour for machines that cannot join.
    graph
        .task(MACHINES_READY)
        .needs([MACHINES, access::ACCESS])
        .deadline(MACHINES_DEADLINE)
        .run(wait_for_machines);
    graph
        .task(CONFIGURED)
        .needs([MACHINES_READY, NODE_AGENTS])
        .run(wait_for_configurations);
    graph.task(TUNNEL).needs([MACHINES_READY]).run(wait_for_tunnel);
    graph
        .task(COMPONENTS_READY)
        .needs([
            MACHINES_READY,
            NODE_AGENTS,
            components::COMPONENTS,
            provider::NETWORK,
            provider::CONTROL_PLANE,
        ])
        .run(wait_for_components);
    graph.task(CLEAN).needs([MACHINES_READY, NODE_AGENTS]).run(clean);
}

fn plan(context: &ShootContext) -> Result<Vec<Pool>, TaskError> {
    let secrets = context.secrets()?;
    let profile: Option<CloudProfile> =
        serde_json::from_value(context.cloud_profile.clone()).map_err(|source| TaskError::Encode {
            what: "the cloud profile",
            source: Box::new(source),
        })?;
    let networks = wish::networks(&context.shoot, &context.seed);
    let bundle = |authority: &Option<deploy::SigningAuthority>| authority.as_ref().map(|made| made.bundle.clone());
    let missing = |what| move || TaskError::OutOfOrder(what);
    pools::plan(&Common {
        shoot: &context.shoot,
        profile: &profile.unwrap_or_default(),
        endpoints: &context.endpoints,
        networks: &networks,
        images: &context.gardenlet.images,
        registries: &context.gardenlet.settings.registries,
        ca_bundle: &secrets.ca.bundle,
        ca_kubelet_bundle: &bundle(&secrets.ca_kubelet).ok_or_else(missing("the authority of kubelets"))?,
        ca_vpn_bundle: &bundle(&secrets.ca_vpn).ok_or_else(missing("the authority of the tunnel"))?,
    })
}

/// What the operating system's extension made of a pool's configurations.
#[derive(Clone, Debug)]
pub(super) struct Configured {
    pool: Pool,
    original: OperatingSystemConfig,
    user_data: SecretKeySelector,
}

impl Configured {
    fn worker_pool(&self) -> WorkerPool {
        self.pool.worker_pool(self.user_data.clone())
    }

    /// What the pool's node-agents fetch.
    fn secret(&self) -> Result<Secret, TaskError> {
        configurations::secret(&self.pool.secret_name(), self.pool.name(), &self.original)
    }
}

async fn make_configurations(context: Context) -> Result<(), TaskError> {
    let pools = plan(&context)?;
    let made = futures::future::try_join_all(pools.into_iter().map(|pool| configure(&context, pool))).await?;
    let _ = context.made.pools.set(made);
    Ok(())
}

async fn configure(context: &ShootContext, pool: Pool) -> Result<Configured, TaskError> {
    let init = async {
        let name = pool.init_name();
        extension::ask(context, pool.init(extension::metadata(context, &name))).await?;
        extension::wait::<OperatingSystemConfig>(context, &name, CONFIGURATION_PATIENCE).await
    };
    let original = async {
        let name = pool.original_name();
        extension::ask(context, pool.original(extension::metadata(context, &name))).await?;
        extension::wait::<OperatingSystemConfig>(context, &name, CONFIGURATION_PATIENCE).await
    };
    let (init, original) = futures::try_join!(init, original)?;
    let secret = init.status.cloud_config.and_then(|config| config.secret_ref.name);
    let user_data = SecretKeySelector {
        name: secret.ok_or(TaskError::OutOfOrder("the user data of machines"))?,
        key: api::constants::DATA_KEY_CLOUD_CONFIG.to_owned(),
        ..SecretKeySelector::default()
    };
    Ok(Configured {
        pool,
        original,
        user_data,
    })
}

/// The Secrets that node-agents fetch, and the roles of machines on their way to become nodes. `keep_old`: machines that
/// will be replaced are still there.
async fn deploy_node_agents(context: &ShootContext, keep_old: bool) -> Result<(), TaskError> {
    let encode = |source| TaskError::Encode {
        what: "a machine's configuration",
        source: Box::new(source),
    };
    let mut objects = plan_system::plan_node_roles();
    for made in context.pools()? {
        objects.push(serde_json::to_value(made.secret()?).map_err(encode)?);
    }
    if keep_old {
        let old = configurations::still_read(&deployed(context).await?, &objects);
        objects.extend(old);
    }
    managed::deploy(context, NODE_AGENT_RESOURCE, Bundle::of(&objects)?).await
}

/// The bundle of an earlier reconciliation.
async fn deployed(context: &ShootContext) -> Result<String, TaskError> {
    let api: Api<Secret> = Api::namespaced(context.seed_client(), &context.technical_id);
    let name = managed::secret_name(NODE_AGENT_RESOURCE);
    let found = api
        .get_opt(&name)
        .await
        .map_err(in_seed("read what node-agents fetch"))?;
    let bundle = found.and_then(|secret| secret.data?.remove(managed::BUNDLE));
    Ok(bundle
        .map(|bundle| String::from_utf8_lossy(&bundle.0).into_owned())
        .unwrap_or_default())
}

async fn make_machines(context: Context) -> Result<(), TaskError> {
    let worker = Worker {
        metadata: extension::metadata(&context, context.name()),
        spec: WorkerSpec {
            default_spec: DefaultSpec {
                type_: context.shoot.spec.provider.type_.clone(),
                ..DefaultSpec::default()
            },
            region: context.shoot.spec.region.clone(),
            secret_ref: credentials::reference(&context),
            infrastructure_provider_status: context.infrastructure()?.default_status.provider_status.clone(),
            pools: context.pools()?.iter().map(Configured::worker_pool).collect(),
            ..WorkerSpec::default()
        },
        ..Worker::default()
    };
    extension::ask(&context, worker).await
}

async fn wait_for_machines(context: Context) -> Result<(), TaskError> {
    extension::wait::<Worker>(&context, context.name(), MACHINE_PATIENCE).await?;
    Ok(())
}

/// Until every node that stays says that it applied what its pool wishes.
async fn wait_for_configurations(context: Context) -> Result<(), TaskError> {
    let secrets: Vec<Secret> = context
        .pools()?
        .iter()
        .map(Configured::secret)
        .collect::<Result<_, _>>()?;
    let wished = care::checksums(secrets.iter().map(|secret| &secret.metadata));
    let nodes: Api<Node> = Api::all(super::control_plane::shoot_client(&context).await?);
    let everything = ListParams::default();
    let attempt = || async {
        let found = match nodes.list_metadata(&everything).await {
            Ok(found) => found.items,
            Err(error) => return Progress::Waiting(ErrorChain(&error).to_string()),
        };
        let behind = found.iter().find_map(|node| care::outdated(&node.metadata, &wished));
        behind.map_or(Progress::Done, Progress::Waiting)
    };
    let what = "the machines to take their configuration";
    Ok(wait::poll(what, CONFIGURED_DEADLINE, CONFIGURED_POLL, attempt).await?)
}

async fn wait_for_components(context: Context) -> Result<(), TaskError> {
    let names = components::RESOURCES.iter().chain([&NODE_AGENT_RESOURCE]);
    let waits = names.map(|name| {
        deploy::managed_resource_healthy(context.seed_client(), &context.technical_id, name, COMPONENTS_DEADLINE)
    });
    futures::future::try_join_all(waits).await?;
    Ok(())
}

async fn wait_for_tunnel(context: Context) -> Result<(), TaskError> {
    let client = super::control_plane::shoot_client(&context).await?;
    Ok(tunnel::wait(&client, TUNNEL_DEADLINE).await?)
}

/// Machines that were replaced are gone: what only they read goes, too.
async fn clean(context: Context) -> Result<(), TaskError> {
    deploy_node_agents(&context, false).await?;
    let wished: BTreeSet<String> = context
        .pools()?
        .iter()
        .flat_map(|made| [made.pool.init_name(), made.pool.original_name()])
        .collect();
    remove_configurations(&context, &wished).await
}

/// Removes all OperatingSystemConfigs but the `wished` ones.
pub(super) async fn remove_configurations(context: &ShootContext, wished: &BTreeSet<String>) -> Result<(), TaskError> {
    let api: Api<OperatingSystemConfig> = Api::namespaced(context.seed_client(), &context.technical_id);
    let found = api.list_metadata(&ListParams::default()).await;
    let found = found.map_err(in_seed("list the machines' configurations"))?;
    let names = found.items.into_iter().filter_map(|object| object.metadata.name);
    let stale = names.filter(|name| !wished.contains(name));
    futures::future::try_join_all(stale.map(|name| async move {
        extension::remove::<OperatingSystemConfig>(context, &name, CONFIGURATION_PATIENCE).await
    }))
    .await?;
    Ok(())
}
