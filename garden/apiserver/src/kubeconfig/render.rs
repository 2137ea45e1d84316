//! Renders the kubeconfig that a user gets for a shoot.
//!
//! In: the shoot's addresses, its authority and a fresh client certificate. Out: the kubeconfig as YAML.
//! Absent: who may have one, and signing.

use api::core::v1beta1::ShootAdvertisedAddress;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Addresses that lead to the shoot's API server, the preferred one first. Others are for people and issuers.
const ADDRESSES: [&str; 4] = ["external", "internal", "wildcard-tls-seed-bound", "unmanaged"];
/// Its certificate is signed by a public authority: clients take the system's.
const PUBLICLY_SIGNED: &str = "wildcard-tls-seed-bound";

/// What goes into a kubeconfig.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// Namespace of the shoot in the garden.
    pub(crate) namespace: &'a str,
    /// The shoot.
    pub(crate) shoot: &'a str,
    /// Where its API server can be reached.
    pub(crate) addresses: &'a [ShootAdvertisedAddress],
    /// Who signed its serving certificate, as PEM.
    pub(crate) certificate_authority: &'a str,
    /// The user's certificate, as PEM.
    pub(crate) certificate: &'a str,
    /// Its key, as PEM.
    pub(crate) private_key: &'a str,
}

/// The kubeconfig with a context per address; `None` if no address leads to the API server.
pub(crate) fn render(parts: &Parts<'_>) -> Option<String> {
    let known = |name: &&str| parts.addresses.iter().find(|address| address.name == **name);
    let addresses: Vec<_> = ADDRESSES.iter().filter_map(known).collect();
    let prefix = format!("{}--{}", parts.namespace, parts.shoot);
    let name = |address: &ShootAdvertisedAddress| format!("{prefix}-{}", address.name);
    let user = name(addresses.first()?);
    let cluster = |address: &&ShootAdvertisedAddress| {
        let mut cluster = json!({ "server": address.url });
        if address.name != PUBLICLY_SIGNED {
            cluster["certificate-authority-data"] = encoded(parts.certificate_authority);
        }
        json!({ "name": name(address), "cluster": cluster })
    };
    let context = |address: &&ShootAdvertisedAddress| json!({ "name": name(address), "context": { "cluster": name(address), "user": user } });
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": addresses.iter().map(cluster).collect::<Vec<_>>(),
        "contexts": addresses.iter().map(context).collect::<Vec<_>>(),
        "current-context": user,
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": encoded(parts.certificate),
                "client-key-data": encoded(parts.private_key),
            },
        }],
    });
    serde_yaml_ng::to_string(&config).ok()
}

fn encoded(pem: &str) -> Value {
    Value::String(STANDARD.encode(pem))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn address(name: &str, url: &str) -> ShootAdvertisedAddress {
        ShootAdvertisedAddress {
            name: name.to_owned(),
            url: url.to_owned(),
            application: None,
        }
    }

    fn rendered(addresses: &[ShootAdvertisedAddress]) -> Option<String> {
        render(&Parts {
            namespace: "garden-dev",
            shoot: "first",
            addresses,
            certificate_authority: "CA",
            certificate: "CERT",
            private_key: "KEY",
        })
    }

    #[test]
    fn the_external_address_is_preferred() {
        let addresses = [
            address("service-account-issuer", "https://issuer"),
            address("internal", "https://api.first.dev.internal.example.org"),
            address("external", "https://api.first.dev.shoots.example.org"),
            address("wildcard-tls-seed-bound", "https://api-dev--first.seed.example.org"),
        ];
        expect![[r#"
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: Q0E=
                server: https://api.first.dev.shoots.example.org
              name: garden-dev--first-external
            - cluster:
                certificate-authority-data: Q0E=
                server: https://api.first.dev.internal.example.org
              name: garden-dev--first-internal
            - cluster:
                server: https://api-dev--first.seed.example.org
              name: garden-dev--first-wildcard-tls-seed-bound
            contexts:
            - context:
                cluster: garden-dev--first-external
                user: garden-dev--first-external
              name: garden-dev--first-external
            - context:
                cluster: garden-dev--first-internal
                user: garden-dev--first-external
              name: garden-dev--first-internal
            - context:
                cluster: garden-dev--first-wildcard-tls-seed-bound
                user: garden-dev--first-external
              name: garden-dev--first-wildcard-tls-seed-bound
            current-context: garden-dev--first-external
            kind: Config
            users:
            - name: garden-dev--first-external
              user:
                client-certificate-data: Q0VSVA==
                client-key-data: S0VZ
        "#]]
        .assert_eq(&rendered(&addresses).unwrap());
    }

    #[test]
    fn without_an_address_there_is_no_kubeconfig() {
        assert_eq!(rendered(&[]), None);
        assert_eq!(rendered(&[address("service-account-issuer", "https://issuer")]), None);
    }
}
