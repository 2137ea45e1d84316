//! How this machine reaches the landscape's clusters: clients, and the kubeconfigs that are printed for people.
//!
//! The seed's administrator is in the landscape's state. The garden's is signed anew each time, by the authority that the operator
//! keeps in the seed; a shoot's is asked of the garden, as any user would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use api::authentication::v1alpha1::{AdminKubeconfigRequest, AdminKubeconfigRequestSpec};
use api::constants::{
    GARDEN_NAMESPACE, LABEL_SECRETS_MANAGER_IDENTITY, MANAGED_BY_SECRETS_MANAGER, SECRETS_MANAGER_IDENTITY_OPERATOR,
};
use api::core::v1beta1::Project;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client};
use lib_clock::Clock;
use lib_pki::{CertificateAuthority, CertificateRequest};
use serde_json::Value;

use crate::paths::Paths;
use crate::seed::{ClientCertificate, Domain, Kubeconfig, SeedPki, SeedPkiError};

/// How long the credentials of printed kubeconfigs last: longer than anybody keeps a local landscape's.
const GARDEN_VALIDITY: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The longest that the garden grants by default.
const SHOOT_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// A cluster of the landscape.
#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Target {
    /// The garden: projects, seeds and shoots
    Garden,
    /// The seed, where control planes run
    Seed,
    /// A shoot
    Shoot {
        /// Its project and name, as `<project>/<name>`
        shoot: ShootName,
    },
}

/// A shoot as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShootName {
    /// The project.
    pub project: String,
    /// The name in the project.
    pub name: String,
}

/// What was given is no shoot's name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a shoot as <project>/<name>, for example dev/first")]
pub struct ShootNameError;

impl FromStr for ShootName {
    type Err = ShootNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((project, name)) if !project.is_empty() && !name.is_empty() && !name.contains('/') => Ok(Self {
                project: project.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(ShootNameError),
        }
    }
}

