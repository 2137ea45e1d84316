//! From `apiVersion` and `kind` to the path of a resource.
//!
//! Kinds of Kubernetes itself are known; others (custom resources) are asked of the API server once per group version,
//! and again when a kind is not among them, for it may be new.

use std::{collections::BTreeMap, sync::Arc};

use kube::{Client, core::ApiResource};
use parking_lot::RwLock;

/// Why a kind has no path.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The API server could not be asked, or does not know the group.
    #[error("failed to discover the kinds of {api_version}")]
    Discover {
        /// The group and version asked for.
        api_version: String,
        /// What went wrong.
        source: Box<kube::Error>,
    },
    /// The group version has no such kind.
    #[error("the API server knows no kind {kind} in {api_version}")]
    UnknownKind {
        /// The group and version asked for.
        api_version: String,
        /// The kind asked for.
        kind: String,
    },
}

/// Where objects of a kind lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Group, version, kind and plural.
    pub resource: ApiResource,
    /// Whether objects lie in namespaces.
    pub namespaced: bool,
}

impl Mapping {
    fn new(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let (group, version) = split(api_version);
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        Self { resource, namespaced }
    }

    /// The path of the objects' collection; `namespace` is ignored where there are none.
    pub fn collection_path(&self, namespace: Option<&str>) -> String {
        let ApiResource {
            group, version, plural, ..
        } = &self.resource;
        let root = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        }
    }
}

/// Group and version of an `apiVersion`.
fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

type Kinds = BTreeMap<String, (String, bool)>;

/// Maps kinds to paths; clones share what was discovered.
#[derive(Clone, Debug, Default)]
pub struct RestMapper {
    discovered: Arc<RwLock<BTreeMap<String, Kinds>>>,
}

impl RestMapper {
    /// A mapper that has discovered nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where objects of this kind lie in the cluster of `client`.
    pub async fn find(&self, client: &Client, api_version: &str, kind: &str) -> Result<Mapping, MapError> {
        if let Some(mapping) = builtin(api_version, kind).or_else(|| self.cached(api_version, kind)) {
            return Ok(mapping);
        }
        let kinds = discover(client, api_version).await?;
        self.discovered.write().insert(api_version.to_owned(), kinds);
        self.cached(api_version, kind).ok_or_else(|| MapError::UnknownKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        })
    }

    fn cached(&self, api_version: &str, kind: &str) -> Option<Mapping> {
        let discovered = self.discovered.read();
        let (plural, namespaced) = discovered.get(api_version)?.get(kind)?;
        Some(Mapping::new(api_version, kind, plural, *namespaced))
    }
}

async fn discover(client: &Client, api_version: &str) -> Result<Kinds, MapError> {
    let (group, version) = split(api_version);
    let list = if group.is_empty() {
        client.list_core_api_resources(version).await
    } else {
        client.list_api_group_resources(api_version).await
    };
    let list = list.map_err(|source| MapError::Discover {
        api_version: api_version.to_owned(),
        source: Box::new(source),
    })?;
    // Subresources (`deployments/scale`) are listed beside the kinds.
    let kinds = list
        .resources
        .into_iter()
        .filter(|resource| !resource.name.contains('/'));
    Ok(kinds
        .map(|resource| (resource.kind, (resource.name, resource.namespaced)))
        .collect())
}

/// Kinds that every cluster has, so that nothing need be asked for them: (apiVersion, kind, plural, namespaced).
const BUILTIN: &[(&str, &str, &str, bool)] = &[
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Endpoints", "endpoints", true),
    ("v1", "Event", "events", true),
    ("v1", "LimitRange", "limitranges", true),
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Node", "nodes", false),
    ("v1", "PersistentVolume", "persistentvolumes", false),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("v1", "Pod", "pods", true),
    ("v1", "ResourceQuota", "resourcequotas", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        false,
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    ),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        false,
    ),
    ("apiregistration.k8s.io/v1", "APIService", "apiservices", false),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("batch/v1", "Job", "jobs", true),
    (
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        "certificatesigningrequests",
        false,
    ),
    ("coordination.k8s.io/v1", "Lease", "leases", true),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses", false),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", true),
    ("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", false),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", false),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    ),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", true),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", false),
    ("storage.k8s.io/v1", "CSIDriver", "csidrivers", false),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", false),
];

fn builtin(api_version: &str, kind: &str) -> Option<Mapping> {
    let found = BUILTIN.iter().find(|entry| entry.0 == api_version && entry.1 == kind)?;
    Some(Mapping::new(found.0, found.1, found.2, found.3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_kinds_that_every_cluster_has() {
        for (api_version, kind, expected) in [
            ("v1", "Secret", "/api/v1/namespaces/garden/secrets"),
            ("v1", "Namespace", "/api/v1/namespaces"),
            ("apps/v1", "Deployment", "/apis/apps/v1/namespaces/garden/deployments"),
            (
                "apiregistration.k8s.io/v1",
                "APIService",
                "/apis/apiregistration.k8s.io/v1/apiservices",
            ),
        ] {
            assert_eq!(
                builtin(api_version, kind).unwrap().collection_path(Some("garden")),
                expected
            );
        }
        assert_eq!(builtin("v1", "Deployment"), None);
    }
}
