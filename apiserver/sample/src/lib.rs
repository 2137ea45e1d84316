//! A whole extension API server with a kind of its own: ice cream.
//!
//! It shows all that a kind needs: types ([`v1`] is stored, [`v1beta1`] is served too), a strategy, a status, a
//! subresource that posts the object, an action, and an admission plugin that looks at other objects. Its tests drive
//! the generic server over real HTTPS and a real etcd.

#![forbid(unsafe_code)]

mod admission;
mod convert;
mod strategy;
pub mod v1;
pub mod v1beta1;

use std::sync::Arc;

use apiserver::{
    admission::Plugin,
    registry::{ApiGroup, Resource},
    server::{CompletedConfig, ConfigError, Server},
};

use self::{
    admission::UniqueRecipes,
    strategy::{FlavorSampling, FlavorStatusStrategy, FlavorStrategy, FlavorTasting, ShopStrategy},
};

/// A server of the ice cream API.
pub fn server(config: CompletedConfig) -> Result<Server, ConfigError> {
    let plugins: Vec<Arc<dyn Plugin>> = vec![Arc::new(UniqueRecipes::new(config.caches()))];
    let flavors = Resource::new(FlavorStrategy)
        .also_served::<v1beta1::Flavor>(convert::from_v1beta1, convert::to_v1beta1)
        .status(FlavorStatusStrategy)
        .post_subresource("tasting", FlavorTasting)
        .action("sample", FlavorSampling);
    let group = ApiGroup::new().resource(flavors).resource(Resource::new(ShopStrategy));
    config.server(plugins, vec![group])
}
