//! HTTP: paths, parameters and media types on one side, the registry and its caches on the other.
//!
//! In: requests, with the certificates their connection showed. Out: answers as a Kubernetes API server gives them.
//! Every request goes the same way: who (authentication), may they (authorization), is there room (limits), then what.

mod accept;
mod answer;
mod collection;
mod content;
mod delete_options;
mod directory;
mod discovery;
mod health;
mod limits;
mod object;
mod openapi;
mod path;
mod query;
mod select;
mod service;
mod shape;
mod watch;
mod write;

pub(crate) use self::{
    content::BodyError,
    directory::Directory,
    limits::RequestLimits,
    service::{Service, ServiceConfig},
};
pub use self::{directory::DirectoryError, health::HealthCheck};
