//! Seed.

use std::collections::BTreeMap;

use api::constants;
use api::core::v1beta1::{Seed, SeedStatus};
use api::{defaulting, validation};
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy, UpdateStrategy, age};
use jiff::Timestamp;
use serde_json::Value;

use super::{first_generation, set_generation};
use crate::{operations, tables};

/// Operations that make a new generation and stay for gardenlet to take away.
const STAYING: [&str; 3] = [
    constants::OPERATION_RENEW_GARDEN_ACCESS_SECRETS,
    constants::OPERATION_RENEW_WORKLOAD_IDENTITY_TOKENS,
    constants::OPERATION_RENEW_KUBECONFIG,
];

/// `seeds`.
pub(crate) struct SeedStrategy;

impl Strategy for SeedStrategy {
    type Object = Seed;

    fn default(&self, seed: &mut Seed) {
        defaulting::set_defaults_seed(seed);
    }

    fn prepare_for_create(&self, _context: &RequestContext, seed: &mut Seed) {
        first_generation(&mut seed.metadata);
        seed.status = SeedStatus::default();
    }

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Seed, old: &Seed) {
        new.status = old.status.clone();
        let reconcile = operations::take(&mut new.metadata, constants::OPERATION_RECONCILE);
        let before = operations::list(&old.metadata);
        let asked = operations::list(&new.metadata);
        let renewed = asked
            .iter()
            .any(|operation| STAYING.contains(&operation.as_str()) && !before.contains(operation));
        let deleted = operations::deletion_begins(&new.metadata, &old.metadata);
        let changed = new.spec != old.spec || deleted || reconcile || renewed;
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    /// Labels by which seeds are selected, and one by which webhooks find what belongs to a seed.
    fn canonicalize(&self, seed: &mut Seed) {
        let name = seed.metadata.name.clone().unwrap_or_default();
        let labels = seed.metadata.labels.get_or_insert_with(BTreeMap::new);
        labels.insert(
            constants::LABEL_SEED_PROVIDER.to_owned(),
            seed.spec.provider.type_.clone(),
        );
        labels.insert(
            constants::LABEL_SEED_REGION.to_owned(),
            seed.spec.provider.region.clone(),
        );
        labels.insert(
            format!("{}{name}", constants::LABEL_PREFIX_SEED_NAME),
            "true".to_owned(),
        );
    }

    fn validate(&self, _context: &RequestContext, seed: &Seed) -> FieldErrors {
        validation::validate_seed(seed)
    }

    fn validate_update(&self, _context: &RequestContext, new: &Seed, old: &Seed) -> FieldErrors {
        validation::validate_seed_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Status", "Whether the seed can carry shoots."),
            Column::string("Last Operation", "What gardenlet did last, and how far it is."),
            Column::string("Provider", "Type of the cloud."),
            Column::string("Region", "Region of the cloud."),
            Column::AGE,
            Column::string("Version", "Version of gardenlet."),
            Column::string("K8S Version", "Version of Kubernetes."),
        ]
    }

    fn cells(&self, seed: &Seed, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![Value::from(seed.metadata.name.clone().unwrap_or_default())];
        cells.extend(tables::seed(seed));
        // Status, last operation, provider and region come before the age.
        cells.insert(5, Value::from(age(seed, now)));
        cells
    }

    fn allow_unconditional_update(&self) -> bool {
        true
    }
}

/// `seeds/status`.
pub(crate) struct SeedStatusStrategy;

impl UpdateStrategy for SeedStatusStrategy {
    type Object = Seed;

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Seed, old: &Seed) {
        let status = std::mem::take(&mut new.status);
        *new = Seed {
            status,
            metadata: new.metadata.clone(),
            ..old.clone()
        };
    }
}
