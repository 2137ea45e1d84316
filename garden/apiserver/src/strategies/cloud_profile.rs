//! CloudProfile.

use api::core::v1beta1::{CloudProfile, CloudProfileStatus};
use api::{defaulting, validation};
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy, UpdateStrategy};
use jiff::Timestamp;
use serde_json::Value;

use super::row;
use crate::tables;

/// `cloudprofiles`. It has no generation.
pub(crate) struct CloudProfileStrategy;

impl Strategy for CloudProfileStrategy {
    type Object = CloudProfile;

    fn default(&self, profile: &mut CloudProfile) {
        defaulting::set_defaults_cloud_profile(profile);
    }

    /// Versions that have expired are not offered by a profile that is new.
    fn prepare_for_create(&self, context: &RequestContext, profile: &mut CloudProfile) {
        profile.status = CloudProfileStatus::default();
        let live = |date: &Option<apimachinery::meta::Time>| date.as_ref().is_none_or(|date| date.0 > context.now);
        profile
            .spec
            .kubernetes
            .versions
            .retain(|version| live(&version.expiration_date));
        for image in &mut profile.spec.machine_images {
            image
                .versions
                .retain(|version| live(&version.expirable_version.expiration_date));
        }
    }

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut CloudProfile, old: &CloudProfile) {
        new.status = old.status.clone();
    }

    fn validate(&self, _context: &RequestContext, profile: &CloudProfile) -> FieldErrors {
        validation::validate_cloud_profile(profile)
    }

    fn validate_update(&self, _context: &RequestContext, new: &CloudProfile, old: &CloudProfile) -> FieldErrors {
        validation::validate_cloud_profile_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Provider", "Type of the cloud."),
            Column::AGE,
        ]
    }

    fn cells(&self, profile: &CloudProfile, now: Timestamp) -> Vec<Value> {
        row(profile, tables::cloud_profile(profile), now)
    }

    fn allow_unconditional_update(&self) -> bool {
        true
    }
}

/// `cloudprofiles/status`.
pub(crate) struct CloudProfileStatusStrategy;

impl UpdateStrategy for CloudProfileStatusStrategy {
    type Object = CloudProfile;

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut CloudProfile, old: &CloudProfile) {
        let status = std::mem::take(&mut new.status);
        *new = CloudProfile {
            status,
            metadata: new.metadata.clone(),
            ..old.clone()
        };
    }
}
