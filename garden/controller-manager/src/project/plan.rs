//! Plans what a project has in the garden: its namespace and the roles of its members.
//!
//! In: a Project. Out: a [`ProjectPlan`]. Absent: quotas, and what a role lets its bearer do inside the namespace, which
//! aggregated ClusterRoles of the installation say.
//!
//! **Invariant:** nothing here talks to a cluster.

use std::collections::{BTreeMap, BTreeSet};

use api::constants;
use api::core::v1beta1::{Project, ProjectMember};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
/// What a role for extensions starts with; the rest is the installation's.
const EXTENSION_ROLE_PREFIX: &str = constants::PROJECT_MEMBER_EXTENSION_PREFIX;
/// Value of the label `gardener.cloud/role` on roles of extensions.
const EXTENSION_PROJECT_ROLE: &str = "extension-project-role";

/// Everything that one project has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProjectPlan {
    /// Its namespace.
    pub(crate) namespace: Namespace,
    /// Roles on the Project object and the namespace themselves.
    pub(crate) cluster_roles: Vec<ClusterRole>,
    /// Who has them.
    pub(crate) cluster_role_bindings: Vec<ClusterRoleBinding>,
    /// Who may do what inside the namespace.
    pub(crate) role_bindings: Vec<RoleBinding>,
}

/// Name of a project's namespace: what it asks for, or `garden-<name>`.
pub(crate) fn namespace_name(project: &Project) -> String {
    let name = project.metadata.name.as_deref().unwrap_or_default();
    project
        .spec
        .namespace
        .clone()
        .unwrap_or_else(|| format!("garden-{name}"))
}

/// Plans all of a project.
pub(crate) fn plan(project: &Project) -> ProjectPlan {
    let name = project.metadata.name.clone().unwrap_or_default();
    let namespace = namespace_name(project);
    let members = Members::of(project);
    let roles = Roles {
        project: &name,
        namespace: &namespace,
    };
    let bindings = [
        (format!("gardener.cloud:system:project:{name}"), members.owners.clone()),
        (
            format!("gardener.cloud:system:project-member:{name}"),
            members.with("admin"),
        ),
        (format!("gardener.cloud:system:project-uam:{name}"), members.with("uam")),
        (
            format!("gardener.cloud:system:project-viewer:{name}"),
            members.with("viewer"),
        ),
    ];
    ProjectPlan {
        namespace: namespace_object(project, &name, &namespace),
        cluster_roles: roles.cluster_roles(&members),
        cluster_role_bindings: bindings
            .into_iter()
            .map(|(name, subjects)| cluster_role_binding(&name, subjects))
            .collect(),
        role_bindings: roles.role_bindings(&members),
    }
}

fn namespace_object(project: &Project, name: &str, namespace: &str) -> Namespace {
    let labels = [
        (constants::GARDEN_ROLE, constants::ROLE_PROJECT),
        (constants::PROJECT_NAME, name),
    ];
    let uid = project.metadata.uid.clone().unwrap_or_default();
    let metadata = ObjectMeta {
        name: Some(namespace.to_owned()),
        labels: Some(owned(labels)),
        annotations: Some(owned([(constants::NAMESPACE_PROJECT, uid.as_str())])),
        ..ObjectMeta::default()
    };
    Namespace {
        metadata,
        ..Namespace::default()
    }
}

/// The members by role; a subject is there once per role, in the order of the Project.
struct Members<'a> {
    owners: Vec<Subject>,
    members: &'a [ProjectMember],
}

impl<'a> Members<'a> {
    fn of(project: &'a Project) -> Self {
        Self {
            owners: project.spec.owner.iter().cloned().collect(),
            members: &project.spec.members,
        }
    }

    fn with(&self, role: &str) -> Vec<Subject> {
        let has = |member: &&ProjectMember| member.role == role || member.roles.iter().any(|other| other == role);
        self.members
            .iter()
            .filter(has)
            .map(|member| member.subject.clone())
            .collect()
    }

    /// Names of all extension roles that somebody has, without their prefix.
    fn extension_roles(&self) -> BTreeSet<&'a str> {
        let roles = self
            .members
            .iter()
            .flat_map(|member| std::iter::once(&member.role).chain(&member.roles));
        roles
            .filter_map(|role| role.strip_prefix(EXTENSION_ROLE_PREFIX))
            .collect()
    }
}

struct Roles<'a> {
    project: &'a str,
    namespace: &'a str,
}

