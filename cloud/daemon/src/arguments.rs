//! The daemon's command line.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::{Error, Landscape};

/// Arguments of `kubeception cloud`.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Name of the landscape: it prefixes all that the cloud makes on this machine.
    #[arg(long, default_value = "local")]
    pub landscape: Landscape,
    /// Port of the proxy on 127.0.0.1 (HTTP CONNECT and SOCKS5) that reaches every name and address of the cloud.
    #[arg(long, default_value_t = 6480)]
    pub proxy_port: u16,
    /// Where the machine image lies, and the upstream binaries that go into it [default: $XDG_CACHE_HOME/kubeception].
    #[arg(long, env = "KUBECEPTION_CACHE")]
    pub cache: Option<PathBuf>,
}

/// Runs the cloud until `shutdown`. Its machines go on without it, and the next daemon of the landscape finds them.
pub async fn run(arguments: Arguments, shutdown: CancellationToken) -> Result<(), Error> {
    let _ = (arguments, shutdown);
    Err(Error::Unsupported("the cloud cannot run yet".into()))
}
