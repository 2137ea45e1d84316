//! What everything else stands on: the namespace, the `Cluster` object for extensions, the secrets.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    constants,
    core::v1beta1::{Seed, Shoot},
    extensions::v1alpha1::{Cluster, ClusterSpec},
};
use apimachinery::RawExtension;
use deploy::{ControlPlaneDeployer, ControlPlaneSecrets, KubeSecretStore, ManagerOptions, SecretsManager};
use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use plan_control_plane::Images;

use super::{Context, Shape, ShootContext, ShootGraph, access, components, control_plane};
use crate::{
    context::FIELD_MANAGER,
    shoot::{error::TaskError, machine_secrets::MachineSecrets, wish},
};

pub(crate) const CHECK: &str = "Checking what is wished";
pub(crate) const NAMESPACE: &str = "Making the namespace of the control plane";
pub(crate) const SECRETS: &str = "Making certificates and keys";
pub(crate) const CLUSTER: &str = "Telling extensions about the shoot";
pub(crate) const CLEAN_SECRETS: &str = "Removing certificates and keys that are out of use";

/// What a rotation of the authorities rotates.
const AUTHORITIES: [&str; 7] = [
    constants::SECRET_CA_CLUSTER,
    constants::SECRET_CA_CLIENT,
    constants::SECRET_CA_ETCD,
    constants::SECRET_CA_FRONT_PROXY,
    constants::SECRET_CA_KUBELET,
    constants::SECRET_CA_METRICS_SERVER,
    constants::SECRET_CA_VPN,
];

pub(super) fn add(graph: &mut ShootGraph) {
    graph
        .task(CHECK)
        .run(|context| async move { wish::check_supported(&context.shoot) });
    graph.task(NAMESPACE).needs([CHECK]).run(make_namespace);
    graph.task(SECRETS).needs([NAMESPACE]).run(make_secrets);
    graph.task(CLUSTER).needs([SECRETS]).run(make_cluster);
}

pub(super) fn add_cleanup(graph: &mut ShootGraph, shape: Shape) {
    let rolled_out = [
        control_plane::ETCD_READY,
        control_plane::API_SERVER_READY,
        access::CONTROLLER_MANAGER_READY,
    ];
    graph
        .task(CLEAN_SECRETS)
        .needs(rolled_out)
        .needs(shape.has_workers().then_some(components::SCHEDULER_READY))
        .run(clean_secrets);
}

async fn make_namespace(context: Context) -> Result<(), TaskError> {
    context.gardenlet.seed.apply(&namespace(&context)).await?;
    Ok(())
}

