//! Defaults, as golden files: what an object means where it says nothing.

use std::{fs, path::PathBuf};

use api::{
    core::v1beta1::*,
    defaulting::*,
    validation::{validate_seed, validate_shoot},
};
use serde::Serialize;

use crate::fixtures::{assert_errors, cloud_profile, project, seed, shoot_with_workers, workerless_shoot};

#[track_caller]
fn assert_golden(name: &str, object: &impl Serialize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let actual = serde_yaml_ng::to_string(object).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name}: UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn a_workerless_shoot() {
    let mut shoot = workerless_shoot();
    shoot.spec.maintenance = None;
    shoot.spec.networking = None;
    shoot.spec.purpose = None;
    set_defaults_shoot(&mut shoot, 23);
    assert_errors(&validate_shoot(&shoot), &[]);
    assert_golden("shoot-workerless.yaml", &shoot);
}

#[test]
fn a_shoot_with_workers() {
    let mut shoot = shoot_with_workers();
    let pool = &mut shoot.spec.provider.workers[0];
    (pool.max_surge, pool.max_unavailable) = (None, None);
    shoot.spec.kubernetes.vertical_pod_autoscaler = Some(VerticalPodAutoscaler::default());
    set_defaults_shoot(&mut shoot, 7);
    assert_errors(&validate_shoot(&shoot), &[]);
    assert_golden("shoot-with-workers.yaml", &shoot);
}

#[test]
fn defaults_are_stable() {
    let mut shoot = shoot_with_workers();
    set_defaults_shoot(&mut shoot, 7);
    let before = shoot.clone();
    set_defaults_shoot(&mut shoot, 8);
    assert_eq!(shoot, before);
}

#[test]
fn nodes_get_twice_as_many_addresses_as_pods() {
    for (max_pods, mask) in [
        (None, 24),
        (Some(110), 24),
        (Some(128), 24),
        (Some(129), 23),
        (Some(8), 24),
    ] {
        let mut shoot = shoot_with_workers();
        let kubelet = KubeletConfig {
            max_pods,
            ..Default::default()
        };
        shoot.spec.provider.workers[0].kubernetes = Some(WorkerKubernetes {
            kubelet: Some(kubelet),
            version: None,
        });
        set_defaults_shoot(&mut shoot, 0);
        let manager = shoot.spec.kubernetes.kube_controller_manager.unwrap();
        assert_eq!(manager.node_cidr_mask_size, Some(mask), "{max_pods:?}");
    }
}

#[test]
fn shoots_of_the_landscape_tolerate_protected_seeds() {
    let mut shoot = workerless_shoot();
    shoot.metadata.namespace = Some("garden".into());
    set_defaults_shoot(&mut shoot, 0);
    set_defaults_shoot(&mut shoot, 0);
    let keys: Vec<_> = shoot
        .spec
        .tolerations
        .iter()
        .map(|toleration| &toleration.key)
        .collect();
    assert_eq!(keys, ["seed.gardener.cloud/protected"]);
}

#[test]
fn the_old_profile_field_is_kept_in_step() {
    let synced = |version: &str, old: Option<&str>, new: Option<&str>| {
        let mut shoot = workerless_shoot();
        shoot.spec.kubernetes.version = version.to_owned();
        shoot.spec.cloud_profile_name = old.map(str::to_owned);
        shoot.spec.cloud_profile = new.map(|name| CloudProfileReference {
            kind: "CloudProfile".into(),
            name: name.to_owned(),
        });
        sync_cloud_profile(&mut shoot);
        (
            shoot.spec.cloud_profile_name,
            shoot.spec.cloud_profile.map(|reference| reference.name),
        )
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(synced("1.33.0", Some("a"), None), (text("a"), text("a")));
    assert_eq!(synced("1.33.0", None, Some("a")), (text("a"), text("a")));
    assert_eq!(synced("1.35.0", None, Some("a")), (None, text("a")));
}

#[test]
fn a_seed() {
    let mut seed = seed();
    seed.spec.networks.ip_families.clear();
    set_defaults_seed(&mut seed);
    assert_errors(&validate_seed(&seed), &[]);
    assert_golden("seed.yaml", &seed);
}

#[test]
fn a_project() {
    let mut project = project();
    project.spec.namespace = Some("garden".into());
    project.spec.owner.as_mut().unwrap().api_group = None;
    project.spec.members[1].role.clear();
    set_defaults_project(&mut project);
    assert_golden("project.yaml", &project);
}

#[test]
fn a_cloud_profile() {
    let mut profile = cloud_profile();
    profile.spec.volume_types.push(VolumeType {
        name: "disk".into(),
        class: "standard".into(),
        ..Default::default()
    });
    set_defaults_cloud_profile(&mut profile);
    assert_golden("cloud-profile.yaml", &profile);
}

#[test]
fn a_controller_registration() {
    let yaml = "
metadata: {name: a}
spec:
  resources: [{kind: Worker, type: local}, {kind: Extension, type: audit}]
  deployment: {deploymentRefs: [{name: a}]}
";
    let mut registration: ControllerRegistration = serde_yaml_ng::from_str(yaml).unwrap();
    set_defaults_controller_registration(&mut registration);
    assert_golden("controller-registration.yaml", &registration);
}

#[test]
fn text_data_of_internal_secrets_becomes_data() {
    let yaml = "{data: {a: AQID, b: AQID}, stringData: {b: text}}";
    let mut secret: InternalSecret = serde_yaml_ng::from_str(yaml).unwrap();
    merge_string_data(&mut secret);
    assert!(secret.string_data.is_empty());
    assert_eq!(
        (&*secret.data["a"].0, &*secret.data["b"].0),
        (&[1, 2, 3][..], &b"text"[..])
    );
}
