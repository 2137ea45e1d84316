//! ControllerRegistration.

use api::core::v1beta1::ControllerRegistration;
use api::{defaulting, validation};
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy};
use jiff::Timestamp;
use serde_json::Value;

use super::{first_generation, row, set_generation};
use crate::{operations, tables};

/// `controllerregistrations`.
pub(crate) struct ControllerRegistrationStrategy;

impl Strategy for ControllerRegistrationStrategy {
    type Object = ControllerRegistration;

    fn default(&self, registration: &mut ControllerRegistration) {
        defaulting::set_defaults_controller_registration(registration);
    }

    fn prepare_for_create(&self, _context: &RequestContext, registration: &mut ControllerRegistration) {
        first_generation(&mut registration.metadata);
    }

    fn prepare_for_update(
        &self,
        _context: &RequestContext,
        new: &mut ControllerRegistration,
        old: &ControllerRegistration,
    ) {
        let changed = new.spec != old.spec || operations::deletion_begins(&new.metadata, &old.metadata);
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn validate(&self, _context: &RequestContext, registration: &ControllerRegistration) -> FieldErrors {
        validation::validate_controller_registration(registration)
    }

    fn validate_update(
        &self,
        _context: &RequestContext,
        new: &ControllerRegistration,
        old: &ControllerRegistration,
    ) -> FieldErrors {
        validation::validate_controller_registration_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Resources", "Kinds and types of extensions that it offers."),
            Column::AGE,
        ]
    }

    fn cells(&self, registration: &ControllerRegistration, now: Timestamp) -> Vec<Value> {
        row(registration, tables::controller_registration(registration), now)
    }
}
