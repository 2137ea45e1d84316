//! Secrets of the garden: those of the virtual garden's control plane, and those of Gardener's API server.
//!
//! In: the secrets manager and the wish. Out: names to mount, the authority for APIServices, a kubeconfig.

use std::collections::BTreeMap;

use api::constants;
use deploy::{
    AuthorityWish, CertificateWish, ControlPlaneSecrets, SecretStore, SecretsError, SecretsManager, SecretsWish,
};
use futures::try_join;
use plan_control_plane::encryption_configuration;

use crate::runtime::ApiServerSecrets;
use crate::settings::NAMESPACE;
use crate::virtual_garden::SYSTEM_NAMESPACE;

/// Kinds whose objects hold credentials (as Gardener encrypts them).
const ENCRYPTED: [&str; 4] = [
    "controllerdeployments.core.gardener.cloud",
    "controllerregistrations.core.gardener.cloud",
    "internalsecrets.core.gardener.cloud",
    "shootstates.core.gardener.cloud",
];

/// All that was made.
#[derive(Clone, Debug)]
pub(crate) struct GardenSecrets {
    /// The control plane's.
    pub(crate) control_plane: ControlPlaneSecrets,
    /// The API server's.
    pub(crate) api_server: ApiServerSecrets,
    /// Authority of the API server's serving certificate, as PEM.
    pub(crate) ca_gardener: String,
}

/// Finds or makes them all.
pub(crate) async fn make<S: SecretStore>(
    manager: &SecretsManager<S>,
    wish: &SecretsWish,
) -> Result<GardenSecrets, SecretsError> {
    let control_plane = ControlPlaneSecrets::make(manager, wish);
    let gardener = async {
        let authority = manager
            .authority(&AuthorityWish::new(constants::SECRET_CA_GARDENER, "gardener"))
            .await?;
        let server = manager.certificate(&server_wish()).await?;
        Ok((authority.bundle, server.metadata.name.unwrap_or_default()))
    };
    let (control_plane, (ca_gardener, server), encryption) = try_join!(control_plane, gardener, encryption(manager))?;
    let api_server = ApiServerSecrets {
        ca_etcd_bundle: control_plane.names.ca_etcd_bundle.clone(),
        etcd_client: control_plane.names.etcd_client.clone(),
        server,
        encryption_configuration: encryption,
    };
    Ok(GardenSecrets {
        control_plane,
        api_server,
        ca_gardener,
    })
}

/// The aggregator verifies the name of the Service in the virtual garden; others reach it by the one in the runtime cluster.
fn server_wish() -> CertificateWish {
    let name = constants::DEPLOYMENT_GARDENER_API_SERVER;
    let names = [SYSTEM_NAMESPACE, NAMESPACE].into_iter().flat_map(|namespace| {
        [
            format!("{name}.{namespace}"),
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}.svc.cluster.local"),
        ]
    });
    let names = std::iter::once(name.to_owned()).chain(names).collect();
    CertificateWish::server(name, constants::SECRET_CA_GARDENER, names, Vec::new())
}

async fn encryption<S: SecretStore>(manager: &SecretsManager<S>) -> Result<String, SecretsError> {
    let keys = manager
        .encryption_keys(constants::SECRET_GARDENER_ETCD_ENCRYPTION_KEY)
        .await?;
    let text = encryption_configuration(&ENCRYPTED, &keys).map_err(SecretsError::EncryptionConfiguration)?;
    let data = BTreeMap::from([("encryption-configuration.yaml".to_owned(), text.into_bytes())]);
    let secret = manager
        .derived(constants::SECRET_GARDENER_ETCD_ENCRYPTION_CONFIGURATION_PREFIX, data)
        .await?;
    Ok(secret.metadata.name.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use plan_control_plane::EncryptionKey;

    use super::*;

    /// InternalSecrets hold the keys of shoots' client authorities.
    #[test]
    fn what_holds_credentials_is_encrypted() {
        let keys = [EncryptionKey {
            name: "key1".to_owned(),
            secret: "AAAA".to_owned(),
        }];
        let text = encryption_configuration(&ENCRYPTED, &keys).unwrap();
        let configuration: serde_json::Value = serde_yaml_ng::from_str(&text).unwrap();
        let rule = &configuration["resources"][0];
        let resources = rule["resources"].as_array().unwrap();
        assert!(resources.contains(&"internalsecrets.core.gardener.cloud".into()));
        let writer = &rule["providers"][0]["aescbc"]["keys"][0]["name"];
        assert_eq!(writer, "key1", "the first provider is the one that writes");
    }
}
