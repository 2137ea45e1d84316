//! How flavors and shops are created, changed, checked and shown.

use std::collections::BTreeMap;

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    status::Status,
};
use apiserver::{
    context::RequestContext,
    registry::{Action, Column, Strategy, UpdateStrategy, age},
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::v1::{Flavor, SampleRequest, Shop};

const DEFAULT_SWEETNESS: i32 = 5;

/// Flavors.
pub(crate) struct FlavorStrategy;

impl Strategy for FlavorStrategy {
    type Object = Flavor;

    fn default(&self, flavor: &mut Flavor) {
        flavor.spec.sweetness.get_or_insert(DEFAULT_SWEETNESS);
    }

    fn prepare_for_create(&self, _: &RequestContext, flavor: &mut Flavor) {
        flavor.metadata.generation = Some(1);
        flavor.status = crate::v1::FlavorStatus::default();
        flavor.spec.taster.clear();
    }

    fn prepare_for_update(&self, _: &RequestContext, new: &mut Flavor, old: &Flavor) {
        new.status = old.status.clone();
        new.spec.taster.clone_from(&old.spec.taster);
        bump_generation(new, old);
    }

    fn canonicalize(&self, flavor: &mut Flavor) {
        flavor.spec.toppings.sort();
    }

    fn validate(&self, _: &RequestContext, flavor: &Flavor) -> FieldErrors {
        let spec = Path::new("spec");
        let mut errors = FieldErrors::new();
        if flavor.spec.recipe.is_empty() {
            errors.push(FieldError::required(&spec.child("recipe"), "a flavor needs a recipe"));
        }
        let sweetness = flavor.spec.sweetness.unwrap_or(DEFAULT_SWEETNESS);
        if !(0..=10).contains(&sweetness) {
            errors.push(FieldError::invalid(
                &spec.child("sweetness"),
                sweetness,
                "must be between 0 and 10",
            ));
        }
        errors
    }

    fn validate_update(&self, context: &RequestContext, new: &Flavor, old: &Flavor) -> FieldErrors {
        let mut errors = self.validate(context, new);
        if new.spec.recipe != old.spec.recipe {
            let recipe = Path::new("spec").child("recipe");
            errors.push(FieldError::invalid(&recipe, &new.spec.recipe, "field is immutable"));
        }
        errors
    }

    fn warnings(&self, _: &RequestContext, new: &Flavor, _: Option<&Flavor>) -> Vec<String> {
        let too_sweet = new.spec.sweetness == Some(10);
        too_sweet
            .then(|| "spec.sweetness: 10 is very sweet".to_owned())
            .into_iter()
            .collect()
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Recipe", "What it is made of."),
            Column::integer("Sweetness", "How sweet it is.").wide(),
            Column::AGE,
        ]
    }

    fn cells(&self, flavor: &Flavor, now: Timestamp) -> Vec<Value> {
        let name = flavor.metadata.name.as_deref().unwrap_or_default();
        vec![
            name.into(),
            flavor.spec.recipe.as_str().into(),
            flavor.spec.sweetness.into(),
            age(flavor, now).into(),
        ]
    }

    fn selectable_fields(&self, flavor: &Flavor) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("spec.recipe", flavor.spec.recipe.clone())])
    }
}

fn bump_generation(new: &mut Flavor, old: &Flavor) {
    if new.spec != old.spec {
        new.metadata.generation = old.metadata.generation.map(|generation| generation + 1);
    }
}

/// `/status` of flavors.
pub(crate) struct FlavorStatusStrategy;

impl UpdateStrategy for FlavorStatusStrategy {
    type Object = Flavor;

    fn prepare_for_update(&self, _: &RequestContext, new: &mut Flavor, old: &Flavor) {
        new.spec = old.spec.clone();
    }

    fn validate_update(&self, _: &RequestContext, new: &Flavor, _: &Flavor) -> FieldErrors {
        let portions = Path::new("status").child("portions");
        let negative = new.status.portions < 0;
        negative
            .then(|| FieldError::invalid(&portions, new.status.portions, "must not be negative"))
            .into_iter()
            .collect()
    }
}

/// `/tasting` of flavors: only who tasted it may change.
pub(crate) struct FlavorTasting;

impl UpdateStrategy for FlavorTasting {
    type Object = Flavor;

    fn prepare_for_update(&self, _: &RequestContext, new: &mut Flavor, old: &Flavor) {
        let taster = std::mem::take(&mut new.spec.taster);
        let metadata = std::mem::take(&mut new.metadata);
        *new = old.clone();
        new.metadata.resource_version = metadata.resource_version;
        new.spec.taster = taster;
        bump_generation(new, old);
    }
}

/// `/sample` of flavors: a taste for a request.
pub(crate) struct FlavorSampling;

#[async_trait]
impl Action for FlavorSampling {
    type Object = Flavor;
    type Body = SampleRequest;

    fn default(&self, request: &mut SampleRequest) {
        request.spoons = request.spoons.max(1);
    }

    fn validate(&self, _: &RequestContext, request: &SampleRequest) -> FieldErrors {
        let greedy = request.spoons > 3;
        let error = || FieldError::invalid(&Path::new("spoons"), request.spoons, "must not be more than 3");
        greedy.then(error).into_iter().collect()
    }

    async fn run(
        &self,
        context: &RequestContext,
        flavor: Flavor,
        request: SampleRequest,
    ) -> Result<SampleRequest, Status> {
        let (user, recipe) = (&context.user.name, &flavor.spec.recipe);
        let taste = format!("{recipe}, {} spoons, for {user}", request.spoons);
        Ok(SampleRequest { taste, ..request })
    }
}

/// Shops: PUT makes them.
pub(crate) struct ShopStrategy;

impl Strategy for ShopStrategy {
    type Object = Shop;

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn allow_unconditional_update(&self) -> bool {
        true
    }
}
