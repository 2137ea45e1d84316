//! An admission plugin that looks at other objects.

use apimachinery::{ApiObject, status::Status};
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::Caches,
};
use async_trait::async_trait;

use crate::v1::Flavor;

/// Marks who created a flavor, and refuses a recipe that the namespace has already.
pub(crate) struct UniqueRecipes {
    caches: Caches,
}

impl UniqueRecipes {
    pub(crate) fn new(caches: Caches) -> Self {
        Self { caches }
    }
}

#[async_trait]
impl Plugin for UniqueRecipes {
    fn name(&self) -> &'static str {
        "UniqueRecipes"
    }

    async fn mutate(&self, attributes: &mut Attributes<'_>) -> Result<(), Status> {
        if attributes.operation != Operation::Create || !attributes.is("icecream.example.com", "flavors") {
            return Ok(());
        }
        let user = attributes.context.user.name.clone();
        if let Some(flavor) = attributes.new_object_mut::<Flavor>() {
            flavor
                .metadata
                .annotations
                .get_or_insert_default()
                .insert("icecream.example.com/creator".to_owned(), user);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        let (Operation::Create, Some(flavor)) = (attributes.operation, attributes.new_object::<Flavor>()) else {
            return Ok(());
        };
        let same = |recipe: Option<&String>| recipe == Some(&flavor.spec.recipe);
        let others = self.caches.list::<Flavor>(attributes.namespace, |other| {
            other.name != attributes.name && same(other.fields.get("spec.recipe"))
        });
        let others = others.map_err(|error| Status::internal_error(&error.to_string()))?;
        match others.first() {
            None => Ok(()),
            Some(other) => {
                let cause = format!("flavor {:?} has the same recipe", other.name_or_empty());
                Err(Status::forbidden(&attributes.resource, attributes.name, &cause))
            }
        }
    }
}
