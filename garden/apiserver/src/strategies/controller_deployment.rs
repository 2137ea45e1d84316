//! ControllerDeployment, in the version that is stored: `core.gardener.cloud/v1`.

use api::core::v1::ControllerDeployment;
use api::validation;
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::Strategy;

use super::{first_generation, set_generation};
use crate::operations;

/// `controllerdeployments`.
pub(crate) struct ControllerDeploymentStrategy;

impl Strategy for ControllerDeploymentStrategy {
    type Object = ControllerDeployment;

    fn prepare_for_create(&self, _context: &RequestContext, deployment: &mut ControllerDeployment) {
        first_generation(&mut deployment.metadata);
    }

    fn prepare_for_update(
        &self,
        _context: &RequestContext,
        new: &mut ControllerDeployment,
        old: &ControllerDeployment,
    ) {
        let changed = new.helm != old.helm
            || new.resources != old.resources
            || operations::deletion_begins(&new.metadata, &old.metadata);
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn validate(&self, _context: &RequestContext, deployment: &ControllerDeployment) -> FieldErrors {
        validation::validate_controller_deployment(deployment)
    }

    fn validate_update(
        &self,
        _context: &RequestContext,
        new: &ControllerDeployment,
        old: &ControllerDeployment,
    ) -> FieldErrors {
        validation::validate_controller_deployment_update(new, old)
    }
}
