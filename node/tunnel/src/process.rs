//! The process `tunnel-client`: flags, start and end.

use std::{path::PathBuf, sync::Arc};

use api::config::tunnel_client::CONFIGURATION_FILE;
use futures::future::join_all;
use lib_resolve::Resolver;
use tokio_util::sync::CancellationToken;

use crate::{Settings, SettingsError, Times, api_server, data::hold, dial::Dialer, gateway::Gateway};

/// Flags of the process `tunnel-client`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The configuration file.
    #[arg(long, default_value = CONFIGURATION_FILE)]
    pub config: PathBuf,
}

/// Why the tunnel's client does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Runs until `shutdown`.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let settings = Settings::read(&arguments.config)?;
    let serving = serve(settings, Resolver::new(), Times::default());
    shutdown.run_until_cancelled(serving).await;
    Ok(())
}

/// Serves until it is dropped.
pub async fn serve(settings: Settings, resolver: Resolver, times: Times) {
    let gateway = Arc::new(Gateway::new(&settings, resolver));
    let dialer = Arc::new(Dialer::new(settings.allowed.clone()));
    let servers: Arc<[_]> = settings.server_names.into();
    let holding = servers
        .iter()
        .map(|name| hold(&gateway, name, Arc::clone(&dialer), times));
    let carrying = api_server::serve(Arc::clone(&gateway), Arc::clone(&servers), settings.listen);
    tokio::join!(join_all(holding), carrying);
}
