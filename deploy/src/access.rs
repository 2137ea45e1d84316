//! How components reach a control plane's API server: Gardener's scheme of one kubeconfig for all and a token for each.
//!
//! The token requestor (resource-manager) writes the tokens; its own way in is the Secret `gardener-internal` with a client certificate.

use std::{collections::BTreeMap, time::Duration};

use controller::wait::{Progress, WaitError, until};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Api, Client};

use crate::{Credentials, Kubeconfig};

/// Secret with the kubeconfig by which the seed's own components reach a namespace's cluster (Gardener's name).
pub const INTERNAL_KUBECONFIG_SECRET: &str = "gardener-internal";

/// Where a component finds its token, beside the kubeconfig that names it.
const TOKEN_FILE: &str = "/var/run/secrets/gardener.cloud/shoot/generic-kubeconfig/token";

/// A component's wish for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessSecret {
    /// Name of the component, and of its service account in the cluster it accesses.
    pub component: String,
    /// Namespace of the service account.
    pub service_account_namespace: String,
}

impl AccessSecret {
    /// A component with a service account in `kube-system`.
    pub fn new(component: &str) -> Self {
        Self {
            component: component.to_owned(),
            service_account_namespace: "kube-system".to_owned(),
        }
    }

    /// The Secret's name.
    pub fn name(&self) -> String {
        format!("shoot-access-{}", self.component)
    }

    /// The Secret without a token: applied again it leaves the token alone, which another manager owns.
    pub fn secret(&self, namespace: &str) -> Secret {
        let labels = [
            ("resources.gardener.cloud/purpose", "token-requestor"),
            ("resources.gardener.cloud/class", "shoot"),
        ];
        let annotations = [
            ("serviceaccount.resources.gardener.cloud/name", self.component.as_str()),
            (
                "serviceaccount.resources.gardener.cloud/namespace",
                self.service_account_namespace.as_str(),
            ),
        ];
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name()),
                namespace: Some(namespace.to_owned()),
                labels: Some(owned(labels)),
                annotations: Some(owned(annotations)),
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        }
    }

    /// Waits until there is a token. Who mounts the Secret before that waits for the kubelet's next look, which may be minutes.
    pub async fn wait(&self, client: Client, namespace: &str, deadline: Duration) -> Result<(), WaitError> {
        let api: Api<Secret> = Api::namespaced(client, namespace);
        let observe = |secret: Option<&Secret>| match secret {
            None => Progress::Waiting("it does not exist".to_owned()),
            Some(secret) if secret.data.as_ref().is_some_and(|data| data.contains_key("token")) => Progress::Done,
            Some(_) => Progress::Waiting("it has no token yet; gardener-resource-manager writes it".to_owned()),
        };
        until(&api, &self.name(), "to have a token", deadline, observe)
            .await
            .map(drop)
    }
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Address of an API server's Service, for clients in any namespace of the seed.
pub fn api_server_url(service: &str, namespace: &str) -> String {
    format!("https://{service}.{namespace}.svc")
}

/// The kubeconfig that all components of a namespace share: it names the file with their token.
pub fn generic_kubeconfig(cluster: &str, service: &str, certificate_authority: &str) -> Kubeconfig {
    Kubeconfig {
        name: cluster.to_owned(),
        server: format!("https://{service}"),
        certificate_authority: certificate_authority.to_owned(),
        proxy_url: None,
        credentials: Credentials::TokenFile(TOKEN_FILE.to_owned()),
    }
}

/// The Secret for the seed's own components.
pub fn internal_kubeconfig_secret(namespace: &str, kubeconfig: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(INTERNAL_KUBECONFIG_SECRET.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(owned([("gardener.cloud/role", "kubeconfig")])),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            "kubeconfig".to_owned(),
            ByteString(kubeconfig.as_bytes().to_vec()),
        )])),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}
