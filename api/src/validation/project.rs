//! Projects.

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    names,
};
use k8s_openapi::api::rbac::v1::Subject;

use super::checks::{self, NameRule};
use crate::{
    constants::{
        GARDEN_NAMESPACE, PROJECT_MEMBER_ADMIN, PROJECT_MEMBER_EXTENSION_PREFIX, PROJECT_MEMBER_OWNER,
        PROJECT_MEMBER_SERVICE_ACCOUNT_MANAGER, PROJECT_MEMBER_USER_ACCESS_MANAGER, PROJECT_MEMBER_VIEWER,
        PROJECT_NAMESPACE_PREFIX, SEED_LEASE_NAMESPACE, SHOOT_ISSUER_NAMESPACE, SYSTEM_PUBLIC_NAMESPACE,
    },
    core::v1beta1::{Project, ProjectMember, ProjectSpec},
};

/// Part of the names of control planes' namespaces, together with the shoot.
const LONGEST_NAME: usize = 10;
const LONGEST_EXTENSION_ROLE: usize = 20;

/// Everything that is wrong with a Project by itself.
pub fn validate_project(project: &Project) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&project.metadata, &NameRule::LabelWithoutDoubleHyphen, &mut errors);
    if project.metadata.name.as_deref().unwrap_or_default().len() > LONGEST_NAME {
        let path = Path::new("metadata").child("name");
        errors.push(FieldError::too_long(&path, LONGEST_NAME));
    }
    spec(&Path::new("spec"), &project.spec, &mut errors);
    errors
}

/// Everything that is wrong with a changed Project.
pub fn validate_project_update(new: &Project, old: &Project) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() && new.spec == old.spec {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    let mut errors = validate_project(new);
    let path = Path::new("spec");
    checks::immutable_once_set(
        &path.child("createdBy"),
        &new.spec.created_by,
        &old.spec.created_by,
        &mut errors,
    );
    checks::immutable_once_set(
        &path.child("namespace"),
        &new.spec.namespace,
        &old.spec.namespace,
        &mut errors,
    );
    checks::forbid(
        old.spec.owner.is_some() && new.spec.owner.is_none(),
        &path.child("owner"),
        "cannot be removed: name another owner instead",
        &mut errors,
    );
    errors
}

fn spec(path: &Path, spec: &ProjectSpec, errors: &mut FieldErrors) {
    if let Some(namespace) = &spec.namespace {
        self::namespace(&path.child("namespace"), namespace, errors);
    }
    for (name, subject) in [("createdBy", &spec.created_by), ("owner", &spec.owner)] {
        if let Some(subject) = subject {
            self::subject(&path.child(name), subject, errors);
        }
    }
    members(&path.child("members"), &spec.members, errors);
    if let Some(tolerations) = &spec.tolerations {
        let path = path.child("tolerations");
        for (name, list) in [
            ("defaults", &tolerations.defaults),
            ("whitelist", &tolerations.whitelist),
        ] {
            let path = path.child(name);
            for (index, toleration) in list.iter().enumerate() {
                let key = path.index(index).child("key");
                checks::required(&key, &toleration.key, "must specify the key of a taint", errors);
            }
        }
    }
    let approvals = path.child("dualApprovalForDeletion");
    for (index, approval) in spec.dual_approval_for_deletion.iter().enumerate() {
        let resource = approvals.index(index).child("resource");
        checks::one_of(&resource, &approval.resource, &["shoots"], errors);
    }
}

fn namespace(path: &Path, namespace: &str, errors: &mut FieldErrors) {
    errors.invalid_for_each(path, namespace, names::dns1123_label(namespace));
    if namespace != GARDEN_NAMESPACE && !namespace.starts_with(PROJECT_NAMESPACE_PREFIX) {
        errors.push(FieldError::invalid(
            path,
            namespace,
            format!("must start with {PROJECT_NAMESPACE_PREFIX:?}"),
        ));
    }
    let reserved = [SEED_LEASE_NAMESPACE, SHOOT_ISSUER_NAMESPACE, SYSTEM_PUBLIC_NAMESPACE];
    if reserved.contains(&namespace) {
        errors.push(FieldError::invalid(
            path,
            namespace,
            "is reserved for the landscape: choose another namespace",
        ));
    }
}

fn members(path: &Path, members: &[ProjectMember], errors: &mut FieldErrors) {
    let mut owners = 0;
    for (index, member) in members.iter().enumerate() {
        let path = path.index(index);
        subject(&path, &member.subject, errors);
        // The head of the roles is also in `role`, for old clients: it counts once.
        let mut roles: Vec<&str> = member.roles.iter().map(String::as_str).collect();
        checks::unique(&path.child("roles"), "", roles.iter().copied(), errors);
        if !member.role.is_empty() && !roles.contains(&member.role.as_str()) {
            roles.insert(0, &member.role);
        }
        for role in &roles {
            self::role(&path.child("roles"), role, errors);
        }
        owners += usize::from(roles.contains(&PROJECT_MEMBER_OWNER));
        if members[..index]
            .iter()
            .any(|earlier| same(&earlier.subject, &member.subject))
        {
            errors.push(FieldError::duplicate(&path, &member.subject.name));
        }
    }
    if owners > 1 {
        errors.push(FieldError::forbidden(
            path,
            "only one member can have the role owner: take it from the others",
        ));
    }
}

fn same(one: &Subject, other: &Subject) -> bool {
    (&one.kind, &one.name, &one.namespace) == (&other.kind, &other.name, &other.namespace)
}

fn role(path: &Path, role: &str, errors: &mut FieldErrors) {
    let roles = [
        PROJECT_MEMBER_OWNER,
        PROJECT_MEMBER_ADMIN,
        PROJECT_MEMBER_VIEWER,
        PROJECT_MEMBER_USER_ACCESS_MANAGER,
        PROJECT_MEMBER_SERVICE_ACCOUNT_MANAGER,
    ];
    match role.strip_prefix(PROJECT_MEMBER_EXTENSION_PREFIX) {
        Some(extension) if extension.len() > LONGEST_EXTENSION_ROLE => {
            errors.push(FieldError::too_long(
                path,
                PROJECT_MEMBER_EXTENSION_PREFIX.len() + LONGEST_EXTENSION_ROLE,
            ));
        }
        Some(extension) => errors.invalid_for_each(path, role, names::dns1123_label(extension)),
        None if roles.contains(&role) => {}
        None => errors.push(FieldError::not_supported(
            path,
            role,
            roles.into_iter().chain(["extension:<name>"]),
        )),
    }
}

fn subject(path: &Path, subject: &Subject, errors: &mut FieldErrors) {
    checks::required(&path.child("name"), &subject.name, "must specify a name", errors);
    let namespace = subject.namespace.as_deref().unwrap_or_default();
    let group = subject.api_group.as_deref().unwrap_or_default();
    let group_path = path.child("apiGroup");
    match subject.kind.as_str() {
        "ServiceAccount" => {
            checks::required(
                &path.child("namespace"),
                namespace,
                "must specify the namespace of the service account",
                errors,
            );
            checks::one_of(&group_path, group, &[""], errors);
        }
        "User" | "Group" => checks::one_of(&group_path, group, &["rbac.authorization.k8s.io"], errors),
        kind => errors.push(FieldError::not_supported(
            &path.child("kind"),
            kind,
            ["User", "Group", "ServiceAccount"],
        )),
    }
}
