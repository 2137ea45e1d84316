//! `shoots/binding`: the one way to place a Shoot on a Seed.

use api::core::v1beta1::{LastOperationState, LastOperationType, Shoot};
use api::validation;
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::UpdateStrategy;

use super::set_generation;
use super::shoot::label_with_seeds;

/// Takes the whole Shoot; all that it may change is the seed, and what admission derives from it.
pub(crate) struct ShootBindingStrategy;

impl UpdateStrategy for ShootBindingStrategy {
    type Object = Shoot;

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Shoot, old: &Shoot) {
        new.status = old.status.clone();
        let pending =
            new.status.last_operation.as_ref().is_some_and(|last| {
                last.type_ == LastOperationType::Create && last.state == LastOperationState::Pending
            });
        let bound = new.spec.seed_name != old.spec.seed_name;
        if bound && pending {
            // It said why no seed was found.
            new.status.last_operation = None;
        }
        let changed = new.spec != old.spec;
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn canonicalize(&self, shoot: &mut Shoot) {
        label_with_seeds(shoot);
    }

    fn validate_update(&self, _context: &RequestContext, new: &Shoot, old: &Shoot) -> FieldErrors {
        // What the seed decides comes with the binding: networks and the domain, where the shoot had none.
        let mut bare = new.clone();
        if old
            .spec
            .networking
            .as_ref()
            .is_none_or(|networking| networking.services.is_none() || networking.pods.is_none())
        {
            bare.spec.networking.clone_from(&old.spec.networking);
        }
        if old.spec.dns.as_ref().is_none_or(|dns| dns.domain.is_none()) {
            bare.spec.dns.clone_from(&old.spec.dns);
        }
        validation::validate_shoot_binding_update(&bare, old)
    }
}
