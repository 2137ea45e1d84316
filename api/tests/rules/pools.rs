//! Worker pools: what their nodes get, and what is on offer for them.

use api::{
    core::v1beta1::*,
    validation::{
        cross::{complete_machine_images, shoot_against_cloud_profile},
        validate_shoot,
    },
};
use k8s_openapi::api::core::v1::Taint;

use crate::fixtures::{Change, assert_errors, cloud_profile, now, shoot_with_workers};

#[test]
fn nodes_get_what_kubelets_take() {
    let mut shoot = shoot_with_workers();
    let pool = &mut shoot.spec.provider.workers[0];
    pool.labels = [("example.org/a".to_owned(), "b c".to_owned())].into();
    pool.annotations = [("a/b/c".to_owned(), "any text".to_owned())].into();
    let taint = |key: &str, effect: &str| Taint {
        key: key.to_owned(),
        effect: effect.to_owned(),
        ..Taint::default()
    };
    pool.taints = vec![taint("a", "NoSchedule"), taint("a", "NoSchedule"), taint("b", "Never")];
    assert_errors(
        &validate_shoot(&shoot),
        &[
            r#"spec.provider.workers[0].annotations: Invalid value: "a/b/c": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"#,
            r#"spec.provider.workers[0].labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#,
            r#"spec.provider.workers[0].taints[2].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#,
            r#"spec.provider.workers[0].taints[1]: Duplicate value: "a:NoSchedule""#,
        ],
    );
}

#[test]
fn the_pod_network_has_room_for_all_nodes() {
    let mut shoot = shoot_with_workers();
    shoot.spec.networking.as_mut().unwrap().pods = Some("10.4.0.0/23".into());
    let manager = shoot
        .spec
        .kubernetes
        .kube_controller_manager
        .insert(KubeControllerManagerConfig::default());
    manager.node_cidr_mask_size = Some(24);
    let expected = "spec.provider.workers: Invalid value: 3: the pod network 10.4.0.0/23 has room for 2 nodes with a range of /24 each: choose a larger network or fewer nodes";
    assert_errors(&validate_shoot(&shoot), &[expected]);
}

/// One thing broken in a pool, or in the profile, and what is said of it.
type Case = (Change<Worker>, Change<CloudProfile>, &'static str);

fn check_offer(cases: &[Case]) {
    for (change, profile, expected) in cases {
        let (mut shoot, mut offer) = (shoot_with_workers(), cloud_profile());
        change(&mut shoot.spec.provider.workers[0]);
        profile(&mut offer);
        let errors = shoot_against_cloud_profile(&shoot, None, &offer, &now());
        let expected: Vec<String> = [*expected]
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| format!("spec.provider.workers[0].{text}"))
            .collect();
        assert_eq!(errors.to_strings(), expected);
    }
}

#[test]
fn machines_keep_to_the_offer() {
    check_offer(&[
        (|_| {}, |_| {}, ""),
        (
            |pool| pool.machine.image = None,
            |_| {},
            "machine.image: Required value: the cloud profile has no image that fits: name one",
        ),
        (
            |pool| pool.machine.image.as_mut().unwrap().version = None,
            |_| {},
            r#"machine.image.version: Unsupported value: "": supported values: "13.0.0""#,
        ),
        (
            |_| {},
            |profile| profile.spec.machine_types[0].architecture = Some("arm64".into()),
            r#"machine.type: Invalid value: "small": machine type is of architecture arm64, the pool wants amd64"#,
        ),
        (
            |_| {},
            |profile| profile.spec.machine_images[0].versions[0].architectures = vec!["arm64".into()],
            r#"machine.image.version: Invalid value: "13.0.0": the image does not exist for architecture amd64"#,
        ),
        (
            |pool| {
                pool.cri = Some(Cri {
                    name: CriName::Containerd,
                    container_runtimes: vec![],
                })
            },
            |profile| {
                profile.spec.machine_images[0].versions[0].cri = vec![Cri {
                    name: "other".into(),
                    container_runtimes: vec![],
                }]
            },
            r#"machine.image.version: Invalid value: "13.0.0": the image does not bring the container runtime containerd"#,
        ),
    ]);
}

