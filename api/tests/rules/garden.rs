//! Projects, Seeds and CloudProfiles.

use api::{core::v1beta1::*, validation::*};
use apimachinery::field::FieldErrors;

use crate::fixtures::{Change, assert_errors, cloud_profile, now, project, seed};

#[track_caller]
fn check<T>(mut object: T, validate: fn(&T) -> FieldErrors, change: Change<T>, expected: &[&str]) {
    change(&mut object);
    assert_errors(&validate(&object), expected);
}

#[track_caller]
fn check_update<T: Clone>(old: &T, validate: fn(&T, &T) -> FieldErrors, change: Change<T>, expected: &[&str]) {
    let mut new = old.clone();
    change(&mut new);
    assert_errors(&validate(&new, old), expected);
}

#[test]
fn the_fixtures_are_valid() {
    check(project(), validate_project, |_| {}, &[]);
    check(seed(), validate_seed, |_| {}, &[]);
    check(cloud_profile(), validate_cloud_profile, |_| {}, &[]);
}

#[test]
fn project_names_are_short() {
    check(
        project(),
        validate_project,
        |project| project.metadata.name = Some("development".into()),
        &["metadata.name: Too long: may not be more than 10 bytes"],
    );
    check(
        project(),
        validate_project,
        |project| project.metadata.name = Some("a--b".into()),
        &[r#"metadata.name: Invalid value: "a--b": name may not contain two consecutive hyphens"#],
    );
}

#[test]
fn project_namespaces_have_a_prefix() {
    check(
        project(),
        validate_project,
        |project| project.spec.namespace = Some("dev".into()),
        &[r#"spec.namespace: Invalid value: "dev": must start with "garden-""#],
    );
    check(
        project(),
        validate_project,
        |project| project.spec.namespace = Some("garden".into()),
        &[],
    );
}

#[test]
fn members_have_known_roles_and_one_owns() {
    check(
        project(),
        validate_project,
        |project| project.spec.members[1].role = "king".into(),
        &[
            r#"spec.members[1].roles: Unsupported value: "king": supported values: "owner", "admin", "viewer", "uam", "serviceaccountmanager", "extension:<name>""#,
        ],
    );
    check(
        project(),
        validate_project,
        |project| project.spec.members[1].roles = vec!["extension:a-name-that-is-too-long".into()],
        &["spec.members[1].roles: Too long: may not be more than 30 bytes"],
    );
    check(
        project(),
        validate_project,
        |project| project.spec.members[1].role = "owner".into(),
        &["spec.members: Forbidden: only one member can have the role owner: take it from the others"],
    );
    check(
        project(),
        validate_project,
        |project| {
            let copy = project.spec.members[1].clone();
            project.spec.members.push(copy);
            project.spec.owner.as_mut().unwrap().kind = "Robot".into();
        },
        &[
            r#"spec.owner.kind: Unsupported value: "Robot": supported values: "User", "Group", "ServiceAccount""#,
            r#"spec.members[2]: Duplicate value: "robot""#,
        ],
    );
}

#[test]
fn projects_keep_namespace_and_an_owner() {
    check_update(
        &project(),
        validate_project_update,
        |project| {
            project.spec.namespace = Some("garden-other".into());
            project.spec.owner = None;
        },
        &[
            r#"spec.namespace: Invalid value: "garden-other": field is immutable"#,
            "spec.owner: Forbidden: cannot be removed: name another owner instead",
        ],
    );
}

#[test]
fn seeds_have_provider_dns_ingress_and_networks() {
    check(
        Seed::default(),
        validate_seed,
        |seed| seed.metadata.name = Some("local".into()),
        &[
            "spec.provider.type: Required value: must specify a provider type",
            "spec.provider.region: Required value: must specify a region",
            "spec.dns.provider: Required value: must specify the DNS provider of the seed's ingress domain",
            "spec.dns.internal: Required value: must specify the domain of the shoots' internal names",
            "spec.ingress: Required value: must specify the domain and the controller of the seed's ingress",
            "spec.networks.pods: Required value: must specify a CIDR",
            "spec.networks.services: Required value: must specify a CIDR",
        ],
    );
}

#[test]
fn networks_of_seeds_are_apart() {
    check(
        seed(),
        validate_seed,
        |seed| seed.spec.networks.services = "10.2.128.0/17".into(),
        &[
            r#"spec.networks.services: Invalid value: "10.2.128.0/17": must not overlap with "spec.networks.pods" (10.2.0.0/16)"#,
        ],
    );
    check(
        seed(),
        validate_seed,
        |seed| {
            seed.spec.networks.nodes = Some("240.0.0.0/16".into());
            seed.spec.networks.block_cidrs = vec!["link-local".into()];
        },
        &[
            r#"spec.networks.nodes: Invalid value: "240.0.0.0/16": must not overlap with the reserved range 240.0.0.0/8"#,
            r#"spec.networks.blockCIDRs[0]: Invalid value: "link-local": must be a valid CIDR, such as 10.96.0.0/16"#,
        ],
    );
}

#[test]
fn backups_of_seeds_name_their_place() {
    check(
        seed(),
        validate_seed,
        |seed| {
            seed.spec.backup = Some(Backup {
                provider: "aws".into(),
                ..Default::default()
            })
        },
        &[
            "spec.backup.region: Required value: must specify a region: the provider differs from the seed's own",
            "spec.backup.credentialsRef: Required value: must refer to the credentials of the object store",
        ],
    );
}

#[test]
fn seeds_keep_networks_and_domain() {
    check_update(
        &seed(),
        validate_seed_update,
        |seed| {
            seed.spec.networks.pods = "10.7.0.0/16".into();
            seed.spec.ingress.as_mut().unwrap().domain = "other.example".into();
        },
        &[
            r#"spec.networks.pods: Invalid value: "10.7.0.0/16": field is immutable"#,
            r#"spec.ingress.domain: Invalid value: "other.example": field is immutable"#,
        ],
    );
}

#[test]
fn profiles_offer_something() {
    check(
        CloudProfile::default(),
        validate_cloud_profile,
        |profile| profile.metadata.name = Some("local".into()),
        &[
            "spec.type: Required value: must specify a provider type",
            "spec.kubernetes.versions: Required value: must provide at least one Kubernetes version",
            "spec.machineImages: Required value: must provide at least one machine image",
            "spec.machineTypes: Required value: must provide at least one machine type",
            "spec.regions: Required value: must provide at least one region",
        ],
    );
}

#[test]
fn versions_of_profiles_are_semantic_and_have_a_future() {
    check(
        cloud_profile(),
        validate_cloud_profile,
        |profile| {
            let versions = &mut profile.spec.kubernetes.versions;
            versions[0].expiration_date = Some(now());
            versions[2].classification = Some(VersionClassification::Supported);
            versions[3].version = "1.34".into();
            profile.spec.machine_images[0].versions[1].expirable_version.version = "13.0.0".into();
        },
        &[
            r#"spec.kubernetes.versions[3].version: Invalid value: "1.34": must be a semantic version without leading v, such as 1.35.4"#,
            r#"spec.kubernetes.versions[0].expirationDate: Invalid value: "2026-09-01T00:00:00Z": the newest version (1.36.0) must not expire: Shoots would have no update"#,
            "spec.kubernetes.versions[2].classification: Forbidden: only one patch version of a minor version can be supported: deprecate the others",
            r#"spec.machineImages[0].versions[1].version: Duplicate value: "13.0.0""#,
        ],
    );
    check_update(
        &cloud_profile(),
        validate_cloud_profile_update,
        |profile| profile.spec.type_ = "aws".into(),
        &[r#"spec.type: Invalid value: "aws": field is immutable"#],
    );
}

#[test]
fn what_is_being_deleted_can_lose_its_finalizers() {
    let mut project = Project::default();
    project.metadata.deletion_timestamp = Some(now());
    check_update(&project, validate_project_update, |_| {}, &[]);
    let mut seed = Seed::default();
    seed.metadata.deletion_timestamp = Some(now());
    check_update(&seed, validate_seed_update, |_| {}, &[]);
}
