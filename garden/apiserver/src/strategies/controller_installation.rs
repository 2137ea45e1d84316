//! ControllerInstallation.

use std::collections::BTreeMap;

use api::core::v1beta1::{ControllerInstallation, ControllerInstallationStatus};
use api::validation;
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy, UpdateStrategy};
use jiff::Timestamp;
use serde_json::Value;

use super::{first_generation, row, set_generation};
use crate::{operations, tables};

/// `controllerinstallations`.
pub(crate) struct ControllerInstallationStrategy;

impl Strategy for ControllerInstallationStrategy {
    type Object = ControllerInstallation;

    fn prepare_for_create(&self, _context: &RequestContext, installation: &mut ControllerInstallation) {
        first_generation(&mut installation.metadata);
        installation.status = ControllerInstallationStatus::default();
    }

    fn prepare_for_update(
        &self,
        _context: &RequestContext,
        new: &mut ControllerInstallation,
        old: &ControllerInstallation,
    ) {
        new.status = old.status.clone();
        let changed = new.spec != old.spec || operations::deletion_begins(&new.metadata, &old.metadata);
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn validate(&self, _context: &RequestContext, installation: &ControllerInstallation) -> FieldErrors {
        validation::validate_controller_installation(installation)
    }

    fn validate_update(
        &self,
        _context: &RequestContext,
        new: &ControllerInstallation,
        old: &ControllerInstallation,
    ) -> FieldErrors {
        validation::validate_controller_installation_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Registration", "The ControllerRegistration that is installed."),
            Column::string("Cluster", "Where it is installed."),
            Column::string("Valid", "Whether the deployment can be understood."),
            Column::string("Installed", "Whether it was applied."),
            Column::string("Healthy", "Whether what was applied is healthy."),
            Column::string("Progressing", "Whether it is still being rolled out."),
            Column::AGE,
        ]
    }

    fn cells(&self, installation: &ControllerInstallation, now: Timestamp) -> Vec<Value> {
        row(installation, tables::controller_installation(installation), now)
    }

    fn selectable_fields(&self, installation: &ControllerInstallation) -> BTreeMap<&'static str, String> {
        let spec = &installation.spec;
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let (seed, shoot) = (spec.seed_ref.as_ref(), spec.shoot_ref.as_ref());
        BTreeMap::from([
            ("spec.registrationRef.name", text(spec.registration_ref.name.as_ref())),
            ("spec.seedRef.name", text(seed.and_then(|seed| seed.name.as_ref()))),
            ("spec.shootRef.name", text(shoot.and_then(|shoot| shoot.name.as_ref()))),
            (
                "spec.shootRef.namespace",
                text(shoot.and_then(|shoot| shoot.namespace.as_ref())),
            ),
        ])
    }
}

/// `controllerinstallations/status`.
pub(crate) struct ControllerInstallationStatusStrategy;

impl UpdateStrategy for ControllerInstallationStatusStrategy {
    type Object = ControllerInstallation;

    fn prepare_for_update(
        &self,
        _context: &RequestContext,
        new: &mut ControllerInstallation,
        old: &ControllerInstallation,
    ) {
        let status = std::mem::take(&mut new.status);
        *new = ControllerInstallation {
            status,
            metadata: new.metadata.clone(),
            ..old.clone()
        };
    }
}
