//! Objects for the inside of the shoot: a ManagedResource with its Secret, which resource-manager carries out.

use std::collections::BTreeMap;

use api::resources::v1alpha1::{ManagedResource, ManagedResourceSpec};
use k8s_openapi::{
    ByteString,
    api::core::v1::{LocalObjectReference, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::Serialize;

use super::{error::TaskError, flow::ShootContext};

/// Key of the bundle in the Secret.
pub(crate) const BUNDLE: &str = "objects.yaml";

/// Name of a ManagedResource's Secret.
pub(crate) fn secret_name(resource: &str) -> String {
    format!("managedresource-{resource}")
}

/// Objects as one YAML text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bundle(String);

impl Bundle {
    /// Adds an object.
    pub(crate) fn add(&mut self, object: &impl Serialize) -> Result<(), TaskError> {
        let text = serde_yaml_ng::to_string(object).map_err(|source| TaskError::Encode {
            what: "an object for the inside of the shoot",
            source: Box::new(source),
        })?;
        self.0.push_str("---\n");
        self.0.push_str(&text);
        Ok(())
    }

    /// A bundle of these objects.
    pub(crate) fn of(objects: &[impl Serialize]) -> Result<Self, TaskError> {
        let mut bundle = Self::default();
        objects.iter().try_for_each(|object| bundle.add(object))?;
        Ok(bundle)
    }

    /// The ManagedResource `name`, and the Secret with its objects.
    pub(crate) fn into_resource(self, namespace: &str, name: &str) -> (Secret, ManagedResource) {
        let metadata = |name: &str| ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        };
        let secret = Secret {
            metadata: metadata(&secret_name(name)),
            data: Some(BTreeMap::from([(BUNDLE.to_owned(), ByteString(self.0.into_bytes()))])),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        let reference = LocalObjectReference {
            name: secret_name(name),
        };
        let mut resource = ManagedResource {
            metadata: metadata(name),
            spec: ManagedResourceSpec {
                secret_refs: vec![reference],
                ..ManagedResourceSpec::default()
            },
            ..ManagedResource::default()
        };
        let labels = resource.metadata.labels.get_or_insert_default();
        labels.insert("origin".to_owned(), "gardener".to_owned());
        labels.insert(
            "care.gardener.cloud/condition-type".to_owned(),
            "SystemComponentsHealthy".to_owned(),
        );
        (secret, resource)
    }
}

/// Asks for exactly these objects; those of before that are not among them go.
pub(crate) async fn deploy(context: &ShootContext, name: &str, bundle: Bundle) -> Result<(), TaskError> {
    let (secret, resource) = bundle.into_resource(&context.technical_id, name);
    context.gardenlet.seed.apply(&secret).await?;
    context.gardenlet.seed.apply(&resource).await?;
    Ok(())
}
