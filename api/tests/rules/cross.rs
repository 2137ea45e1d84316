//! Rules that need a second object.

use api::{
    core::v1beta1::*,
    validation::cross::{
        complete_kubernetes_version, missing_extensions, set_default_networks, shoot_against_cloud_profile,
        shoot_against_seed, shoot_name_with_project,
    },
};

use crate::fixtures::{Change, assert_errors, cloud_profile, now, seed, shoot_with_workers, workerless_shoot};

#[track_caller]
fn check(mut shoot: Shoot, change: Change<Shoot>, expected: &[&str]) {
    change(&mut shoot);
    assert_errors(
        &shoot_against_cloud_profile(&shoot, None, &cloud_profile(), &now()),
        expected,
    );
}

#[test]
fn project_and_shoot_names_are_short_together() {
    assert_errors(&shoot_name_with_project("twelve-bytes", "nine-byte"), &[]);
    assert_errors(
        &shoot_name_with_project("thirteen-byte", "nine-byte"),
        &[
            r#"metadata.name: Invalid value: "thirteen-byte": the names of project (nine-byte) and Shoot must not be longer than 21 characters together, not 22: choose a shorter name"#,
        ],
    );
}

#[test]
fn shoots_keep_to_the_offer() {
    check(workerless_shoot(), |_| {}, &[]);
    check(shoot_with_workers(), |_| {}, &[]);
    check(
        workerless_shoot(),
        |shoot| {
            shoot.spec.provider.type_ = "aws".into();
            shoot.spec.region = "moon".into();
            shoot.spec.kubernetes.version = "1.2.3".into();
        },
        &[
            r#"spec.provider.type: Invalid value: "aws": must be the provider type of the cloud profile: local"#,
            r#"spec.kubernetes.version: Unsupported value: "1.2.3": supported values: "1.36.0", "1.35.4", "1.35.3""#,
            r#"spec.region: Unsupported value: "moon": supported values: "local""#,
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            let pool = &mut shoot.spec.provider.workers[0];
            pool.machine.type_ = "retired".into();
            pool.machine.image.as_mut().unwrap().version = Some("12.9.0".into());
            pool.zones = vec!["c".into()];
        },
        &[
            r#"spec.provider.workers[0].machine.type: Unsupported value: "retired": supported values: "small""#,
            r#"spec.provider.workers[0].machine.image.version: Unsupported value: "12.9.0": supported values: "13.0.0""#,
            r#"spec.provider.workers[0].zones[0]: Unsupported value: "c": supported values: "a", "b""#,
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            let pool = &mut shoot.spec.provider.workers[0];
            pool.machine.image.as_mut().unwrap().name = "suse".into();
            pool.zones = vec!["b".into()];
        },
        &[
            r#"spec.provider.workers[0].machine.image.name: Unsupported value: "suse": supported values: "debian""#,
            r#"spec.provider.workers[0].zones[0]: Invalid value: "b": machine type small cannot be had in this zone"#,
        ],
    );
}

#[test]
fn what_a_shoot_has_it_keeps() {
    let mut old = shoot_with_workers();
    old.spec.kubernetes.version = "1.34.2".into();
    let pool = &mut old.spec.provider.workers[0];
    pool.machine.type_ = "retired".into();
    pool.machine.image.as_mut().unwrap().version = Some("12.9.0".into());
    let errors = shoot_against_cloud_profile(&old, Some(&old), &cloud_profile(), &now());
    assert_errors(&errors, &[]);
}

