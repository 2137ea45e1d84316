//! Defaults of ControllerRegistrations.

use apimachinery::Duration;

use super::fill;
use crate::core::v1beta1::{
    ClusterType, ControllerDeploymentPolicy, ControllerRegistration, ControllerResource,
    ControllerResourceLifecycleStrategy as Strategy,
};

/// Fills in what a ControllerRegistration leaves open.
pub fn set_defaults_controller_registration(registration: &mut ControllerRegistration) {
    registration.spec.resources.iter_mut().for_each(resource);
    if let Some(deployment) = &mut registration.spec.deployment {
        fill(&mut deployment.policy, ControllerDeploymentPolicy::OnDemand);
    }
}

fn resource(resource: &mut ControllerResource) {
    fill(&mut resource.primary, true);
    if resource.kind == "Extension" {
        if resource.cluster_compatibility.is_empty() {
            resource.cluster_compatibility.push(ClusterType::Shoot);
        }
        fill(&mut resource.reconcile_timeout, Duration::from_minutes(3));
        resource.lifecycle.get_or_insert_default();
    }
    if resource.kind == "SelfHostedShootExposure" {
        fill(&mut resource.continuous_endpoint_update, true);
    }
    if let Some(lifecycle) = &mut resource.lifecycle {
        fill(&mut lifecycle.reconcile, Strategy::AfterKubeApiServer);
        fill(&mut lifecycle.delete, Strategy::BeforeKubeApiServer);
        fill(&mut lifecycle.migrate, Strategy::BeforeKubeApiServer);
    }
}
