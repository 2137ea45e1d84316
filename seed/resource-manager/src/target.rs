//! The clusters that are worked on: the seed itself, and the cluster behind each control plane's namespace.
//!
//! A target's credentials are the Secret `gardener-internal` of its namespace; a new Secret means a new client. Kinds are
//! looked up once per target and kept, since they hardly ever change.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use controller::mapper::{MapError, RestMapper};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy},
};
use parking_lot::Mutex;
use serde_json::Value;

use crate::object::{Object, Reference};

/// Secret with the kubeconfig of a namespace's own cluster, in its key `kubeconfig` (Gardener's name).
pub const KUBECONFIG_SECRET: &str = "gardener-internal";
/// Who owns the fields that we set.
pub const FIELD_MANAGER: &str = "gardener-resource-manager";
/// How long one request to a target may take; a dead target must not hold a worker for longer.
const REQUEST_DEADLINE: Duration = Duration::from_secs(15);

/// Why a target can't be worked on.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// There is no control plane yet, or no more.
    #[error("Secret {namespace}/{KUBECONFIG_SECRET} with the target's kubeconfig is missing")]
    NoKubeconfig {
        /// The control plane's namespace.
        namespace: String,
    },
    /// The seed did not give the Secret.
    #[error("failed to read Secret {namespace}/{KUBECONFIG_SECRET}")]
    ReadKubeconfig {
        /// The control plane's namespace.
        namespace: String,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// The kubeconfig is of no use.
    #[error("failed to connect to the cluster of namespace {namespace}")]
    Connect {
        /// The control plane's namespace.
        namespace: String,
        /// What is wrong with it.
        source: Box<controller::connect::ConnectError>,
    },
    /// The cluster does not serve a kind, at least not now.
    #[error("failed to look up the kind of {reference}")]
    LookUpKind {
        /// The object of that kind.
        reference: Reference,
        /// What the mapper said.
        source: MapError,
    },
    /// A request failed.
    #[error("failed to {action} {reference}")]
    Request {
        /// What was to be done.
        action: &'static str,
        /// With what.
        reference: Reference,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// A request got no answer.
    #[error("the cluster did not answer within {} s to: {action} {reference}", REQUEST_DEADLINE.as_secs())]
    Deadline {
        /// What was to be done.
        action: &'static str,
        /// With what.
        reference: Reference,
    },
}

/// One cluster.
#[derive(Clone)]
pub struct Target {
    /// Its client.
    pub client: Client,
    /// Version of the Secret that the client was made of; `None` for the seed.
    pub revision: Option<String>,
    mapper: RestMapper,
}

impl Target {
    /// A cluster that nothing is known of yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            revision: None,
            mapper: RestMapper::new(),
        }
    }

    /// Makes an object as it shall be, by server-side apply.
    pub async fn apply(&self, object: &Object) -> Result<(), TargetError> {
        let api = self.api(&object.reference).await?;
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&object.value);
        let request = api.patch(&object.reference.name, &parameters, &patch);
        self.within("apply", &object.reference, request).await.map(|_| ())
    }

    /// The object as it is.
    pub async fn get(&self, reference: &Reference) -> Result<Option<Value>, TargetError> {
        let api = self.api(reference).await?;
        let found = self.within("get", reference, api.get_opt(&reference.name)).await?;
        Ok(found.and_then(|object| serde_json::to_value(object).ok()))
    }

    /// Deletes an object; true when it is gone already, or its kind is.
    pub async fn delete(&self, reference: &Reference) -> Result<bool, TargetError> {
        let api = match self.api(reference).await {
            Ok(api) => api,
            Err(error) if error.is_not_found() => return Ok(true),
            Err(error) => return Err(error),
        };
        let Some(found) = self.within("get", reference, api.get_opt(&reference.name)).await? else {
            return Ok(true);
        };
        if found.metadata.deletion_timestamp.is_some() {
            return Ok(false);
        }
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            // Not one that somebody made anew in between.
            preconditions: Some(Preconditions {
                uid: found.metadata.uid,
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match self
            .within("delete", reference, api.delete(&reference.name, &parameters))
            .await
        {
            Ok(answer) => Ok(answer.is_right()),
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn api(&self, reference: &Reference) -> Result<Api<DynamicObject>, TargetError> {
        let look_up = self.mapper.find(&self.client, &reference.api_version, &reference.kind);
        let mapping = tokio::time::timeout(REQUEST_DEADLINE, look_up).await;
        let mapping = mapping
            .map_err(|_| TargetError::Deadline {
                action: "look up the kind of",
                reference: reference.clone(),
            })?
            .map_err(|source| TargetError::LookUpKind {
                reference: reference.clone(),
                source,
            })?;
        let client = self.client.clone();
        Ok(match &reference.namespace {
            _ if !mapping.namespaced => Api::all_with(client, &mapping.resource),
            Some(namespace) => Api::namespaced_with(client, namespace, &mapping.resource),
            None => Api::namespaced_with(client, "default", &mapping.resource),
        })
    }

    async fn within<T>(
        &self,
        action: &'static str,
        reference: &Reference,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, TargetError> {
        let answer = tokio::time::timeout(REQUEST_DEADLINE, request).await;
        let answer = answer.map_err(|_| TargetError::Deadline {
            action,
            reference: reference.clone(),
        })?;
        answer.map_err(|source| TargetError::Request {
            action,
            reference: reference.clone(),
            source: Box::new(source),
        })
    }
}

impl TargetError {
    /// Whether the object, or its kind, is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Request { source, .. } => matches!(&**source, kube::Error::Api(status) if status.code == 404),
            Self::LookUpKind {
                source: MapError::UnknownKind { .. },
                ..
            } => true,
            Self::LookUpKind {
                source: MapError::Discover { source, .. },
                ..
            } => {
                matches!(&**source, kube::Error::Api(status) if status.code == 404)
            }
            _ => false,
        }
    }
}

/// All targets of a seed.
#[derive(Clone)]
pub struct Targets {
    /// The seed itself.
    pub seed: Target,
    by_namespace: Arc<Mutex<BTreeMap<String, Target>>>,
}

impl Targets {
    /// The targets that `seed_client`'s namespaces stand for.
    #[must_use]
    pub fn new(seed_client: Client) -> Self {
        Self {
            seed: Target::new(seed_client),
            by_namespace: Arc::default(),
        }
    }

    /// The cluster whose control plane lies in `namespace`.
    pub async fn of_namespace(&self, namespace: &str) -> Result<Target, TargetError> {
        let secrets: Api<Secret> = Api::namespaced(self.seed.client.clone(), namespace);
        let secret = secrets.get_opt(KUBECONFIG_SECRET).await;
        let secret = secret.map_err(|source| TargetError::ReadKubeconfig {
            namespace: namespace.to_owned(),
            source: Box::new(source),
        })?;
        let missing = || TargetError::NoKubeconfig {
            namespace: namespace.to_owned(),
        };
        let Some(secret) = secret else {
            self.by_namespace.lock().remove(namespace);
            return Err(missing());
        };
        let version = secret.metadata.resource_version.clone();
        if let Some(target) = self.by_namespace.lock().get(namespace)
            && target.revision == version
        {
            return Ok(target.clone());
        }
        let kubeconfig = secret
            .data
            .as_ref()
            .and_then(|data| data.get("kubeconfig"))
            .ok_or_else(missing)?;
        let client = controller::connect::from_kubeconfig_str(&String::from_utf8_lossy(&kubeconfig.0)).await;
        let client = client.map_err(|source| TargetError::Connect {
            namespace: namespace.to_owned(),
            source: Box::new(source),
        })?;
        let target = Target {
            revision: version,
            ..Target::new(client)
        };
        self.by_namespace.lock().insert(namespace.to_owned(), target.clone());
        Ok(target)
    }
}