#[test]
fn stages_decide_what_is_on_offer() {
    let mut profile = cloud_profile();
    let stage = |classification, start: &str| LifecycleStage {
        classification,
        start_time: Some(apimachinery::meta::Time(start.parse().unwrap())),
    };
    let lifecycle = &mut profile.spec.kubernetes.versions[1].lifecycle;
    lifecycle.push(stage(VersionClassification::Supported, "2026-01-01T00:00:00Z"));
    let shoot = workerless_shoot();
    assert_errors(&shoot_against_cloud_profile(&shoot, None, &profile, &now()), &[]);
    let lifecycle = &mut profile.spec.kubernetes.versions[1].lifecycle;
    lifecycle.push(stage(VersionClassification::Expired, "2026-08-01T00:00:00Z"));
    assert_errors(
        &shoot_against_cloud_profile(&shoot, None, &profile, &now()),
        &[r#"spec.kubernetes.version: Unsupported value: "1.35.4": supported values: "1.36.0", "1.35.3""#],
    );
}

#[test]
fn incomplete_versions_become_the_newest_supported() {
    for (text, expected) in [
        ("", Some("1.35.4")),
        ("1", Some("1.35.4")),
        ("1.35", Some("1.35.4")),
        ("1.36", None),
        ("1.34", None),
        ("1.35.3", None),
        ("x", None),
    ] {
        let completed = complete_kubernetes_version(text, &cloud_profile(), &now());
        assert_eq!(completed.as_deref(), expected, "{text}");
    }
}

#[test]
fn shoots_are_apart_from_their_seed() {
    let mut shoot = shoot_with_workers();
    assert_errors(&shoot_against_seed(&shoot, &seed()), &[]);
    shoot.spec.networking.as_mut().unwrap().services = Some("10.2.4.0/24".into());
    assert_errors(
        &shoot_against_seed(&shoot, &seed()),
        &[
            r#"spec.networking.services: Invalid value: "10.2.4.0/24": must not overlap with the pods network of the Seed (10.2.0.0/16): choose another range"#,
        ],
    );
}

#[test]
fn networks_default_to_the_seeds_choice_and_then_to_gardeners() {
    let nets = |shoot: &Shoot| {
        let networking = shoot.spec.networking.clone().unwrap();
        (networking.pods, networking.services)
    };
    let text = |text: &str| Some(text.to_owned());
    let mut shoot = shoot_with_workers();
    shoot.spec.networking = None;
    let mut workerless = workerless_shoot();
    workerless.spec.networking = None;
    set_default_networks(&mut shoot, &seed());
    set_default_networks(&mut workerless, &seed());
    assert_eq!(nets(&shoot), (text("10.4.0.0/16"), text("10.5.0.0/16")));
    assert_eq!(nets(&workerless), (None, text("10.5.0.0/16")));
    let mut plain = seed();
    plain.spec.networks.shoot_defaults = None;
    shoot.spec.networking = None;
    set_default_networks(&mut shoot, &plain);
    assert_eq!(nets(&shoot), (text("100.96.0.0/11"), text("100.64.0.0/13")));
}

#[test]
fn what_a_shoot_needs_is_offered_by_extensions() {
    let all = [
        ("ControlPlane", "local"),
        ("Infrastructure", "local"),
        ("Worker", "local"),
        ("Network", "bridge"),
        ("OperatingSystemConfig", "debian"),
    ];
    assert_errors(&missing_extensions(&workerless_shoot(), &[]), &[]);
    assert_errors(&missing_extensions(&shoot_with_workers(), &all), &[]);
    let lacking = |kind: &str| {
        let rest: Vec<_> = all.into_iter().filter(|offer| offer.0 != kind).collect();
        missing_extensions(&shoot_with_workers(), &rest)
    };
    let detail = |kind: &str, type_: &str| {
        format!("no ControllerRegistration offers kind {kind} of type {type_:?}: register an extension")
    };
    for (kind, type_, field) in [
        ("ControlPlane", "local", "spec.provider.type"),
        ("Infrastructure", "local", "spec.provider.type"),
        ("Worker", "local", "spec.provider.type"),
        ("Network", "bridge", "spec.networking.type"),
        (
            "OperatingSystemConfig",
            "debian",
            "spec.provider.workers[0].machine.image.name",
        ),
    ] {
        let expected = format!("{field}: Invalid value: {type_:?}: {}", detail(kind, type_));
        assert_errors(&lacking(kind), &[&expected]);
    }
    let mut shoot = workerless_shoot();
    let extension = |disabled| Extension {
        type_: "shoot-dns".into(),
        disabled,
        ..Extension::default()
    };
    shoot.spec.extensions = vec![extension(None), extension(Some(true))];
    let expected = format!(
        "spec.extensions[0].type: Invalid value: \"shoot-dns\": {}",
        detail("Extension", "shoot-dns")
    );
    assert_errors(&missing_extensions(&shoot, &all), &[&expected]);
}

#[test]
fn the_nodes_network_is_apart_from_the_seed() {
    let mut shoot = shoot_with_workers();
    shoot.spec.networking.as_mut().unwrap().nodes = Some("10.1.0.0/16".into());
    assert_errors(
        &shoot_against_seed(&shoot, &seed()),
        &[
            r#"spec.networking.nodes: Invalid value: "10.1.0.0/16": must not overlap with the nodes network of the Seed (10.1.0.0/24): choose another range"#,
        ],
    );
}
