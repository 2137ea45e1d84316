//! A whole server: configured, completed, given its kinds, run.
//!
//! [`ServerConfig`] is what a process decides; [`ServerConfig::complete`] connects and loads everything, after which a
//! [`CompletedConfig`] can't be half-filled; [`CompletedConfig::server`] takes plugins and kinds; [`Server::run`] serves.
//!
//! ```text
//! let config = ServerConfig::new(arguments.server, "/registry-gardener").complete().await?;
//! let plugins = vec![Arc::new(ShootValidator::new(config.caches())) as Arc<dyn Plugin>];
//! let group = ApiGroup::new().resource(Resource::new(ShootStrategy).status(ShootStatusStrategy));
//! config.server(plugins, vec![group])?.run(shutdown).await?;
//! ```

mod certificate;
mod config;
mod listener;
mod options;

pub use self::{
    certificate::CertificateError,
    config::{CompletedConfig, ConfigError, ServerConfig, VersionInfo},
    listener::{Listening, ServeError, Server},
    options::ServerOptions,
};
