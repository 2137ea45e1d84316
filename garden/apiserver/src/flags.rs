//! Flags of gardener-apiserver: Gardener's own, beside those of every API server.

use std::time::Duration;

use apiserver::server::ServerOptions;

const HOUR: Duration = Duration::from_secs(3600);
/// A certificate's end is written with 32 bits of seconds in some places.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// Serves Gardener's API, behind a kube-apiserver.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Flags of every API server.
    #[command(flatten)]
    pub server: ServerOptions,
    /// Tells this garden from others; written to the ConfigMap kube-system/cluster-identity.
    #[arg(long)]
    pub cluster_identity: String,
    /// Longest life of an admin kubeconfig for a shoot.
    #[arg(long, default_value = "24h", value_parser = expiration)]
    pub shoot_admin_kubeconfig_max_expiration: Duration,
    /// Longest life of a viewer kubeconfig for a shoot.
    #[arg(long, default_value = "24h", value_parser = expiration)]
    pub shoot_viewer_kubeconfig_max_expiration: Duration,
    /// How old a shoot's credentials may get before its owner is warned. Taken for compatibility; nobody is warned yet.
    #[arg(long, default_value = "2160h", value_parser = duration)]
    pub shoot_credentials_rotation_interval: Duration,
    /// Issuer of workload identities' tokens. Taken for compatibility; workload identities are not served yet.
    #[arg(long)]
    pub workload_identity_token_issuer: Option<String>,
    /// File with the key that signs workload identities' tokens. Taken for compatibility.
    #[arg(long)]
    pub workload_identity_signing_key_file: Option<std::path::PathBuf>,
    /// Least important level that is logged. Taken for compatibility: RUST_LOG decides.
    #[arg(long)]
    pub log_level: Option<String>,
    /// Form of log lines. Taken for compatibility: KUBECEPTION_LOG_FORMAT decides.
    #[arg(long)]
    pub log_format: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<apimachinery::Duration>()
        .map(apimachinery::Duration::to_std)
        .map_err(|error| error.to_string())
}

fn expiration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (HOUR..=LONGEST).contains(&duration) {
        Ok(duration)
    } else {
        Err("must be between 1h and 2^32 seconds".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiration_is_neither_too_short_nor_too_long() {
        assert_eq!(expiration("1h"), Ok(HOUR));
        assert!(expiration("59m").is_err());
        assert!(expiration("2000000h").is_err());
        assert!(expiration("soon").is_err());
    }
}
