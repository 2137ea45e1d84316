//! Objects that an extension wants in a shoot: a ManagedResource and its Secret, which resource-manager carries out.

use std::{collections::BTreeMap, time::Duration};

use api::resources::v1alpha1::{ManagedResource, ManagedResourceSpec};
use apimachinery::meta::ObjectMeta;
use controller::{
    apply::{Applier, ApplyError},
    delete::{DeleteError, delete, delete_and_wait},
};
use k8s_openapi::{
    ByteString,
    api::core::v1::{LocalObjectReference, Secret},
};
use kube::{Api, Client};
use serde::Serialize;

/// Label by which gardenlet finds the condition that the objects' health counts for.
const CARE_LABEL: &str = "care.gardener.cloud/condition-type";

/// Why the objects were not asked for, or not removed.
#[derive(Debug, thiserror::Error)]
pub enum ManagedObjectsError {
    /// An object cannot be written as YAML.
    #[error("failed to encode an object of {name}")]
    Encode {
        /// The ManagedResource.
        name: String,
        /// What went wrong.
        source: serde_yaml_ng::Error,
    },
    /// The ManagedResource or its Secret was not written.
    #[error("failed to ask for the objects of {name}")]
    Apply {
        /// The ManagedResource.
        name: String,
        /// What went wrong.
        source: Box<ApplyError>,
    },
    /// The ManagedResource is still there.
    #[error("failed to remove the objects of {name}")]
    Delete {
        /// The ManagedResource.
        name: String,
        /// What went wrong.
        source: Box<DeleteError>,
    },
}

/// Objects wanted in the shoot, under one name.
#[derive(Clone, Debug)]
pub struct ManagedObjects {
    name: String,
    yaml: String,
}

impl ManagedObjects {
    /// None yet; `name` is the ManagedResource's, for example `extension-worker-mcm-shoot`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            yaml: String::new(),
        }
    }

    /// Adds an object; it must have `apiVersion` and `kind` when serialized.
    pub fn with(mut self, object: &impl Serialize) -> Result<Self, ManagedObjectsError> {
        let text = serde_yaml_ng::to_string(object).map_err(|source| ManagedObjectsError::Encode {
            name: self.name.clone(),
            source,
        })?;
        self.yaml.push_str("---\n");
        self.yaml.push_str(&text);
        Ok(self)
    }

    /// Adds objects that are YAML already.
    #[must_use]
    pub fn with_yaml(mut self, yaml: &str) -> Self {
        self.yaml.push_str("---\n");
        self.yaml.push_str(yaml);
        self
    }

    /// The ManagedResource and its Secret, for the shoot of `namespace`. Pure.
    pub fn plan(&self, namespace: &str) -> (Secret, ManagedResource) {
        let secret_name = format!("managedresource-{}", self.name);
        let metadata = |name: &str| ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        };
        let secret = Secret {
            metadata: metadata(&secret_name),
            data: Some(BTreeMap::from([(
                "objects.yaml".to_owned(),
                ByteString(self.yaml.clone().into_bytes()),
            )])),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        let mut resource = ManagedResource {
            metadata: metadata(&self.name),
            spec: ManagedResourceSpec {
                secret_refs: vec![LocalObjectReference { name: secret_name }],
                ..ManagedResourceSpec::default()
            },
            ..ManagedResource::default()
        };
        let labels = [("origin", "extension"), (CARE_LABEL, "SystemComponentsHealthy")];
        let owned = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        resource.metadata.labels = Some(owned.into());
        (secret, resource)
    }

    /// Asks for exactly these objects; those of before that are not among them go.
    pub async fn apply(&self, applier: &Applier, namespace: &str) -> Result<(), ManagedObjectsError> {
        let (secret, resource) = self.plan(namespace);
        let failed = |source| ManagedObjectsError::Apply {
            name: self.name.clone(),
            source: Box::new(source),
        };
        applier.apply(&secret).await.map_err(failed)?;
        applier.apply(&resource).await.map_err(failed)?;
        Ok(())
    }

    /// Removes the objects and waits until they are gone; `Ok` when there were none.
    pub async fn delete(
        client: &Client,
        namespace: &str,
        name: &str,
        deadline: Duration,
    ) -> Result<(), ManagedObjectsError> {
        let failed = |source| ManagedObjectsError::Delete {
            name: name.to_owned(),
            source: Box::new(source),
        };
        let resources: Api<ManagedResource> = Api::namespaced(client.clone(), namespace);
        delete_and_wait(&resources, name, deadline).await.map_err(failed)?;
        Self::ask_to_delete(client, namespace, name).await
    }

    /// Asks for the objects to be removed, and does not wait: for who deletes a whole shoot, which may be dead.
    pub async fn ask_to_delete(client: &Client, namespace: &str, name: &str) -> Result<(), ManagedObjectsError> {
        let failed = |source| ManagedObjectsError::Delete {
            name: name.to_owned(),
            source: Box::new(source),
        };
        let resources: Api<ManagedResource> = Api::namespaced(client.clone(), namespace);
        delete(&resources, name).await.map_err(failed)?;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        delete(&secrets, &format!("managedresource-{name}"))
            .await
            .map(drop)
            .map_err(failed)
    }
}
