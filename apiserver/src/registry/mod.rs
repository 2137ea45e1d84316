//! Kinds and what can be done to them: typed strategies inside, bytes and names outside.
//!
//! In: a [`Resource`] per kind (its [`Strategy`], its versions, its subresources) and requests with encoded bodies. Out:
//! the write in the store, and [`crate::cache::CachedObject`]s to answer with. Reads go to the cache directly.

mod body;
mod caches;
mod codec;
mod create;
mod delete;
mod endpoint;
mod metadata;
mod pipeline;
mod resource;
mod strategy;
mod strict;
mod update;
mod versions;

pub(crate) use self::{
    body::{Body, FieldValidation},
    endpoint::{
        DeleteRequest, Deleted, Description, Endpoint, References, ServedVersion, Subresource, WriteRequest, Written,
    },
    resource::Environment,
};
pub use self::{
    caches::{CacheError, Caches},
    resource::{ApiGroup, Resource},
    strategy::{Action, Column, Strategy, UpdateStrategy, age},
};
