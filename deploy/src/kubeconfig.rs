//! Kubeconfigs: one cluster, one user, one context.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

/// A kubeconfig in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Name of cluster, user and context.
    pub name: String,
    /// The API server, `https://…`.
    pub server: String,
    /// The authorities that its certificate may be of, as PEM.
    pub certificate_authority: String,
    /// A proxy on the way.
    pub proxy_url: Option<String>,
    /// Who asks.
    pub credentials: Credentials,
}

/// How a user proves who they are. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// By a certificate, PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its key.
        key: String,
    },
    /// By a token.
    Token(String),
    /// By a token in a file, which is read again when it changes.
    TokenFile(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Certificate { .. } => "Certificate",
            Self::Token(_) => "Token",
            Self::TokenFile(_) => "TokenFile",
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct File<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    current_context: &'a str,
    clusters: [NamedCluster<'a>; 1],
    contexts: [NamedContext<'a>; 1],
    users: [NamedUser<'a>; 1],
}

#[derive(Serialize)]
struct NamedCluster<'a> {
    name: &'a str,
    cluster: Cluster<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster<'a> {
    server: &'a str,
    certificate_authority_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<&'a str>,
}

#[derive(Serialize)]
struct NamedContext<'a> {
    name: &'a str,
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    cluster: &'a str,
    user: &'a str,
}

#[derive(Serialize)]
struct NamedUser<'a> {
    name: &'a str,
    user: User,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "kebab-case")]
struct User {
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(rename = "tokenFile", skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
}

impl From<&Credentials> for User {
    fn from(credentials: &Credentials) -> Self {
        match credentials {
            Credentials::Certificate { certificate, key } => Self {
                client_certificate_data: Some(STANDARD.encode(certificate)),
                client_key_data: Some(STANDARD.encode(key)),
                ..Self::default()
            },
            Credentials::Token(token) => Self {
                token: Some(token.clone()),
                ..Self::default()
            },
            Credentials::TokenFile(path) => Self {
                token_file: Some(path.clone()),
                ..Self::default()
            },
        }
    }
}

impl Kubeconfig {
    /// The file's text.
    pub fn to_yaml(&self) -> Result<String, serde_yaml_ng::Error> {
        let name = self.name.as_str();
        serde_yaml_ng::to_string(&File {
            api_version: "v1",
            kind: "Config",
            current_context: name,
            clusters: [NamedCluster {
                name,
                cluster: Cluster {
                    server: &self.server,
                    certificate_authority_data: STANDARD.encode(&self.certificate_authority),
                    proxy_url: self.proxy_url.as_deref(),
                },
            }],
            contexts: [NamedContext {
                name,
                context: Context {
                    cluster: name,
                    user: name,
                },
            }],
            users: [NamedUser {
                name,
                user: User::from(&self.credentials),
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_kubectl_reads() {
        let kubeconfig = Kubeconfig {
            name: "shoot--dev--first".to_owned(),
            server: "https://kube-apiserver".to_owned(),
            certificate_authority: "ca".to_owned(),
            proxy_url: None,
            credentials: Credentials::TokenFile("/run/token".to_owned()),
        };
        let expected = "apiVersion: v1
kind: Config
current-context: shoot--dev--first
clusters:
- name: shoot--dev--first
  cluster:
    server: https://kube-apiserver
    certificate-authority-data: Y2E=
contexts:
- name: shoot--dev--first
  context:
    cluster: shoot--dev--first
    user: shoot--dev--first
users:
- name: shoot--dev--first
  user:
    tokenFile: /run/token
";
        assert_eq!(kubeconfig.to_yaml().unwrap(), expected);
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Credentials::Token("secret".to_owned())), "Token");
    }
}