impl Roles<'_> {
    fn cluster_roles(&self, members: &Members<'_>) -> Vec<ClusterRole> {
        let name = self.project;
        let on_project = |verbs: &[&str]| rule("core.gardener.cloud", "projects", self.project, verbs);
        let namespace = || rule("", "namespaces", self.namespace, &["get"]);
        let role = |prefix: &str, rules: Vec<PolicyRule>| ClusterRole {
            metadata: named(&format!("gardener.cloud:system:{prefix}:{name}")),
            rules: Some(rules),
            ..ClusterRole::default()
        };
        let manage = on_project(&["get", "patch", "manage-members", "update", "delete"]);
        let mut roles = vec![
            role("project", vec![namespace(), manage]),
            role(
                "project-member",
                vec![namespace(), on_project(&["get", "patch", "update", "delete"])],
            ),
            role(
                "project-uam",
                vec![on_project(&["get", "manage-members", "patch", "update"])],
            ),
            role("project-viewer", vec![namespace(), on_project(&["get"])]),
        ];
        roles.extend(
            members
                .extension_roles()
                .into_iter()
                .map(|extension| self.extension_role(extension)),
        );
        roles
    }

    /// Empty but for what an extension's controller aggregates into it by this project's label.
    fn extension_role(&self, extension: &str) -> ClusterRole {
        let label = format!("rbac.gardener.cloud/aggregate-to-extension-role-{extension}");
        let selector = k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector {
            match_labels: Some(owned([(label.as_str(), "true")])),
            ..Default::default()
        };
        ClusterRole {
            metadata: ObjectMeta {
                labels: Some(owned([
                    (constants::GARDEN_ROLE, EXTENSION_PROJECT_ROLE),
                    (constants::PROJECT_NAME, self.project),
                ])),
                ..named(&self.extension_role_name(extension))
            },
            aggregation_rule: Some(k8s_openapi::api::rbac::v1::AggregationRule {
                cluster_role_selectors: Some(vec![selector]),
            }),
            // kube-controller-manager writes them.
            rules: None,
        }
    }

    fn extension_role_name(&self, extension: &str) -> String {
        format!("gardener.cloud:extension:project:{}:{extension}", self.project)
    }

    fn role_bindings(&self, members: &Members<'_>) -> Vec<RoleBinding> {
        let fixed = [
            ("gardener.cloud:system:project-member", "admin"),
            (
                "gardener.cloud:system:project-serviceaccountmanager",
                "serviceaccountmanager",
            ),
            ("gardener.cloud:system:project-viewer", "viewer"),
        ];
        let fixed = fixed
            .into_iter()
            .map(|(name, role)| (name.to_owned(), members.with(role)));
        let extensions = members.extension_roles().into_iter().map(|extension| {
            (
                self.extension_role_name(extension),
                members.with(&format!("{EXTENSION_ROLE_PREFIX}{extension}")),
            )
        });
        let binding = |(name, subjects): (String, Vec<Subject>)| RoleBinding {
            metadata: ObjectMeta {
                namespace: Some(self.namespace.to_owned()),
                ..named(&name)
            },
            role_ref: role_ref(&name),
            subjects: (!subjects.is_empty()).then_some(subjects),
        };
        fixed.chain(extensions).map(binding).collect()
    }
}

fn cluster_role_binding(name: &str, subjects: Vec<Subject>) -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: named(name),
        role_ref: role_ref(name),
        subjects: (!subjects.is_empty()).then_some(subjects),
    }
}

fn rule(group: &str, resource: &str, name: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(vec![name.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

fn role_ref(name: &str) -> RoleRef {
    RoleRef {
        api_group: RBAC_GROUP.to_owned(),
        kind: "ClusterRole".to_owned(),
        name: name.to_owned(),
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_project_has_a_namespace_and_roles() {
        let member = |name: &str, role: &str, roles: &[&str]| json!({ "apiGroup": RBAC_GROUP, "kind": "User", "name": name, "role": role, "roles": roles });
        let project = json!({
            "metadata": { "name": "dev", "uid": "u-1" },
            "spec": {
                "owner": { "apiGroup": RBAC_GROUP, "kind": "User", "name": "alice" },
                "members": [
                    member("alice", "admin", &["owner"]),
                    member("bob", "viewer", &["uam", "extension:backup"]),
                    member("carol", "serviceaccountmanager", &[]),
                ],
            },
        });
        let planned = plan(&serde_json::from_value(project).unwrap());
        let mut text = String::new();
        let mut add = |object: serde_json::Value| {
            text.push_str("---\n");
            text.push_str(&serde_yaml_ng::to_string(&object).unwrap());
        };
        add(json!(planned.namespace));
        planned.cluster_roles.iter().for_each(|role| add(json!(role)));
        planned
            .cluster_role_bindings
            .iter()
            .for_each(|binding| add(json!(binding)));
        planned.role_bindings.iter().for_each(|binding| add(json!(binding)));
        expect_test::expect_file!["../../tests/golden/project.yaml"].assert_eq(&text);
    }
}