/// A cluster cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The landscape is not there.
    #[error("landscape {0} does not run: start it with `kubeception up`")]
    NotRunning(String),
    /// The seed's certificates cannot be read.
    #[error(transparent)]
    SeedPki(#[from] SeedPkiError),
    /// A kubeconfig cannot be written.
    #[error("failed to write a kubeconfig")]
    Kubeconfig(#[from] serde_yaml_ng::Error),
    /// A client cannot be made.
    #[error("failed to make a client for the {cluster}")]
    Connect {
        /// Which cluster.
        cluster: &'static str,
        /// Why.
        source: controller::connect::ConnectError,
    },
    /// A request failed.
    #[error("failed to {step}")]
    Request {
        /// What was tried.
        step: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The file that bring-up keeps the seed's certificates in is missing.
    #[error("the seed's certificates are missing: there is no {path}, which `kubeception up` makes")]
    NoSeedPki {
        /// The file.
        path: PathBuf,
    },
    /// There is no such project.
    #[error(
        "the garden has no project {0}: see `kubectl get projects` with the kubeconfig of `kubeception kubeconfig garden`"
    )]
    NoProject(String),
    /// The project's namespace is not made yet.
    #[error("project {0} has no namespace yet: see its events by `kubectl describe project {0}`")]
    NoNamespace(String),
    /// The operator has not made the garden's authorities yet.
    #[error("the garden has no Secret {0} yet: see `kubeception status`")]
    NoAuthority(&'static str),
    /// A certificate cannot be made.
    #[error("failed to sign a certificate")]
    Pki(#[from] lib_pki::Error),
}

/// A running landscape as seen from this machine.
#[derive(Clone, Debug)]
pub struct Access {
    domain: Domain,
    paths: Paths,
    proxy: SocketAddr,
}

impl Access {
    /// The landscape of this name, if its cloud answers.
    pub async fn find(landscape: &str) -> Result<Self, AccessError> {
        let cloud = cloud_client::Client::unix(cloud_client::socket_path(landscape));
        match cloud.info().await {
            Ok(info) => Ok(Self::new(landscape, info.proxy)),
            Err(_) => Err(AccessError::NotRunning(landscape.to_owned())),
        }
    }

    pub(crate) fn new(landscape: &str, proxy: SocketAddr) -> Self {
        Self {
            domain: Domain::of(landscape),
            paths: Paths::of(landscape),
            proxy,
        }
    }

    /// A kubeconfig for use on this machine.
    pub async fn kubeconfig(&self, target: &Target, clock: &dyn Clock) -> Result<String, AccessError> {
        match target {
            Target::Seed => self.seed_kubeconfig(),
            Target::Garden => self.garden_kubeconfig(&self.seed().await?, clock).await,
            Target::Shoot { shoot } => {
                let garden = self.garden(&self.seed().await?, clock).await?;
                self.shoot_kubeconfig(&garden, shoot).await
            }
        }
    }

    /// The seed, as its administrator.
    pub async fn seed(&self) -> Result<Client, AccessError> {
        connect("seed", &self.seed_kubeconfig()?).await
    }

    /// The garden, as its administrator.
    pub async fn garden(&self, seed: &Client, clock: &dyn Clock) -> Result<Client, AccessError> {
        connect("garden", &self.garden_kubeconfig(seed, clock).await?).await
    }

    fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    fn seed_kubeconfig(&self) -> Result<String, AccessError> {
        let path = self.paths.seed_pki();
        let Some(pki) = SeedPki::load(&path)? else {
            return Err(AccessError::NoSeedPki { path });
        };
        Ok(pki.administrator(&self.domain, Some(self.proxy_url())).to_yaml()?)
    }

    /// The kubeconfig of the garden's administrator.
    pub async fn garden_kubeconfig(&self, seed: &Client, clock: &dyn Clock) -> Result<String, AccessError> {
        let authority = newest_secret(seed, "ca-client", "ca.key").await?;
        let authority = CertificateAuthority::from_pem(text(&authority, "ca.crt"), text(&authority, "ca.key"))?;
        let groups = vec!["system:masters".to_owned()];
        let issued = authority.issue(
            &CertificateRequest::client("kubeception:administrator", groups, GARDEN_VALIDITY),
            clock,
        )?;
        let kubeconfig = Kubeconfig {
            name: "garden".to_owned(),
            server: format!("https://{}", self.domain.garden_host()),
            authority: certificate_authority(seed).await?,
            proxy: Some(self.proxy_url()),
            client: ClientCertificate {
                certificate: issued.certificate_pem,
                key: issued.private_key.to_pem(),
            },
        };
        Ok(kubeconfig.to_yaml()?)
    }

    /// A shoot's kubeconfig, asked of the garden; each of its clusters gets the proxy.
    pub async fn shoot_kubeconfig(&self, garden: &Client, shoot: &ShootName) -> Result<String, AccessError> {
        let failed = |source| AccessError::Request {
            step: format!(
                "ask the garden for a kubeconfig of shoot {}/{}",
                shoot.project, shoot.name
            ),
            source: Box::new(source),
        };
        let namespace = namespace_of(garden, &shoot.project).await?;
        let expiration_seconds = i64::try_from(SHOOT_VALIDITY.as_secs()).ok();
        let request = AdminKubeconfigRequest {
            spec: AdminKubeconfigRequestSpec { expiration_seconds },
            ..AdminKubeconfigRequest::default()
        };
        let path = format!(
            "/apis/core.gardener.cloud/v1beta1/namespaces/{namespace}/shoots/{}/adminkubeconfig",
            shoot.name
        );
        let body = serde_json::to_vec(&request)
            .map_err(kube::Error::SerdeError)
            .map_err(failed)?;
        let post = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body);
        let post = post.map_err(kube::Error::HttpError).map_err(failed)?;
        let answer: AdminKubeconfigRequest = garden.request(post).await.map_err(failed)?;
        Ok(with_proxy(
            &String::from_utf8_lossy(&answer.status.kubeconfig.0),
            &self.proxy_url(),
        )?)
    }
}

/// The authority of the garden's API server, as PEM.
pub(crate) async fn certificate_authority(seed: &Client) -> Result<String, AccessError> {
    Ok(text(&newest_secret(seed, "ca", "ca.crt").await?, "ca.crt").to_owned())
}

/// Where a project's shoots are: its namespace may have any name.
async fn namespace_of(garden: &Client, project: &str) -> Result<String, AccessError> {
    let projects: Api<Project> = Api::all(garden.clone());
    let found = projects.get_opt(project).await.map_err(|source| AccessError::Request {
        step: format!("read project {project}"),
        source: Box::new(source),
    })?;
    let found = found.ok_or_else(|| AccessError::NoProject(project.to_owned()))?;
    found
        .spec
        .namespace
        .ok_or_else(|| AccessError::NoNamespace(project.to_owned()))
}

async fn connect(cluster: &'static str, kubeconfig: &str) -> Result<Client, AccessError> {
    controller::connect::from_kubeconfig_str(kubeconfig)
        .await
        .map_err(|source| AccessError::Connect { cluster, source })
}

/// The newest Secret that the operator's secrets manager made under this name, with `key` in it (an authority is kept twice: whole,
/// and as a bundle without key).
async fn newest_secret(seed: &Client, name: &'static str, key: &str) -> Result<BTreeMap<String, Vec<u8>>, AccessError> {
    let secrets: Api<Secret> = Api::namespaced(seed.clone(), GARDEN_NAMESPACE);
    let selector = format!(
        "name={name},managed-by={MANAGED_BY_SECRETS_MANAGER},{LABEL_SECRETS_MANAGER_IDENTITY}={SECRETS_MANAGER_IDENTITY_OPERATOR}"
    );
    let list = secrets
        .list(&ListParams::default().labels(&selector))
        .await
        .map_err(|source| AccessError::Request {
            step: format!("look for the garden's Secret {name}"),
            source: Box::new(source),
        })?;
    let with_key = list
        .items
        .into_iter()
        .filter(|secret| secret.data.as_ref().is_some_and(|data| data.contains_key(key)));
    let newest = with_key.max_by_key(|secret| secret.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let data = newest
        .and_then(|secret| secret.data)
        .ok_or(AccessError::NoAuthority(name))?;
    Ok(data.into_iter().map(|(key, value)| (key, value.0)).collect())
}

fn text<'a>(data: &'a BTreeMap<String, Vec<u8>>, key: &str) -> &'a str {
    data.get(key)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default()
}

