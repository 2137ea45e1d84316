//! Projects: who made one owns it, and its owner is a member.
//!
//! In: a Project as its user sent it, and the user. Out: the same with `createdBy`, `owner` and the owner's membership.
//! Absent: whether the result is valid.

use api::core::v1beta1::{Project, ProjectMember, ProjectSpec};
use k8s_openapi::api::rbac::v1::Subject;

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";
const ADMIN: &str = "admin";
const OWNER: &str = "owner";

/// Completes a Project that `user` creates, or changes.
pub(crate) fn complete(new: &mut Project, old: Option<&Project>, user: &str) {
    if old.is_none() {
        let creator = subject(user);
        if new.spec.owner.is_none() {
            new.spec.owner = Some(creator.clone());
        }
        new.spec.created_by = Some(creator);
    }
    if new.metadata.deletion_timestamp.is_none() {
        add_owner_as_member(&mut new.spec);
    }
}

/// Keeps the role `owner` on exactly the member who is the owner.
pub(crate) fn sync_owner_role(spec: &mut ProjectSpec) {
    let Some(owner) = spec.owner.clone() else { return };
    for member in &mut spec.members {
        let has = member.role == OWNER || member.roles.iter().any(|role| role == OWNER);
        match (is_same(&member.subject, &owner), has) {
            (true, false) => member.roles.push(OWNER.to_owned()),
            (false, true) => {
                member.roles.retain(|role| role != OWNER);
                if member.role == OWNER {
                    member.role = if member.roles.is_empty() {
                        "viewer".to_owned()
                    } else {
                        member.roles.remove(0)
                    };
                }
            }
            _ => {}
        }
    }
}

fn add_owner_as_member(spec: &mut ProjectSpec) {
    let Some(owner) = spec.owner.clone() else { return };
    if !spec.members.iter().any(|member| is_same(&member.subject, &owner)) {
        spec.members.push(ProjectMember {
            subject: owner,
            role: ADMIN.to_owned(),
            roles: vec![OWNER.to_owned()],
        });
    }
}

fn is_same(one: &Subject, other: &Subject) -> bool {
    one.kind == other.kind && one.name == other.name && one.namespace == other.namespace
}

/// The subject of a user's name as the API server knows it.
fn subject(user: &str) -> Subject {
    match user
        .strip_prefix(SERVICE_ACCOUNT_PREFIX)
        .and_then(|account| account.split_once(':'))
    {
        Some((namespace, name)) => Subject {
            api_group: None,
            kind: "ServiceAccount".to_owned(),
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
        },
        None => Subject {
            api_group: Some(RBAC_GROUP.to_owned()),
            kind: "User".to_owned(),
            name: user.to_owned(),
            namespace: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(project: &Project) -> Vec<String> {
        let line =
            |member: &ProjectMember| format!("{} {} {}", member.subject.name, member.role, member.roles.join(","));
        project.spec.members.iter().map(line).collect()
    }

    #[test]
    fn the_creator_owns_what_nobody_else_does() {
        let mut project = Project::default();
        complete(&mut project, None, "alice");
        assert_eq!(project.spec.owner.as_ref().unwrap().name, "alice");
        assert_eq!(project.spec.created_by.as_ref().unwrap().kind, "User");
        assert_eq!(roles(&project), ["alice admin owner"]);
    }

    #[test]
    fn a_named_owner_stays_and_the_creator_can_not_be_chosen() {
        let mut project = Project::default();
        project.spec.owner = Some(subject("bob"));
        project.spec.created_by = Some(subject("mallory"));
        complete(&mut project, None, "system:serviceaccount:garden-dev:robot");
        let creator = project.spec.created_by.as_ref().unwrap();
        assert_eq!(
            (creator.kind.as_str(), creator.namespace.as_deref()),
            ("ServiceAccount", Some("garden-dev"))
        );
        assert_eq!(roles(&project), ["bob admin owner"]);
    }

    #[test]
    fn the_role_follows_the_owner() {
        let mut project = Project::default();
        complete(&mut project, None, "alice");
        let old = project.clone();
        project.spec.owner = Some(subject("bob"));
        complete(&mut project, Some(&old), "alice");
        sync_owner_role(&mut project.spec);
        assert_eq!(roles(&project), ["alice admin ", "bob admin owner"]);
        assert_eq!(project.spec.created_by.as_ref().unwrap().name, "alice");
    }
}
