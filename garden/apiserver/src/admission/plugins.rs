//! The plugins of this server, in Gardener's order but for one.

use std::sync::Arc;

use api::core::v1beta1::{Project, Seed, Shoot};
use apimachinery::Status;
use apimachinery::versioning::GroupResource;
use apiserver::admission::{Attributes, Operation, Plugin};
use async_trait::async_trait;
use serde_json::Value;

use super::lookups::Lookups;
use super::references::ResourceReferenceManager;
use super::shoot_plugins::{ExtensionValidator, ShootDns, ShootMutator, ShootValidator};
use super::{deletion, forbidden, project};

const CORE: &str = "core.gardener.cloud";

/// All plugins. One line per plugin.
///
/// Unlike Gardener's, a Shoot's extensions are looked at after the rest of it: of an image that no profile offers, its user
/// shall not hear that an extension for it is missing.
pub(crate) fn plugins(lookups: &Lookups) -> Vec<Arc<dyn Plugin>> {
    vec![
        Arc::new(NamespaceLifecycle(lookups.clone())),
        Arc::new(ResourceReferenceManager(lookups.clone())),
        Arc::new(ShootDns(lookups.clone())),
        Arc::new(ShootMutator(lookups.clone())),
        Arc::new(ShootValidator(lookups.clone())),
        Arc::new(ExtensionValidator(lookups.clone())),
        Arc::new(SeedValidator(lookups.clone())),
        Arc::new(ProjectMutator),
        Arc::new(DeletionConfirmation),
        Arc::new(FinalizerRemoval),
    ]
}

/// Nothing is created in a namespace that is not there, or goes away.
struct NamespaceLifecycle(Lookups);

#[async_trait]
impl Plugin for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    /// Before anything else: what is wrong with the object does not matter where there is no place for it.
    async fn mutate(&self, attributes: &mut Attributes<'_>) -> Result<(), Status> {
        let namespace = attributes.namespace;
        if attributes.operation != Operation::Create || !attributes.subresource.is_empty() || namespace.is_empty() {
            return Ok(());
        }
        let found = self.0.get_kube(&format!("/api/v1/namespaces/{namespace}")).await?;
        let Some(found) = found else {
            return Err(Status::not_found(&GroupResource::new("", "namespaces"), namespace));
        };
        if found.pointer("/status/phase").and_then(Value::as_str) == Some("Terminating") {
            let reason =
                format!("unable to create new content in namespace {namespace} because it is being terminated");
            return Err(forbidden(attributes, &reason));
        }
        Ok(())
    }
}

/// A seed stays while shoots use it.
struct SeedValidator(Lookups);

#[async_trait]
impl Plugin for SeedValidator {
    fn name(&self) -> &'static str {
        "SeedValidator"
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        if attributes.operation != Operation::Delete || !attributes.is(CORE, "seeds") {
            return Ok(());
        }
        let Some(seed) = attributes.old_object::<Seed>() else {
            return Ok(());
        };
        let name = seed.metadata.name.as_deref().unwrap_or_default();
        let shoots = self.0.shoots_on_seed(name, None)?;
        if shoots.is_empty() {
            return Ok(());
        }
        let key = |shoot: &Shoot| {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            format!("{}/{}", part(&shoot.metadata.namespace), part(&shoot.metadata.name))
        };
        let shoots: Vec<String> = shoots.iter().map(key).collect();
        Err(forbidden(
            attributes,
            &format!(
                "cannot delete seed {name:?} which is still used by shoot(s) {}",
                shoots.join(", ")
            ),
        ))
    }
}

/// A project belongs to who made it, unless it says otherwise.
struct ProjectMutator;

#[async_trait]
impl Plugin for ProjectMutator {
    fn name(&self) -> &'static str {
        "ProjectMutator"
    }

    async fn mutate(&self, attributes: &mut Attributes<'_>) -> Result<(), Status> {
        if !attributes.is(CORE, "projects") || attributes.operation == Operation::Delete {
            return Ok(());
        }
        let user = attributes.context.user.name.clone();
        let old = attributes.old_object::<Project>().cloned();
        if let Some(new) = attributes.new_object_mut::<Project>() {
            project::complete(new, old.as_ref(), &user);
        }
        Ok(())
    }
}

/// What holds a user's work goes only when somebody has said so in an annotation.
struct DeletionConfirmation;

#[async_trait]
impl Plugin for DeletionConfirmation {
    fn name(&self) -> &'static str {
        "DeletionConfirmation"
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        if attributes.operation != Operation::Delete || !attributes.subresource.is_empty() {
            return Ok(());
        }
        let (resource, metadata) = if let Some(shoot) = attributes.old_object::<Shoot>() {
            ("shoot", &shoot.metadata)
        } else if let Some(project) = attributes.old_object::<Project>() {
            ("project", &project.metadata)
        } else {
            return Ok(());
        };
        deletion::require_confirmation(resource, metadata).map_err(|reason| forbidden(attributes, &reason))
    }
}

/// gardenlet's finalizer stays until a shoot was deleted successfully.
struct FinalizerRemoval;

#[async_trait]
impl Plugin for FinalizerRemoval {
    fn name(&self) -> &'static str {
        "FinalizerRemoval"
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        if attributes.operation != Operation::Update || !attributes.is(CORE, "shoots") {
            return Ok(());
        }
        match (attributes.new_object::<Shoot>(), attributes.old_object::<Shoot>()) {
            (Some(new), Some(old)) => {
                deletion::keep_finalizer(new, old).map_err(|reason| forbidden(attributes, &reason))
            }
            _ => Ok(()),
        }
    }
}