#[test]
fn volumes_and_kubelets_keep_to_the_offer() {
    check_offer(&[
        (
            |pool| pool.volume.as_mut().unwrap().type_ = Some("gold".into()),
            |profile| profile.spec.volume_types.push(volume_type()),
            r#"volume.type: Unsupported value: "gold": supported values: "standard""#,
        ),
        (
            |pool| pool.volume.as_mut().unwrap().type_ = Some("standard".into()),
            |profile| profile.spec.volume_types.push(volume_type()),
            r#"volume.size: Invalid value: "50Gi": must be 60Gi at least"#,
        ),
        (
            |pool| {
                let volume = DataVolume {
                    name: "data".into(),
                    type_: Some("standard".into()),
                    size: "10Gi".into(),
                    ..DataVolume::default()
                };
                pool.data_volumes.push(volume);
            },
            |profile| profile.spec.volume_types.push(volume_type()),
            r#"dataVolumes[0].size: Invalid value: "10Gi": must be 60Gi at least"#,
        ),
        (
            |_| {},
            |profile| {
                let storage = MachineTypeStorage {
                    min_size: Some(apimachinery::meta::Quantity("80Gi".into())),
                    ..MachineTypeStorage::default()
                };
                profile.spec.machine_types[0].storage = Some(storage);
            },
            r#"volume.size: Invalid value: "50Gi": must be 80Gi at least"#,
        ),
        (
            |pool| {
                pool.kubernetes = Some(WorkerKubernetes {
                    version: Some("1.34.2".into()),
                    kubelet: None,
                })
            },
            |_| {},
            r#"kubernetes.version: Unsupported value: "1.34.2": supported values: "1.36.0", "1.35.4", "1.35.3""#,
        ),
    ]);
}

fn volume_type() -> VolumeType {
    VolumeType {
        name: "standard".into(),
        class: "standard".into(),
        min_size: Some(apimachinery::meta::Quantity("60Gi".into())),
        ..VolumeType::default()
    }
}

#[test]
fn a_shoot_has_no_more_nodes_than_the_profile_allows() {
    let (mut profile, mut shoot) = (cloud_profile(), shoot_with_workers());
    profile.spec.limits = Some(Limits {
        max_nodes_total: Some(4),
    });
    let check = |shoot: &Shoot, old| shoot_against_cloud_profile(shoot, old, &profile, &now());
    assert_errors(&check(&shoot, None), &[]);
    let mut second = shoot.spec.provider.workers[0].clone();
    second.name = "second".into();
    shoot.spec.provider.workers.push(second);
    let expected = "spec.provider.workers: Forbidden: the pools may have 6 nodes together, the cloud profile allows 4";
    assert_errors(&check(&shoot, None), &[expected]);
    assert_errors(&check(&shoot, Some(&shoot)), &[]);
}

#[test]
fn pools_without_an_image_get_the_newest() {
    let image = |name: &str, version: &str| {
        let version = (!version.is_empty()).then(|| version.to_owned());
        Some(ShootMachineImage {
            name: name.to_owned(),
            version,
            provider_config: None,
        })
    };
    let complete = |wished: Option<ShootMachineImage>, before: Option<ShootMachineImage>| {
        let mut shoot = shoot_with_workers();
        let mut old = shoot.clone();
        old.spec.provider.workers[0].machine.image = before.clone();
        shoot.spec.provider.workers[0].machine.image = wished;
        complete_machine_images(&mut shoot, before.is_some().then_some(&old), &cloud_profile(), &now());
        shoot.spec.provider.workers[0].machine.image.clone()
    };
    for wished in [
        None,
        image("", ""),
        image("debian", ""),
        image("debian", "13"),
        image("debian", "13.0"),
    ] {
        assert_eq!(complete(wished, None), image("debian", "13.0.0"));
    }
    // What does not fit stays as it is, to be refused by name.
    for wished in [
        image("suse", ""),
        image("debian", "12"),
        image("debian", "12.9.0"),
        image("debian", "x"),
    ] {
        assert_eq!(complete(wished.clone(), None), wished);
    }
    // A pool is updated only when somebody says so.
    let old = image("debian", "12.9.0");
    assert_eq!(complete(None, old.clone()), old);
    assert_eq!(complete(image("debian", ""), old.clone()), old);
    assert_eq!(complete(image("debian", "13"), old), image("debian", "13.0.0"));
}
