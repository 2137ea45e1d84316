//! Where admission's facts come from: this server's own caches, and the kube-apiserver for Secrets, ConfigMaps, namespaces.
//!
//! In: names. Out: objects, or that there is none. Absent: any decision.

use std::sync::Arc;

use api::constants;
use api::core::v1beta1::{ControllerRegistration, Project, Shoot};
use api::security::v1alpha1::CredentialsBinding;
use apimachinery::{ApiObject, Status};
use apiserver::authorization::{AccessAttributes, Authorizer, Decision};
use apiserver::context::UserInfo;
use apiserver::kube_api::{KubeApi, KubeApiError};
use apiserver::registry::{CacheError, Caches};
use lib_error_chain::ErrorChain;
use serde_json::Value;

use super::facts::Facts;

/// Annotations of a Secret with the role `default-domain`.
const DOMAIN: &str = "dns.gardener.cloud/domain";
const DOMAIN_PRIORITY: &str = "dns.gardener.cloud/domain-default-priority";

/// Reads other objects.
#[derive(Clone)]
pub(crate) struct Lookups {
    caches: Caches,
    kube_api: Arc<dyn KubeApi>,
    authorizer: Arc<dyn Authorizer>,
}

/// What a user wants to do to an object of the kube-apiserver.
#[derive(Clone, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl Lookups {
    pub(crate) fn new(caches: Caches, kube_api: Arc<dyn KubeApi>, authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            caches,
            kube_api,
            authorizer,
        }
    }

    /// An object of this server; `namespace` is empty for cluster-scoped kinds.
    pub(crate) fn get<T: ApiObject>(&self, namespace: &str, name: &str) -> Result<Option<T>, Status> {
        self.caches.get(namespace, name).map_err(|error| cache_failed(&error))
    }

    /// Every object of a kind.
    pub(crate) fn list<T: ApiObject>(&self) -> Result<Vec<T>, Status> {
        self.caches.list("", |_| true).map_err(|error| cache_failed(&error))
    }

    /// The project whose namespace this is.
    pub(crate) fn project_of(&self, namespace: &str) -> Result<Option<Project>, Status> {
        let projects: Vec<Project> = self.list()?;
        Ok(projects
            .into_iter()
            .find(|project| project.spec.namespace.as_deref() == Some(namespace)))
    }

    /// Shoots that belong to a seed, by wish or by fact, without the one named.
    pub(crate) fn shoots_on_seed(&self, seed: &str, except: Option<&str>) -> Result<Vec<Shoot>, Status> {
        let belongs = |shoot: &Shoot| {
            let here = [&shoot.spec.seed_name, &shoot.status.seed_name]
                .into_iter()
                .any(|name| name.as_deref() == Some(seed));
            here && shoot.metadata.uid.as_deref().is_none_or(|uid| Some(uid) != except)
        };
        let shoots: Vec<Shoot> = self.list()?;
        Ok(shoots.into_iter().filter(belongs).collect())
    }

    /// Everything about a Shoot in `namespace`.
    pub(crate) async fn facts(&self, namespace: &str, shoot: &Shoot) -> Result<Facts, Status> {
        let seed = shoot
            .spec
            .seed_name
            .as_deref()
            .map(|name| self.get("", name))
            .transpose()?
            .flatten();
        let shoots_on_seed = match shoot.spec.seed_name.as_deref() {
            Some(name) => self.shoots_on_seed(name, shoot.metadata.uid.as_deref())?.len(),
            None => 0,
        };
        let binding = shoot.spec.credentials_binding_name.as_deref();
        let binding: Option<CredentialsBinding> = binding.map(|name| self.get(namespace, name)).transpose()?.flatten();
        let missing_credentials = match &binding {
            Some(binding) => self.missing_credentials(binding).await?,
            None => None,
        };
        let mut facts = Facts {
            project: self.project_of(namespace)?,
            cloud_profile: Facts::cloud_profile_name(shoot)
                .map(|name| self.get("", name))
                .transpose()?
                .flatten(),
            seed,
            credentials_binding: binding,
            missing_credentials,
            controller_registrations: self.list::<ControllerRegistration>()?,
            default_domains: Vec::new(),
            shoots_on_seed,
        };
        if facts.domains().is_empty() {
            facts.default_domains = self.default_domains().await?;
        }
        Ok(facts)
    }

    /// The Secret that a binding refers to, if it is not there.
    async fn missing_credentials(&self, binding: &CredentialsBinding) -> Result<Option<String>, Status> {
        let reference = &binding.credentials_ref;
        if reference.kind.as_deref() != Some("Secret") {
            return Ok(None);
        }
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let (namespace, name) = (part(&reference.namespace), part(&reference.name));
        let found = self
            .get_kube(&format!("/api/v1/namespaces/{namespace}/secrets/{name}"))
            .await?;
        Ok(found.is_none().then(|| format!("{namespace}/{name}")))
    }

    /// Domains of the installation's Secrets, the one with the highest priority first.
    async fn default_domains(&self) -> Result<Vec<String>, Status> {
        let selector = format!("{}%3D{}", constants::GARDEN_ROLE, constants::ROLE_DEFAULT_DOMAIN);
        let path = format!(
            "/api/v1/namespaces/{}/secrets?labelSelector={selector}",
            constants::GARDEN_NAMESPACE
        );
        let answer = self
            .kube_api
            .get(&path)
            .await
            .map_err(|error| kube_api_failed(&error))?;
        let annotation = |secret: &Value, key: &str| {
            secret
                .get("metadata")?
                .get("annotations")?
                .get(key)?
                .as_str()
                .map(str::to_owned)
        };
        let secrets = answer
            .get("items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut domains: Vec<(i64, String)> = secrets
            .iter()
            .filter_map(|secret| {
                let priority = annotation(secret, DOMAIN_PRIORITY)
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0);
                Some((priority, annotation(secret, DOMAIN)?))
            })
            .collect();
        domains.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        Ok(domains.into_iter().map(|(_, domain)| domain).collect())
    }

    /// An object of the kube-apiserver by its path; `None`: there is none.
    pub(crate) async fn get_kube(&self, path: &str) -> Result<Option<Value>, Status> {
        match self.kube_api.get(path).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(kube_api_failed(&error)),
        }
    }

    /// Whether a user may do something; asked of whoever has the roles.
    pub(crate) async fn may(&self, user: &UserInfo, access: &Access<'_>) -> Result<bool, Status> {
        let attributes = AccessAttributes {
            user: user.clone(),
            verb: access.verb.to_owned(),
            group: access.group.to_owned(),
            resource: access.resource.to_owned(),
            namespace: access.namespace.to_owned(),
            name: access.name.to_owned(),
            ..AccessAttributes::default()
        };
        match self.authorizer.authorize(&attributes).await {
            Ok(decision) => Ok(decision == Decision::Allow),
            Err(error) => Err(Status::internal_error(&ErrorChain(&error).to_string())),
        }
    }
}

fn cache_failed(error: &CacheError) -> Status {
    Status::internal_error(&ErrorChain(error).to_string())
}

fn kube_api_failed(error: &KubeApiError) -> Status {
    Status::internal_error(&ErrorChain(error).to_string())
}
