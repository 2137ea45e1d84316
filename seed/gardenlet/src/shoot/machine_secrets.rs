//! Secrets of clusters with machines beside those of every control plane: what metrics-server identifies itself with.

use deploy::{AuthorityWish, CertificateWish, SecretStore, SecretsError, SecretsManager, SigningAuthority};
use k8s_openapi::api::core::v1::Secret;

/// All that was made.
#[derive(Clone, Debug)]
pub(crate) struct MachineSecrets {
    /// The authority of metrics-server's certificate: the API server believes no other.
    pub(crate) ca_metrics_server: SigningAuthority,
    /// metrics-server's certificate.
    pub(crate) metrics_server: Secret,
}

impl MachineSecrets {
    /// Finds or makes them all.
    pub(crate) async fn make<S: SecretStore>(manager: &SecretsManager<S>) -> Result<Self, SecretsError> {
        let authority = api::constants::SECRET_CA_METRICS_SERVER;
        let ca_metrics_server = manager
            .authority(&AuthorityWish::new(authority, "metrics-server"))
            .await?;
        let names = plan_system::metrics_hostnames();
        let wish = CertificateWish::server("metrics-server", authority, names, Vec::new());
        Ok(Self {
            ca_metrics_server,
            metrics_server: manager.certificate(&wish).await?,
        })
    }
}
