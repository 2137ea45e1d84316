//! Shoot: the object itself, and its status.

use std::collections::BTreeMap;

use api::constants;
use api::core::v1beta1::{Shoot, ShootStatus};
use api::{defaulting, validation};
use apimachinery::field::FieldErrors;
use apimachinery::meta::ObjectMeta;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy, UpdateStrategy};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{first_generation, row, set_generation};
use crate::{operations, tables};

/// `shoots`.
pub(crate) struct ShootStrategy;

impl Strategy for ShootStrategy {
    type Object = Shoot;

    fn default(&self, shoot: &mut Shoot) {
        let chance = chance(&shoot.metadata);
        defaulting::set_defaults_shoot(shoot, chance);
    }

    fn prepare_for_create(&self, _context: &RequestContext, shoot: &mut Shoot) {
        first_generation(&mut shoot.metadata);
        shoot.status = ShootStatus::default();
        defaulting::sync_cloud_profile(shoot);
    }

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Shoot, old: &Shoot) {
        new.status = old.status.clone();
        defaulting::sync_cloud_profile(new);
        let changed = operations::shoot_needs_generation(new, old);
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn canonicalize(&self, shoot: &mut Shoot) {
        label_with_seeds(shoot);
    }

    fn validate(&self, _context: &RequestContext, shoot: &Shoot) -> FieldErrors {
        validation::validate_shoot_creation(shoot)
    }

    fn validate_update(&self, _context: &RequestContext, new: &Shoot, old: &Shoot) -> FieldErrors {
        validation::validate_shoot_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        let health = |name| Column::string(name, "Whether this aspect of the shoot is healthy.");
        vec![
            Column::NAME,
            Column::string("CloudProfile", "What it may be made of."),
            Column::string("Provider", "Type of the cloud."),
            Column::string("Region", "Region of the cloud."),
            Column::string("Seed", "The seed that carries its control plane.").wide(),
            Column::string("K8S Version", "Version of Kubernetes."),
            Column::string("Hibernation", "Whether it is asleep."),
            Column::string("Last Operation", "What gardenlet did last, and how far it is."),
            Column::string("Status", "All aspects in one word."),
            Column::string("Purpose", "What it is for.").wide(),
            Column::string("Gardener Version", "Version of gardenlet that reconciled it last.").wide(),
            health("APIServer").wide(),
            health("Control").wide(),
            health("Observability").wide(),
            health("Nodes").wide(),
            health("System").wide(),
            Column::AGE,
        ]
    }

    fn cells(&self, shoot: &Shoot, now: Timestamp) -> Vec<Value> {
        row(shoot, tables::shoot(shoot), now)
    }

    fn selectable_fields(&self, shoot: &Shoot) -> BTreeMap<&'static str, String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let profile = shoot.spec.cloud_profile.clone().unwrap_or_default();
        BTreeMap::from([
            ("spec.seedName", text(&shoot.spec.seed_name)),
            ("status.seedName", text(&shoot.status.seed_name)),
            ("spec.cloudProfileName", text(&shoot.spec.cloud_profile_name)),
            // Gardener writes these two with capitals.
            ("spec.cloudProfile.Name", profile.name),
            ("spec.cloudProfile.Kind", profile.kind),
        ])
    }
}

/// A number that differs from shoot to shoot, but not for one: reading a shoot twice must give the same shoot.
fn chance(metadata: &ObjectMeta) -> u64 {
    let text = format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    );
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// `name.seed.gardener.cloud/<seed>=true` for the seeds that it belongs to, and for no others.
pub(super) fn label_with_seeds(shoot: &mut Shoot) {
    let prefix = constants::LABEL_PREFIX_SEED_NAME;
    let seeds = [&shoot.spec.seed_name, &shoot.status.seed_name];
    let wished: BTreeMap<String, String> = seeds
        .into_iter()
        .flatten()
        .map(|seed| (format!("{prefix}{seed}"), "true".to_owned()))
        .collect();
    let mut labels = shoot.metadata.labels.take().unwrap_or_default();
    labels.retain(|key, _| !key.starts_with(prefix));
    labels.extend(wished);
    shoot.metadata.labels = (!labels.is_empty()).then_some(labels);
}

/// `shoots/status`.
pub(crate) struct ShootStatusStrategy;

impl UpdateStrategy for ShootStatusStrategy {
    type Object = Shoot;

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Shoot, old: &Shoot) {
        let status = std::mem::take(&mut new.status);
        *new = Shoot {
            status,
            metadata: new.metadata.clone(),
            ..old.clone()
        };
    }

    fn canonicalize(&self, shoot: &mut Shoot) {
        label_with_seeds(shoot);
    }

    fn validate_update(&self, _context: &RequestContext, new: &Shoot, old: &Shoot) -> FieldErrors {
        validation::validate_shoot_status_update(new, old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_seeds() {
        let mut shoot = Shoot::default();
        shoot.metadata.labels = Some(BTreeMap::from([
            ("name.seed.gardener.cloud/old".to_owned(), "true".to_owned()),
            ("mine".to_owned(), "yes".to_owned()),
        ]));
        shoot.spec.seed_name = Some("new".to_owned());
        label_with_seeds(&mut shoot);
        let labels: Vec<_> = shoot.metadata.labels.unwrap().into_keys().collect();
        assert_eq!(labels, ["mine", "name.seed.gardener.cloud/new"]);
    }

    #[test]
    fn chance_belongs_to_the_shoot() {
        let metadata = |name: &str| ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        assert_eq!(chance(&metadata("a")), chance(&metadata("a")));
        assert_ne!(chance(&metadata("a")), chance(&metadata("b")));
    }
}
