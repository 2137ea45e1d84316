//! Plugins for Shoots: they gather the facts, and leave the decisions to pure functions.

use api::core::v1beta1::Shoot;
use apimachinery::Status;
use apiserver::admission::{Attributes, Operation, Plugin};
use async_trait::async_trait;

use super::facts::Facts;
use super::lookups::Lookups;
use super::{forbidden, refuse, shoot_checks, shoot_defaults};

/// The subresource that places a Shoot.
const BINDING: &str = "binding";

/// The Shoot as it will be and as it was, where a write makes or changes its spec.
fn shoots<'a>(attributes: &'a Attributes<'_>) -> Option<(&'a Shoot, Option<&'a Shoot>)> {
    let concerned = attributes.subresource.is_empty() || attributes.subresource == BINDING;
    if attributes.operation == Operation::Delete || !concerned {
        return None;
    }
    Some((attributes.new_object::<Shoot>()?, attributes.old_object::<Shoot>()))
}

/// Facts for a write that concerns the spec; `None` for others, which need none.
async fn facts(lookups: &Lookups, attributes: &Attributes<'_>) -> Result<Option<Facts>, Status> {
    match shoots(attributes) {
        Some((new, old)) if old.is_none_or(|old| old.spec != new.spec) && new.metadata.deletion_timestamp.is_none() => {
            lookups.facts(attributes.namespace, new).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Gives a Shoot its domain.
pub(super) struct ShootDns(pub(super) Lookups);

#[async_trait]
impl Plugin for ShootDns {
    fn name(&self) -> &'static str {
        "ShootDNS"
    }

    async fn mutate(&self, attributes: &mut Attributes<'_>) -> Result<(), Status> {
        let Some(facts) = facts(&self.0, attributes).await? else {
            return Ok(());
        };
        if let Some(new) = attributes.new_object_mut::<Shoot>() {
            shoot_defaults::default_domain(new, &facts);
        }
        Ok(())
    }
}

/// Says who made a Shoot, and completes its version, machine images and networks.
pub(super) struct ShootMutator(pub(super) Lookups);

#[async_trait]
impl Plugin for ShootMutator {
    fn name(&self) -> &'static str {
        "ShootMutator"
    }

    async fn mutate(&self, attributes: &mut Attributes<'_>) -> Result<(), Status> {
        let Some(facts) = facts(&self.0, attributes).await? else {
            return Ok(());
        };
        let (user, now) = (attributes.context.user.name.clone(), attributes.context.now);
        let is_new = attributes.operation == Operation::Create;
        if is_new {
            require_ground(attributes, &facts)?;
        }
        let old = attributes.old_object::<Shoot>().cloned();
        if let Some(new) = attributes.new_object_mut::<Shoot>() {
            if is_new {
                shoot_defaults::complete_new(new, &facts, &user, now);
            }
            shoot_defaults::complete_images(new, old.as_ref(), &facts, now);
            shoot_defaults::complete_networks(new, &facts);
        }
        Ok(())
    }
}

/// Without a project and a cloud profile nothing can be said about a Shoot: its user hears of these first.
fn require_ground(attributes: &Attributes<'_>, facts: &Facts) -> Result<(), Status> {
    if facts.project.is_none() {
        let reason = format!(
            "namespace {:?} belongs to no project; shoots live in projects' namespaces",
            attributes.namespace
        );
        return Err(forbidden(attributes, &reason));
    }
    match attributes.new_object::<Shoot>() {
        Some(new) => refuse(attributes, &shoot_checks::check_cloud_profile(new, facts)),
        None => Ok(()),
    }
}

/// Checks a Shoot against its project, cloud profile, binding and seed.
pub(super) struct ShootValidator(pub(super) Lookups);

#[async_trait]
impl Plugin for ShootValidator {
    fn name(&self) -> &'static str {
        "ShootValidator"
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        let Some(facts) = facts(&self.0, attributes).await? else {
            return Ok(());
        };
        let Some((new, old)) = shoots(attributes) else {
            return Ok(());
        };
        refuse(
            attributes,
            &shoot_checks::check(new, old, &facts, attributes.context.now),
        )
    }
}

/// Refuses a Shoot while no extension could make what it needs.
pub(super) struct ExtensionValidator(pub(super) Lookups);

#[async_trait]
impl Plugin for ExtensionValidator {
    fn name(&self) -> &'static str {
        "ExtensionValidator"
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        let Some(facts) = facts(&self.0, attributes).await? else {
            return Ok(());
        };
        let Some((new, old)) = shoots(attributes) else {
            return Ok(());
        };
        refuse(attributes, &shoot_checks::check_extensions(new, old, &facts))
    }
}