fn namespace(context: &ShootContext) -> Namespace {
    let shoot = &context.shoot;
    let mut labels = BTreeMap::from([
        (constants::GARDEN_ROLE.to_owned(), constants::ROLE_SHOOT.to_owned()),
        (
            constants::LABEL_SEED_PROVIDER.to_owned(),
            context.seed.spec.provider.type_.clone(),
        ),
        (
            constants::LABEL_SHOOT_PROVIDER.to_owned(),
            shoot.spec.provider.type_.clone(),
        ),
        ("project.gardener.cloud/name".to_owned(), context.project.clone()),
    ]);
    let network = shoot
        .spec
        .networking
        .as_ref()
        .and_then(|networking| networking.type_.clone());
    labels.extend(network.map(|type_| (constants::LABEL_NETWORKING_PROVIDER.to_owned(), type_)));
    let uid = shoot.metadata.uid.clone().unwrap_or_default();
    Namespace {
        metadata: ObjectMeta {
            name: Some(context.technical_id.clone()),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([(constants::SHOOT_UID.to_owned(), uid)])),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// The manager of the namespace's secrets, as of now.
async fn manager(context: &ShootContext) -> Result<SecretsManager<KubeSecretStore>, TaskError> {
    let store = KubeSecretStore::new(context.seed_client(), &context.technical_id);
    let mut options = ManagerOptions::new(&context.technical_id, FIELD_MANAGER);
    options.rotations = rotations(&context.shoot);
    Ok(SecretsManager::load(store, Arc::clone(&context.gardenlet.clock), options).await?)
}

/// When the rotation of each secret began last, as the Shoot's status says.
fn rotations(shoot: &Shoot) -> BTreeMap<String, jiff::Timestamp> {
    let rotation = shoot
        .status
        .credentials
        .as_ref()
        .and_then(|credentials| credentials.rotation.clone())
        .unwrap_or_default();
    let mut times = BTreeMap::new();
    let began = rotation
        .certificate_authorities
        .and_then(|rotation| rotation.last_initiation_time);
    for authority in AUTHORITIES {
        times.extend(began.as_ref().map(|time| (authority.to_owned(), time.0)));
    }
    let began = rotation
        .service_account_key
        .and_then(|rotation| rotation.last_initiation_time);
    times.extend(began.map(|time| ("service-account-key".to_owned(), time.0)));
    let began = rotation
        .etcd_encryption_key
        .and_then(|rotation| rotation.last_initiation_time);
    times.extend(began.map(|time| ("kube-apiserver-etcd-encryption-key".to_owned(), time.0)));
    times
}

async fn make_secrets(context: Context) -> Result<(), TaskError> {
    let manager = manager(&context).await?;
    let (shoot, seed, endpoints) = (&context.shoot, &context.seed, &context.endpoints);
    let secrets_wish = wish::secrets_wish(shoot, seed, &context.technical_id, endpoints)?;
    let secrets = ControlPlaneSecrets::make(&manager, &secrets_wish).await?;
    if wish::has_workers(shoot) {
        let _ = context.made.machine_secrets.set(MachineSecrets::make(&manager).await?);
    }
    let images = Images::from_vector(&context.gardenlet.images, &shoot.spec.kubernetes.version)
        .map_err(|error| TaskError::Invalid(format!("spec.kubernetes.version: {error}")))?;
    let own_image = context.gardenlet.images.find("kubeception", None);
    let own_image = own_image.map_err(|error| TaskError::Invalid(error.to_string()))?;
    let plane = wish::control_plane(
        shoot,
        seed,
        &context.technical_id,
        endpoints,
        wish::Parts {
            images,
            own_image: own_image.to_string(),
            secrets: secrets.names.clone(),
        },
    );
    // Already set only when the task ran twice, and then to the same.
    let _ = context
        .made
        .deployer
        .set(ControlPlaneDeployer::new(context.gardenlet.seed.clone(), &plane));
    let _ = context.made.secrets.set(secrets);
    Ok(())
}

async fn make_cluster(context: Context) -> Result<(), TaskError> {
    let generic = context.secrets()?.generic_kubeconfig.clone();
    let encode = |source| TaskError::Encode {
        what: "the Cluster object",
        source: Box::new(source),
    };
    let cluster = Cluster {
        metadata: ObjectMeta {
            name: Some(context.technical_id.clone()),
            annotations: Some(BTreeMap::from([(
                constants::GENERIC_TOKEN_KUBECONFIG_SECRET_NAME.to_owned(),
                generic,
            )])),
            ..ObjectMeta::default()
        },
        spec: ClusterSpec {
            cloud_profile: RawExtension(context.cloud_profile.clone()),
            seed: Some(RawExtension::new(&without_managed_fields::<Seed>(&context.seed)).map_err(encode)?),
            shoot: RawExtension::new(&without_managed_fields::<Shoot>(&context.shoot)).map_err(encode)?,
        },
    };
    context.gardenlet.seed.apply(&cluster).await?;
    Ok(())
}

/// They are long, and of no use to an extension.
fn without_managed_fields<K: kube::Resource + Clone>(object: &K) -> K {
    let mut object = object.clone();
    object.meta_mut().managed_fields = None;
    object
}

/// Asks for all secrets again, so that the manager knows which are in use, and removes the others.
async fn clean_secrets(context: Context) -> Result<(), TaskError> {
    let manager = manager(&context).await?;
    let secrets_wish = wish::secrets_wish(&context.shoot, &context.seed, &context.technical_id, &context.endpoints)?;
    let again = ControlPlaneSecrets::make(&manager, &secrets_wish).await?;
    if wish::has_workers(&context.shoot) {
        MachineSecrets::make(&manager).await?;
    }
    // If something was renewed in between, the pods still mount what was current before: the next reconciliation cleans up.
    if again.names == context.secrets()?.names {
        let removed = manager.cleanup().await?;
        tracing::debug!(shoot = context.name(), ?removed, "secrets out of use were removed");
    }
    Ok(())
}
