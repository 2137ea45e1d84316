//! What users find in their project: the authority of their cluster, and its addresses in the status.

use std::collections::BTreeMap;

use api::{
    constants,
    core::v1beta1::{InternalSecret, ShootAdvertisedAddress},
};
use controller::apply::Applier;
use k8s_openapi::{
    ByteString,
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Context, ShootContext, ShootGraph, foundation};
use crate::{
    context::FIELD_MANAGER,
    shoot::{
        StatusWriter,
        error::{TaskError, in_garden},
    },
};

pub(crate) const AUTHORITIES: &str = "Publishing the cluster's authorities in the project";
pub(crate) const ADDRESSES: &str = "Publishing the cluster's addresses";

pub(super) fn add(graph: &mut ShootGraph) {
    graph
        .task(AUTHORITIES)
        .needs([foundation::SECRETS])
        .run(publish_authorities);
    graph
        .task(ADDRESSES)
        .needs([super::exposure::EXPOSURE])
        .run(publish_addresses);
}

/// Name of the ConfigMap with the bundle that clients verify the API server with.
pub(super) fn cluster_authority_name(shoot: &str) -> String {
    format!("{shoot}.ca-cluster")
}

/// Name of the InternalSecret with the authority that the garden's API server signs user certificates with.
pub(super) fn client_authority_name(shoot: &str) -> String {
    format!("{shoot}.ca-client")
}

fn metadata(context: &ShootContext, name: String, role: &str) -> ObjectMeta {
    let owner = OwnerReference {
        api_version: "core.gardener.cloud/v1beta1".to_owned(),
        kind: "Shoot".to_owned(),
        name: context.name().to_owned(),
        uid: context.shoot.metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let labels = [
        (constants::GARDEN_ROLE, role),
        (constants::LABEL_SHOOT_NAME, context.name()),
        ("discovery.gardener.cloud/public", "shoot-ca"),
    ];
    let public = role == constants::ROLE_CA_CLUSTER;
    let labels = labels
        .into_iter()
        .filter(|(key, _)| public || !key.starts_with("discovery"));
    ObjectMeta {
        name: Some(name),
        namespace: Some(context.namespace().to_owned()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    }
}

async fn publish_authorities(context: Context) -> Result<(), TaskError> {
    let secrets = context.secrets()?;
    let cluster = ConfigMap {
        metadata: metadata(
            &context,
            cluster_authority_name(context.name()),
            constants::ROLE_CA_CLUSTER,
        ),
        data: Some(BTreeMap::from([("ca.crt".to_owned(), secrets.ca.bundle.clone())])),
        ..ConfigMap::default()
    };
    let client = InternalSecret {
        metadata: metadata(
            &context,
            client_authority_name(context.name()),
            constants::ROLE_CA_CLIENT,
        ),
        data: BTreeMap::from([
            ("ca.crt".to_owned(), bytes(&secrets.ca_client.bundle)),
            (
                "ca.key".to_owned(),
                bytes(&secrets.ca_client.authority.private_key().to_pem()),
            ),
        ]),
        type_: "Opaque".to_owned(),
        ..InternalSecret::default()
    };
    let garden = Applier::new(context.gardenlet.garden_client.clone(), FIELD_MANAGER);
    let cluster = async { garden.apply(&cluster).await.map(drop).map_err(TaskError::from) };
    futures::try_join!(cluster, write_internal_secret(&context, &client))?;
    Ok(())
}

fn bytes(text: &str) -> ByteString {
    ByteString(text.as_bytes().to_vec())
}

/// Makes it, or changes what is there.
async fn write_internal_secret(context: &ShootContext, secret: &InternalSecret) -> Result<(), TaskError> {
    let api: Api<InternalSecret> = Api::namespaced(context.gardenlet.garden_client.clone(), context.namespace());
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let failed = in_garden("write the authority of client certificates");
    match api.get_opt(name).await.map_err(&failed)? {
        None => api.create(&PostParams::default(), secret).await.map_err(failed)?,
        Some(present) if present.data == secret.data && present.metadata.labels == secret.metadata.labels => present,
        Some(_) => {
            let body = json!({ "metadata": { "labels": secret.metadata.labels }, "data": secret.data });
            api.patch(name, &PatchParams::default(), &Patch::Merge(body))
                .await
                .map_err(failed)?
        }
    };
    Ok(())
}

async fn publish_addresses(context: Context) -> Result<(), TaskError> {
    let address = |name: &str, hostname: &str| ShootAdvertisedAddress {
        name: name.to_owned(),
        url: format!("https://{hostname}"),
        application: Some("kube-apiserver".to_owned()),
    };
    let endpoints = &context.endpoints;
    let external = endpoints
        .external
        .iter()
        .map(|endpoint| address("external", &endpoint.hostname));
    let internal = endpoints
        .internal
        .iter()
        .map(|endpoint| address("internal", &endpoint.hostname));
    let mut addresses: Vec<ShootAdvertisedAddress> = external.chain(internal).collect();
    let issuer = endpoints.hostnames().first().map(|hostname| ShootAdvertisedAddress {
        application: None,
        ..address("service-account-issuer", hostname)
    });
    addresses.extend(issuer);
    let writer = StatusWriter::new(
        context.gardenlet.garden_client.clone(),
        context.namespace(),
        context.name(),
    );
    writer
        .update(|status| status.advertised_addresses.clone_from(&addresses))
        .await?;
    Ok(())
}
