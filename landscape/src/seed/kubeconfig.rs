//! Kubeconfigs: documents by which a client finds an API server and says who it is.

use serde_json::{Value, json};

/// A client certificate with its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// A kubeconfig with one cluster and one user.
#[derive(Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// The name of context, cluster and user.
    pub name: String,
    /// The API server's URL.
    pub server: String,
    /// The authority of its certificate, as PEM.
    pub authority: String,
    /// The proxy through which it is reached, if any.
    pub proxy: Option<String>,
    /// Who the client is.
    pub client: ClientCertificate,
}

impl Kubeconfig {
    /// The document. JSON is YAML, but people read what `kubeconfig` prints: it is written as YAML.
    pub fn to_yaml(&self) -> Result<String, serde_yaml_ng::Error> {
        serde_yaml_ng::to_string(&self.to_value())
    }

    fn to_value(&self) -> Value {
        let mut cluster = json!({
            "server": self.server,
            "certificate-authority-data": base64(&self.authority),
        });
        if let Some(proxy) = &self.proxy {
            cluster["proxy-url"] = json!(proxy);
        }
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": self.name, "user": {
                "client-certificate-data": base64(&self.client.certificate),
                "client-key-data": base64(&self.client.key),
            }}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
            "current-context": self.name,
        })
    }
}

fn base64(text: &str) -> Value {
    json!(k8s_openapi::ByteString(text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_carries_everything_it_needs() {
        let kubeconfig = Kubeconfig {
            name: "seed".to_owned(),
            server: "https://seed.test:6443".to_owned(),
            authority: "authority".to_owned(),
            proxy: Some("http://127.0.0.1:6480".to_owned()),
            client: ClientCertificate {
                certificate: "certificate".to_owned(),
                key: "key".to_owned(),
            },
        };
        expect_test::expect![[r#"
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: YXV0aG9yaXR5
                proxy-url: http://127.0.0.1:6480
                server: https://seed.test:6443
              name: seed
            contexts:
            - context:
                cluster: seed
                user: seed
              name: seed
            current-context: seed
            kind: Config
            users:
            - name: seed
              user:
                client-certificate-data: Y2VydGlmaWNhdGU=
                client-key-data: a2V5
        "#]]
        .assert_eq(&kubeconfig.to_yaml().unwrap());
    }
}
