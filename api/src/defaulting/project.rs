//! Defaults of Projects.

use k8s_openapi::api::rbac::v1::Subject;

use super::add_toleration;
use crate::{
    constants::{GARDEN_NAMESPACE, PROJECT_MEMBER_VIEWER, SEED_TAINT_PROTECTED},
    core::v1beta1::Project,
};

/// API group of users and groups.
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Fills in what a Project leaves open.
pub fn set_defaults_project(project: &mut Project) {
    let spec = &mut project.spec;
    if let Some(owner) = &mut spec.owner {
        subject(owner);
    }
    for member in &mut spec.members {
        subject(&mut member.subject);
        if member.role.is_empty() && member.roles.is_empty() {
            member.role = PROJECT_MEMBER_VIEWER.to_owned();
        }
    }
    if spec.namespace.as_deref() == Some(GARDEN_NAMESPACE) {
        let tolerations = spec.tolerations.get_or_insert_default();
        add_toleration(&mut tolerations.whitelist, SEED_TAINT_PROTECTED);
        add_toleration(&mut tolerations.defaults, SEED_TAINT_PROTECTED);
    }
}

fn subject(subject: &mut Subject) {
    let has_group = subject.api_group.as_deref().is_some_and(|group| !group.is_empty());
    if !has_group && matches!(subject.kind.as_str(), "User" | "Group") {
        subject.api_group = Some(RBAC_GROUP.to_owned());
    }
}
