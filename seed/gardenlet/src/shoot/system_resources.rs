//! What every shoot gets inside: roles of its users, facts about itself. Applied by resource-manager as a ManagedResource.

use std::collections::BTreeMap;

use api::core::v1beta1::Shoot;
use k8s_openapi::{
    api::{
        core::v1::ConfigMap,
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{error::TaskError, identity::Endpoints, managed::Bundle, wish};

/// Name of the ManagedResource.
pub(crate) const NAME: &str = "shoot-core-system";
/// Who kube-apiserver is to kubelets: the name in its certificate.
const KUBELET_CLIENT: &str = "system:kube-apiserver:kubelet";
const READ_ONLY: &str = "gardener.cloud:system:read-only";

/// The objects.
pub(crate) fn plan(
    shoot: &Shoot,
    project: &str,
    technical_id: &str,
    endpoints: &Endpoints,
) -> Result<Bundle, TaskError> {
    let mut bundle = Bundle::default();
    cluster_roles().iter().try_for_each(|role| bundle.add(role))?;
    cluster_role_bindings()
        .iter()
        .try_for_each(|binding| bundle.add(binding))?;
    bundle.add(&shoot_info(shoot, project, endpoints))?;
    bundle.add(&cluster_identity(shoot, technical_id))?;
    if wish::has_workers(shoot) {
        let objects = [
            plan_system::plan_priority_classes(),
            plan_system::plan_roles(KUBELET_CLIENT),
            plan_system::plan_component_roles(),
        ];
        objects.concat().iter().try_for_each(|object| bundle.add(object))?;
    }
    Ok(bundle)
}

fn metadata(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    }
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

/// Everything may be read but Secrets.
fn cluster_roles() -> Vec<ClusterRole> {
    let core = [
        "bindings",
        "componentstatuses",
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "pods/log",
        "podtemplates",
        "replicationcontrollers",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ];
    let groups = [
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "metrics.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    ];
    let rule = |groups: &[&str], resources: &[&str]| PolicyRule {
        api_groups: Some(texts(groups)),
        resources: Some(texts(resources)),
        verbs: texts(&["get", "list", "watch"]),
        ..PolicyRule::default()
    };
    vec![ClusterRole {
        metadata: named(READ_ONLY),
        rules: Some(vec![rule(&[""], &core), rule(&groups, &["*"])]),
        ..ClusterRole::default()
    }]
}

fn cluster_role_bindings() -> Vec<ClusterRoleBinding> {
    let group = |name: &str| Subject {
        api_group: Some("rbac.authorization.k8s.io".to_owned()),
        kind: "Group".to_owned(),
        name: name.to_owned(),
        namespace: None,
    };
    let account = |name: &str| Subject {
        api_group: None,
        kind: "ServiceAccount".to_owned(),
        name: name.to_owned(),
        namespace: Some("kube-system".to_owned()),
    };
    let bind = |name: &str, role: &str, subjects: Vec<Subject>| ClusterRoleBinding {
        metadata: named(name),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(subjects),
    };
    vec![
        bind(
            "gardener.cloud:system:admins",
            "cluster-admin",
            vec![
                group("gardener.cloud:system:admins"),
                group("gardener.cloud:project:admins"),
            ],
        ),
        bind(
            "gardener.cloud:system:viewers",
            READ_ONLY,
            vec![
                group("gardener.cloud:system:viewers"),
                group("gardener.cloud:project:viewers"),
            ],
        ),
        bind(
            "gardener.cloud:target:kube-controller-manager",
            "system:kube-controller-manager",
            vec![account("kube-controller-manager")],
        ),
    ]
}

/// What programs inside the shoot may want to know of it (Gardener's ConfigMap).
fn shoot_info(shoot: &Shoot, project: &str, endpoints: &Endpoints) -> ConfigMap {
    let domain = endpoints
        .external
        .as_ref()
        .map(|endpoint| endpoint.hostname.trim_start_matches("api."));
    let mut data = BTreeMap::from([
        ("kubernetesVersion".to_owned(), shoot.spec.kubernetes.version.clone()),
        ("projectName".to_owned(), project.to_owned()),
        ("provider".to_owned(), shoot.spec.provider.type_.clone()),
        ("region".to_owned(), shoot.spec.region.clone()),
        ("shootName".to_owned(), shoot.metadata.name.clone().unwrap_or_default()),
    ]);
    data.extend(domain.map(|domain| ("domain".to_owned(), domain.to_owned())));
    ConfigMap {
        metadata: metadata("kube-system", "shoot-info"),
        data: Some(data),
        ..ConfigMap::default()
    }
}

fn cluster_identity(shoot: &Shoot, technical_id: &str) -> ConfigMap {
    let identity = shoot
        .status
        .cluster_identity
        .clone()
        .unwrap_or_else(|| technical_id.to_owned());
    ConfigMap {
        metadata: metadata("kube-system", "cluster-identity"),
        data: Some(BTreeMap::from([
            ("cluster-identity".to_owned(), identity),
            ("origin".to_owned(), "shoot".to_owned()),
        ])),
        ..ConfigMap::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(shoot: &Shoot) -> String {
        let bundle = plan(shoot, "dev", "shoot--dev--first", &Endpoints::default()).unwrap();
        let (secret, resource) = bundle.into_resource("shoot--dev--first", NAME);
        let bundle = String::from_utf8(secret.data.unwrap().remove("objects.yaml").unwrap().0).unwrap();
        serde_yaml_ng::to_string(&resource).unwrap() + &bundle
    }

    #[test]
    fn the_bundle_is_as_committed() {
        let mut shoot = Shoot::default();
        shoot.metadata.name = Some("first".to_owned());
        shoot.spec.kubernetes.version = "1.35.4".to_owned();
        shoot.spec.provider.type_ = "local".to_owned();
        shoot.spec.region = "local".to_owned();
        testing_testkit::golden::assert("tests/golden/shoot-system.yaml", &planned(&shoot));
        let workerless = planned(&shoot);
        shoot.spec.provider.workers = vec![api::core::v1beta1::Worker::default()];
        let with_workers = planned(&shoot);
        let more = with_workers
            .strip_prefix(&workerless)
            .expect("machines add to the rest");
        for added in [
            "gardener-shoot-system-900",
            "system:kubelet-api-admin",
            "tunnel-server",
            "kube-scheduler",
        ] {
            assert!(more.contains(added), "{added}");
        }
    }
}
