//! What may not change in a Shoot.

use api::{
    core::v1beta1::*,
    validation::{validate_shoot_binding_update, validate_shoot_status_update, validate_shoot_update},
};

use crate::fixtures::{Change, assert_errors, now, shoot_with_workers, workerless_shoot};

#[track_caller]
fn check(old: &Shoot, change: Change<Shoot>, expected: &[&str]) {
    let mut new = old.clone();
    change(&mut new);
    assert_errors(&validate_shoot_update(&new, old), expected);
}

#[test]
fn unchanged_shoots_are_valid() {
    check(&workerless_shoot(), |_| {}, &[]);
    check(&shoot_with_workers(), |_| {}, &[]);
}

#[test]
fn provider_region_and_networks_stay() {
    check(
        &shoot_with_workers(),
        |shoot| {
            shoot.spec.provider.type_ = "aws".into();
            shoot.spec.region = "elsewhere".into();
            shoot.spec.exposure_class_name = Some("private".into());
            let networking = shoot.spec.networking.as_mut().unwrap();
            networking.type_ = Some("mesh".into());
            networking.pods = Some("10.8.0.0/16".into());
            networking.services = None;
            networking.ip_families = vec![IpFamily::Ipv4, IpFamily::Ipv6];
        },
        &[
            r#"spec.provider.type: Invalid value: "aws": field is immutable"#,
            r#"spec.region: Invalid value: "elsewhere": field is immutable"#,
            r#"spec.exposureClassName: Invalid value: "private": field is immutable"#,
            r#"spec.networking.type: Invalid value: "mesh": field is immutable"#,
            r#"spec.networking.pods: Invalid value: "10.8.0.0/16": field is immutable"#,
            "spec.networking.services: Invalid value: null: field is immutable",
        ],
    );
    check(
        &workerless_shoot(),
        |shoot| shoot.spec.networking = None,
        &["spec.networking: Forbidden: cannot be removed"],
    );
}

#[test]
fn the_first_ip_family_stays() {
    let mut dual = workerless_shoot();
    dual.spec.networking.as_mut().unwrap().ip_families = vec![IpFamily::Ipv4, IpFamily::Ipv6];
    check(
        &dual,
        |shoot| {
            shoot.spec.networking.as_mut().unwrap().ip_families.pop();
        },
        &[],
    );
    check(
        &dual,
        |shoot| {
            let networking = shoot.spec.networking.as_mut().unwrap();
            networking.ip_families.reverse();
        },
        &[
            r#"spec.networking.ipFamilies: Invalid value: ["IPv6","IPv4"]: the first IP family must stay; a second one may be added or removed"#,
        ],
    );
}

#[test]
fn kubernetes_goes_forward_one_minor_version_at_a_time() {
    check(
        &workerless_shoot(),
        |shoot| shoot.spec.kubernetes.version = "1.36.0".into(),
        &[],
    );
    check(
        &workerless_shoot(),
        |shoot| shoot.spec.kubernetes.version = "1.35.3".into(),
        &["spec.kubernetes.version: Forbidden: version cannot be downgraded from 1.35.4 to 1.35.3"],
    );
    check(
        &workerless_shoot(),
        |shoot| shoot.spec.kubernetes.version = "1.37.0".into(),
        &[
            "spec.kubernetes.version: Forbidden: version cannot skip a minor version: update from 1.35.4 to the next minor version first",
        ],
    );
}

#[test]
fn workers_are_decided_at_creation() {
    check(
        &workerless_shoot(),
        |shoot| {
            let full = shoot_with_workers().spec;
            shoot.spec.provider = full.provider;
            shoot.spec.networking = full.networking;
            shoot.spec.credentials_binding_name = full.credentials_binding_name;
        },
        &["spec.provider.workers: Forbidden: a workerless Shoot cannot get workers: create another Shoot"],
    );
    check(
        &shoot_with_workers(),
        |shoot| shoot.spec.provider.workers.clear(),
        &[
            "spec.credentialsBindingName: Forbidden: must not be set for a workerless Shoot: remove it, or add spec.provider.workers",
            "spec.networking.type: Forbidden: must not be set for a workerless Shoot: remove it, or add spec.provider.workers",
            "spec.networking.pods: Forbidden: must not be set for a workerless Shoot: remove it, or add spec.provider.workers",
            "spec.networking.nodes: Forbidden: must not be set for a workerless Shoot: remove it, or add spec.provider.workers",
            "spec.provider.workers: Forbidden: a Shoot with workers cannot become workerless: hibernate or delete it instead",
        ],
    );
}

#[test]
fn bindings_can_be_modernized_but_not_dropped() {
    let mut old = shoot_with_workers();
    old.spec.kubernetes.version = "1.33.0".into();
    old.spec.credentials_binding_name = None;
    old.spec.secret_binding_name = Some("old".into());
    check(
        &old,
        |shoot| {
            shoot.spec.secret_binding_name = None;
            shoot.spec.credentials_binding_name = Some("new".into());
        },
        &[],
    );
    check(
        &old,
        |shoot| shoot.spec.secret_binding_name = Some("other".into()),
        &[r#"spec.secretBindingName: Invalid value: "other": field is immutable"#],
    );
}

#[test]
fn a_shoot_being_deleted_keeps_its_spec() {
    let mut old = workerless_shoot();
    old.metadata.deletion_timestamp = Some(now());
    old.metadata.finalizers = Some(vec!["gardener".into()]);
    old.spec.kubernetes.version = "not valid any more".into();
    check(&old, |shoot| shoot.metadata.finalizers = None, &[]);
    check(
        &old,
        |shoot| shoot.spec.purpose = None,
        &["spec: Forbidden: cannot be changed any more: the Shoot is being deleted"],
    );
}

#[test]
fn only_the_binding_changes_the_seed() {
    let old = workerless_shoot();
    check(
        &old,
        |shoot| shoot.spec.seed_name = Some("local".into()),
        &["spec.seedName: Forbidden: can only be changed through the subresource shoots/binding"],
    );
    let bind = |change: Change<Shoot>, expected: &[&str]| {
        let mut new = old.clone();
        change(&mut new);
        assert_errors(&validate_shoot_binding_update(&new, &old), expected);
    };
    bind(|shoot| shoot.spec.seed_name = Some("local".into()), &[]);
    bind(
        |_| {},
        &["spec.seedName: Required value: must name a Seed; a Shoot cannot be taken from its seed without another one"],
    );
    bind(
        |shoot| {
            shoot.spec.seed_name = Some("local".into());
            shoot.spec.region = "elsewhere".into();
        },
        &["spec: Forbidden: only seedName can be changed through the subresource shoots/binding"],
    );
}

#[test]
fn identities_in_the_status_stay() {
    let mut old = workerless_shoot();
    assert_errors(&validate_shoot_status_update(&old, &Shoot::default()), &[]);
    old.status.technical_id = "shoot--dev--first".into();
    old.status.uid = "1".into();
    old.status.cluster_identity = Some("a".into());
    assert_errors(
        &validate_shoot_status_update(&Shoot::default(), &old),
        &[
            r#"status.uid: Invalid value: "": field is immutable"#,
            r#"status.technicalID: Invalid value: "": field is immutable"#,
            "status.clusterIdentity: Invalid value: null: field is immutable",
        ],
    );
}