/// The same kubeconfig with a proxy for every cluster.
fn with_proxy(kubeconfig: &str, proxy: &str) -> Result<String, serde_yaml_ng::Error> {
    let mut document: Value = serde_yaml_ng::from_str(kubeconfig)?;
    for entry in document
        .get_mut("clusters")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(cluster) = entry.get_mut("cluster").and_then(Value::as_object_mut) {
            cluster.insert("proxy-url".to_owned(), Value::from(proxy));
        }
    }
    serde_yaml_ng::to_string(&document)
}

#[cfg(test)]
mod tests {
    use controller::fake::FakeCluster;
    use serde_json::json;

    use super::*;

    #[test]
    fn shoots_are_written_with_their_project() {
        let first: ShootName = "dev/first".parse().unwrap();
        assert_eq!((first.project.as_str(), first.name.as_str()), ("dev", "first"));
        for bad in ["first", "/first", "dev/", "dev/first/more", ""] {
            assert_eq!(bad.parse::<ShootName>(), Err(ShootNameError), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_project_says_itself_where_its_shoots_are() {
        let garden = FakeCluster::new();
        let projects = [
            ("dev", json!({"namespace": "garden-dev"})),
            ("garden", json!({"namespace": "garden"})),
            ("moved", json!({"namespace": "garden-elsewhere"})),
            ("new", json!({})),
        ];
        for (name, spec) in projects {
            garden.insert(&json!({
                "apiVersion": "core.gardener.cloud/v1beta1",
                "kind": "Project",
                "metadata": {"name": name},
                "spec": spec,
            }));
        }
        let client = garden.client();
        for (project, namespace) in [
            ("dev", "garden-dev"),
            ("garden", "garden"),
            ("moved", "garden-elsewhere"),
        ] {
            assert_eq!(namespace_of(&client, project).await.unwrap(), namespace);
        }
        let error = namespace_of(&client, "absent").await.unwrap_err().to_string();
        assert!(
            error.contains("no project absent") && error.contains("kubectl get projects"),
            "{error}"
        );
        let error = namespace_of(&client, "new").await.unwrap_err().to_string();
        assert!(error.starts_with("project new has no namespace yet"), "{error}");
    }

    #[test]
    fn missing_certificates_of_the_seed_are_named_by_their_file() {
        let access = Access::new("absent", ([127, 0, 0, 1], 1).into());
        let error = access.seed_kubeconfig().unwrap_err().to_string();
        assert!(
            error.contains("/var/lib/kubeception/absent/seed-pki.json") && error.contains("`kubeception up`"),
            "{error}"
        );
    }

    #[test]
    fn every_cluster_of_a_kubeconfig_gets_the_proxy() {
        let given = "clusters:\n- cluster:\n    server: https://a\n  name: a\n- cluster:\n    server: https://b\n  name: b\nkind: Config\n";
        let expected = "clusters:\n- cluster:\n    proxy-url: http://127.0.0.1:1\n    server: https://a\n  name: a\n\
                        - cluster:\n    proxy-url: http://127.0.0.1:1\n    server: https://b\n  name: b\nkind: Config\n";
        assert_eq!(with_proxy(given, "http://127.0.0.1:1").unwrap(), expected);
    }
}
