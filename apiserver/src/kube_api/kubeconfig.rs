//! How to reach a kube-apiserver: from a kubeconfig, or from the files of a service account.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::tls::ClientTls;

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Why a kubeconfig can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// It can't be read.
    #[error("failed to read kubeconfig {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no kubeconfig.
    #[error("failed to parse the kubeconfig")]
    Parse(#[from] serde_yaml_ng::Error),
    /// A context, cluster or user is named that is not there.
    #[error("the kubeconfig has no {what} {name:?}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Inline data is not base64.
    #[error("the kubeconfig's {field} is not base64")]
    Base64 {
        /// The field.
        field: &'static str,
        /// Why.
        source: base64::DecodeError,
    },
    /// It asks for what is not implemented.
    #[error("the kubeconfig uses {field}, which is not supported here")]
    Unsupported {
        /// The field.
        field: &'static str,
    },
    /// Not in a pod.
    #[error("not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")]
    NotInCluster,
}

/// Where a kube-apiserver is, and who we are there.
#[derive(Clone, Debug)]
pub struct KubeApiConfig {
    /// `https://host[:port][/path]`.
    pub server: String,
    /// Name in the server's certificate, where it is not the host.
    pub server_name: Option<String>,
    /// What to trust and to show.
    pub tls: ClientTls,
    /// A fixed bearer token.
    pub token: Option<String>,
    /// A file with a bearer token, read for each request.
    pub token_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "current-context", default)]
    current_context: String,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: User,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    exec: Option<serde_yaml_ng::Value>,
}

impl KubeApiConfig {
    /// From a kubeconfig file; relative paths in it are relative to it.
    pub fn from_file(path: &Path) -> Result<Self, KubeconfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| KubeconfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_yaml(&text, path.parent().unwrap_or_else(|| Path::new("")))
    }

    /// From a kubeconfig's text.
    pub fn from_yaml(text: &str, directory: &Path) -> Result<Self, KubeconfigError> {
        let file: File = serde_yaml_ng::from_str(text)?;
        let missing = |what, name: &str| KubeconfigError::Missing {
            what,
            name: name.to_owned(),
        };
        let context = file
            .contexts
            .into_iter()
            .find(|context| context.name == file.current_context);
        let context = context
            .ok_or_else(|| missing("context", &file.current_context))?
            .context;
        let cluster = file
            .clusters
            .into_iter()
            .find(|cluster| cluster.name == context.cluster);
        let cluster = cluster.ok_or_else(|| missing("cluster", &context.cluster))?.cluster;
        let user = match file.users.into_iter().find(|user| user.name == context.user) {
            Some(user) => user.user,
            None if context.user.is_empty() => User::default(),
            None => return Err(missing("user", &context.user)),
        };
        if cluster.proxy_url.is_some() {
            return Err(KubeconfigError::Unsupported { field: "proxy-url" });
        }
        if user.exec.is_some() {
            return Err(KubeconfigError::Unsupported { field: "exec" });
        }
        let at = |path: PathBuf| directory.join(path);
        let tls = ClientTls {
            ca_pem: decode("certificate-authority-data", cluster.certificate_authority_data)?,
            ca_file: cluster.certificate_authority.map(at),
            certificate_pem: decode("client-certificate-data", user.client_certificate_data)?,
            certificate_file: user.client_certificate.map(at),
            key_pem: decode("client-key-data", user.client_key_data)?,
            key_file: user.client_key.map(at),
            insecure: cluster.insecure_skip_tls_verify,
        };
        let (server, server_name) = (cluster.server, cluster.tls_server_name);
        Ok(Self {
            server,
            server_name,
            tls,
            token: user.token,
            token_file: user.token_file.map(at),
        })
    }

    /// From the files of a pod's service account.
    pub fn in_cluster() -> Result<Self, KubeconfigError> {
        let variable = |name| std::env::var(name).map_err(|_| KubeconfigError::NotInCluster);
        let (host, port) = (
            variable("KUBERNETES_SERVICE_HOST")?,
            variable("KUBERNETES_SERVICE_PORT")?,
        );
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let directory = Path::new(SERVICE_ACCOUNT);
        Ok(Self {
            server: format!("https://{host}:{port}"),
            server_name: None,
            tls: ClientTls {
                ca_file: Some(directory.join("ca.crt")),
                ..ClientTls::default()
            },
            token: None,
            token_file: Some(directory.join("token")),
        })
    }
}

fn decode(field: &'static str, data: Option<String>) -> Result<Option<Vec<u8>>, KubeconfigError> {
    let decoded = data
        .filter(|data| !data.is_empty())
        .map(|data| STANDARD.decode(data.trim()));
    decoded
        .transpose()
        .map_err(|source| KubeconfigError::Base64 { field, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "
current-context: c
clusters: [{name: k, cluster: {server: 'https://api:6443', certificate-authority: ca.crt}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
users: [{name: u, user: {tokenFile: /run/token, client-key-data: a2V5}}]
";

    #[test]
    fn the_current_context_is_read() {
        let config = KubeApiConfig::from_yaml(KUBECONFIG, Path::new("/etc/x")).unwrap();
        assert_eq!(config.server, "https://api:6443");
        assert_eq!(config.tls.ca_file.as_deref(), Some(Path::new("/etc/x/ca.crt")));
        assert_eq!(config.tls.key_pem.as_deref(), Some(b"key".as_slice()));
        assert_eq!(config.token_file.as_deref(), Some(Path::new("/run/token")));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| KubeApiConfig::from_yaml(text, Path::new("")).unwrap_err().to_string();
        assert_eq!(
            error(&KUBECONFIG.replace("user: u", "user: w")),
            "the kubeconfig has no user \"w\""
        );
        assert_eq!(
            error(&KUBECONFIG.replace("a2V5", "'?'")),
            "the kubeconfig's client-key-data is not base64"
        );
        let exec = KUBECONFIG.replace("tokenFile: /run/token", "exec: {command: x}");
        assert_eq!(error(&exec), "the kubeconfig uses exec, which is not supported here");
    }
}
