//! Shoots by themselves.

use api::{
    core::v1beta1::*,
    validation::{validate_shoot, validate_shoot_creation},
};
use apimachinery::{Duration, RawExtension, meta::IntOrString};

use crate::fixtures::{Change, assert_errors, shoot_with_workers, workerless_shoot};

#[track_caller]
fn check(mut shoot: Shoot, change: Change<Shoot>, expected: &[&str]) {
    change(&mut shoot);
    assert_errors(&validate_shoot(&shoot), expected);
}

fn networking(shoot: &mut Shoot) -> &mut Networking {
    shoot.spec.networking.as_mut().unwrap()
}

fn pool(shoot: &mut Shoot) -> &mut Worker {
    &mut shoot.spec.provider.workers[0]
}

#[test]
fn the_fixtures_are_valid() {
    check(workerless_shoot(), |_| {}, &[]);
    check(shoot_with_workers(), |_| {}, &[]);
}

#[test]
fn names_are_labels_without_double_hyphens() {
    check(
        workerless_shoot(),
        |shoot| shoot.metadata.name = Some("a--b".into()),
        &[r#"metadata.name: Invalid value: "a--b": name may not contain two consecutive hyphens"#],
    );
    check(
        workerless_shoot(),
        |shoot| shoot.metadata.name = Some("a.b".into()),
        &[r#"metadata.name: Invalid value: "a.b": must not contain dots"#],
    );
    check(
        workerless_shoot(),
        |shoot| shoot.metadata.name = None,
        &["metadata.name: Required value: name or generateName is required"],
    );
}

#[test]
fn provider_region_profile_and_version_are_required() {
    check(
        workerless_shoot(),
        |shoot| {
            shoot.spec.provider.type_.clear();
            shoot.spec.region.clear();
            shoot.spec.cloud_profile = None;
            shoot.spec.kubernetes.version.clear();
        },
        &[
            "spec.provider.type: Required value: must specify a provider type",
            "spec.region: Required value: must specify a region",
            "spec.cloudProfile: Required value: must specify a cloud profile by kind and name",
            "spec.kubernetes.version: Required value: must provide a version, such as 1.35.4",
        ],
    );
}

#[test]
fn versions_are_complete() {
    for version in ["1.35", "v1.35.4", "latest"] {
        let mut shoot = workerless_shoot();
        shoot.spec.kubernetes.version = version.to_owned();
        assert_errors(
            &validate_shoot(&shoot),
            &[&format!(
                "spec.kubernetes.version: Invalid value: {version:?}: must be a semantic version without leading v, such as 1.35.4"
            )],
        );
    }
}

#[test]
fn the_old_profile_field_is_gone_with_1_34() {
    check(
        workerless_shoot(),
        |shoot| shoot.spec.cloud_profile_name = Some("local".into()),
        &["spec.cloudProfileName: Forbidden: not supported from Kubernetes 1.34 on: use spec.cloudProfile"],
    );
    check(
        workerless_shoot(),
        |shoot| {
            shoot.spec.kubernetes.version = "1.33.1".into();
            shoot.spec.cloud_profile_name = Some("other".into());
            shoot.spec.cloud_profile.as_mut().unwrap().kind = "Profile".into();
        },
        &[
            r#"spec.cloudProfile.kind: Unsupported value: "Profile": supported values: "CloudProfile", "NamespacedCloudProfile""#,
            r#"spec.cloudProfile.name: Invalid value: "local": must be the same as spec.cloudProfileName, or that field must be empty"#,
        ],
    );
}

#[test]
fn purposes_are_known_and_infrastructure_is_for_the_landscape() {
    check(
        workerless_shoot(),
        |shoot| shoot.spec.purpose = Some("fun".into()),
        &[
            r#"spec.purpose: Unsupported value: "fun": supported values: "evaluation", "testing", "development", "production", "infrastructure""#,
        ],
    );
    check(
        workerless_shoot(),
        |shoot| shoot.spec.purpose = Some(ShootPurpose::Infrastructure),
        &["spec.purpose: Forbidden: purpose infrastructure is only for Shoots in the namespace garden"],
    );
    check(
        workerless_shoot(),
        |shoot| {
            shoot.metadata.namespace = Some("garden".into());
            shoot.spec.purpose = Some(ShootPurpose::Infrastructure);
        },
        &[],
    );
}

#[test]
fn a_workerless_shoot_has_no_credentials() {
    const REMEDY: &str = "must not be set for a workerless Shoot: remove it, or add spec.provider.workers";
    check(
        workerless_shoot(),
        |shoot| shoot.spec.credentials_binding_name = Some("local".into()),
        &[&format!("spec.credentialsBindingName: Forbidden: {REMEDY}")],
    );
    check(
        workerless_shoot(),
        |shoot| shoot.spec.secret_binding_name = Some("local".into()),
        &[&format!("spec.secretBindingName: Forbidden: {REMEDY}")],
    );
}

/// A workerless Shoot with all that only machines need.
fn with_everything_of_machines() -> Shoot {
    let mut shoot = workerless_shoot();
    let spec = &mut shoot.spec;
    spec.addons = Some(Addons::default());
    spec.system_components = Some(SystemComponents::default());
    spec.provider.infrastructure_config = Some(RawExtension::default());
    spec.provider.control_plane_config = Some(RawExtension::default());
    spec.provider.workers_settings = Some(WorkersSettings::default());
    spec.kubernetes.cluster_autoscaler = Some(ClusterAutoscaler::default());
    spec.kubernetes.kube_scheduler = Some(KubeSchedulerConfig::default());
    spec.kubernetes.kube_proxy = Some(KubeProxyConfig::default());
    spec.kubernetes.kubelet = Some(KubeletConfig::default());
    spec.kubernetes.vertical_pod_autoscaler = Some(VerticalPodAutoscaler::default());
    spec.kubernetes.kube_api_server = Some(KubeApiServerConfig {
        default_not_ready_toleration_seconds: Some(1),
        default_unreachable_toleration_seconds: Some(1),
        ..Default::default()
    });
    spec.kubernetes.kube_controller_manager = Some(KubeControllerManagerConfig {
        horizontal_pod_autoscaler: Some(HorizontalPodAutoscalerConfig::default()),
        node_cidr_mask_size: Some(24),
        node_cidr_mask_size_ipv6: Some(64),
        pod_eviction_timeout: Some(Duration::default()),
        node_monitor_grace_period: Some(Duration::default()),
        ..Default::default()
    });
    let networking = spec.networking.as_mut().unwrap();
    networking.type_ = Some("bridge".into());
    networking.provider_config = Some(RawExtension::default());
    networking.pods = Some("10.4.0.0/16".into());
    networking.nodes = Some("10.250.0.0/16".into());
    spec.maintenance.as_mut().unwrap().auto_update = Some(MaintenanceAutoUpdate {
        machine_image_version: Some(true),
        ..Default::default()
    });
    shoot
}

#[test]
fn a_workerless_shoot_has_nothing_of_machines() {
    let shoot = with_everything_of_machines();
    let fields: Vec<String> = validate_shoot(&shoot)
        .iter()
        .map(|error| error.field.to_string())
        .collect();
    assert_eq!(
        fields,
        [
            "spec.addons",
            "spec.systemComponents",
            "spec.provider.infrastructureConfig",
            "spec.provider.controlPlaneConfig",
            "spec.provider.workersSettings",
            "spec.kubernetes.clusterAutoscaler",
            "spec.kubernetes.kubeScheduler",
            "spec.kubernetes.kubeProxy",
            "spec.kubernetes.kubelet",
            "spec.kubernetes.verticalPodAutoscaler",
            "spec.networking.type",
            "spec.networking.providerConfig",
            "spec.networking.pods",
            "spec.networking.nodes",
            "spec.kubernetes.kubeAPIServer.defaultNotReadyTolerationSeconds",
            "spec.kubernetes.kubeAPIServer.defaultUnreachableTolerationSeconds",
            "spec.kubernetes.kubeControllerManager.horizontalPodAutoscaler",
            "spec.kubernetes.kubeControllerManager.nodeCIDRMaskSize",
            "spec.kubernetes.kubeControllerManager.nodeCIDRMaskSizeIPv6",
            "spec.kubernetes.kubeControllerManager.podEvictionTimeout",
            "spec.kubernetes.kubeControllerManager.nodeMonitorGracePeriod",
            "spec.maintenance.autoUpdate.machineImageVersion",
        ]
    );
}

#[test]
fn a_shoot_with_workers_has_one_binding() {
    check(
        shoot_with_workers(),
        |shoot| shoot.spec.credentials_binding_name = None,
        &[
            "spec.credentialsBindingName: Required value: must be set for a Shoot with workers: name a CredentialsBinding of the project",
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| shoot.spec.secret_binding_name = Some("old".into()),
        &[
            "spec.secretBindingName: Forbidden: must not be set together with spec.credentialsBindingName: keep only the latter",
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            shoot.spec.credentials_binding_name = None;
            shoot.spec.secret_binding_name = Some("old".into());
        },
        &["spec.secretBindingName: Forbidden: not supported from Kubernetes 1.34 on: use spec.credentialsBindingName"],
    );
}

#[test]
fn networks_parse_and_are_apart() {
    check(
        shoot_with_workers(),
        |shoot| networking(shoot).pods = Some("10.250.0.0/24".into()),
        &[
            r#"spec.networking.pods: Invalid value: "10.250.0.0/24": must not overlap with "spec.networking.nodes" (10.250.0.0/16)"#,
        ],
    );
    check(
        workerless_shoot(),
        |shoot| networking(shoot).services = Some("10.5.0.0".into()),
        &[r#"spec.networking.services: Invalid value: "10.5.0.0": must be a valid CIDR, such as 10.96.0.0/16"#],
    );
    check(
        workerless_shoot(),
        |shoot| networking(shoot).services = Some("10.5.0.1/16".into()),
        &[
            r#"spec.networking.services: Invalid value: "10.5.0.1/16": must be the first address of its range: 10.5.0.0/16"#,
        ],
    );
    check(
        workerless_shoot(),
        |shoot| networking(shoot).services = Some("243.1.0.0/16".into()),
        &[
            r#"spec.networking.services: Invalid value: "243.1.0.0/16": must not overlap with the reserved range 243.0.0.0/8"#,
        ],
    );
    check(
        workerless_shoot(),
        |shoot| networking(shoot).services = Some("fd00:10::/108".into()),
        &[
            r#"spec.networking.services: Invalid value: "fd00:10::/108": must be of an IP family named in ipFamilies, not IPv6"#,
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| shoot.spec.networking = None,
        &["spec.networking: Required value: must be set for a Shoot with workers: name a network type"],
    );
    check(
        workerless_shoot(),
        |shoot| networking(shoot).ip_families = vec![IpFamily::Ipv4, IpFamily::Ipv4, "IPv5".into()],
        &[
            r#"spec.networking.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6""#,
            r#"spec.networking.ipFamilies[1]: Duplicate value: "IPv4""#,
        ],
    );
}

#[test]
fn pools_have_names_sizes_and_machines() {
    check(
        shoot_with_workers(),
        |shoot| pool(shoot).name = "a-rather-long-name".into(),
        &["spec.provider.workers[0].name: Too long: may not be more than 15 bytes"],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            let pool = pool(shoot);
            (pool.minimum, pool.maximum) = (3, 2);
        },
        &["spec.provider.workers[0].maximum: Invalid value: 2: must not be less than minimum (3)"],
    );
    check(
        shoot_with_workers(),
        |shoot| (pool(shoot).minimum, pool(shoot).maximum) = (0, 0),
        &[
            "spec.provider.workers: Forbidden: at least one worker pool must have maximum > 0 and systemComponents.allow=true",
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| pool(shoot).max_surge = Some(IntOrString::String("0%".into())),
        &[
            "spec.provider.workers[0].maxUnavailable: Invalid value: 0: may not be 0 when maxSurge is 0: no machine could ever be replaced",
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| pool(shoot).max_surge = Some(IntOrString::String("many".into())),
        &[
            r#"spec.provider.workers[0].maxSurge: Invalid value: "many": must be a number of machines or a percentage, such as 1 or 25%"#,
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            pool(shoot).machine.type_.clear();
            pool(shoot).machine.image.as_mut().unwrap().version = Some("13".into());
            pool(shoot).machine.architecture = Some("mips".into());
        },
        &[
            "spec.provider.workers[0].machine.type: Required value: must specify a machine type of the cloud profile",
            r#"spec.provider.workers[0].machine.architecture: Unsupported value: "mips": supported values: "amd64", "arm64""#,
            r#"spec.provider.workers[0].machine.image.version: Invalid value: "13": must be a semantic version without leading v, such as 1.35.4"#,
        ],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            let copy = pool(shoot).clone();
            shoot.spec.provider.workers.push(copy);
        },
        &[r#"spec.provider.workers[1].name: Duplicate value: "pool""#],
    );
}

#[test]
fn volumes_have_sizes_in_gi() {
    for size in ["50", "50GB", "Gi", "-1Gi", "1.5Gi"] {
        let mut shoot = shoot_with_workers();
        pool(&mut shoot).volume.as_mut().unwrap().size = size.to_owned();
        assert_errors(
            &validate_shoot(&shoot),
            &[&format!(
                "spec.provider.workers[0].volume.size: Invalid value: {size:?}: must be a number of Gi, such as 50Gi"
            )],
        );
    }
    check(
        shoot_with_workers(),
        |shoot| pool(shoot).kubelet_data_volume_name = Some("data".into()),
        &[
            r#"spec.provider.workers[0].kubeletDataVolumeName: Invalid value: "data": must be the name of one of dataVolumes"#,
        ],
    );
}

#[test]
fn kubelets_follow_the_control_plane() {
    let check = |version: &str, expected: &[&str]| {
        let mut shoot = shoot_with_workers();
        pool(&mut shoot).kubernetes = Some(WorkerKubernetes {
            version: Some(version.to_owned()),
            kubelet: None,
        });
        assert_errors(&validate_shoot(&shoot), expected);
    };
    check("1.32.0", &[]);
    check(
        "1.36.0",
        &[
            "spec.provider.workers[0].kubernetes.version: Forbidden: kubelets must not be newer than the control plane (1.35.4)",
        ],
    );
    check(
        "1.31.0",
        &[
            "spec.provider.workers[0].kubernetes.version: Forbidden: kubelets must not be more than 3 minor versions older than the control plane (1.35.4)",
        ],
    );
}

#[test]
fn maintenance_windows_are_half_an_hour_to_six_hours() {
    let check = |begin: &str, end: &str, expected: &[&str]| {
        let mut shoot = workerless_shoot();
        shoot.spec.maintenance.as_mut().unwrap().time_window = Some(MaintenanceTimeWindow {
            begin: begin.to_owned(),
            end: end.to_owned(),
        });
        assert_errors(&validate_shoot(&shoot), expected);
    };
    check("233000+0000", "000000+0000", &[]);
    check(
        "220000+0000",
        "221500+0000",
        &[
            r#"spec.maintenance.timeWindow: Invalid value: "220000+0000 - 221500+0000": must be between 30 minutes and 6 hours long, not 15 minutes"#,
        ],
    );
    check(
        "10 pm",
        "230000+0000",
        &[
            r#"spec.maintenance.timeWindow.begin: Invalid value: "10 pm": must be a time of day with offset: HHMMSS+ZZZZ, such as 220000+0100"#,
        ],
    );
}

#[test]
fn hibernation_schedules_are_cron_expressions() {
    let check = |start: Option<&str>, end: Option<&str>, location: Option<&str>, expected: &[&str]| {
        let mut shoot = workerless_shoot();
        let text = |text: Option<&str>| text.map(str::to_owned);
        let schedule = HibernationSchedule {
            start: text(start),
            end: text(end),
            location: text(location),
        };
        shoot.spec.hibernation = Some(Hibernation {
            enabled: None,
            schedules: vec![schedule],
        });
        assert_errors(&validate_shoot(&shoot), expected);
    };
    check(Some("0 20 * * 1-5"), Some("0 6 * * 1-5"), Some("Europe/Berlin"), &[]);
    check(
        None,
        None,
        None,
        &["spec.hibernation.schedules[0]: Required value: must specify start or end, or both"],
    );
    check(
        Some("tonight"),
        None,
        Some("Europe/"),
        &[
            r#"spec.hibernation.schedules[0].start: Invalid value: "tonight": must be a cron expression: minute, hour, day of month, month, day of week, such as "0 20 * * 1-5""#,
            r#"spec.hibernation.schedules[0].location: Invalid value: "Europe/": must be the name of a time zone, such as Europe/Berlin"#,
        ],
    );
    check(
        Some("0 20 * * *"),
        Some("0 20 * * *"),
        None,
        &[r#"spec.hibernation.schedules[0].end: Invalid value: "0 20 * * *": must not be the same as start"#],
    );
}

#[test]
fn api_server_settings_are_in_range() {
    check(
        workerless_shoot(),
        |shoot| {
            shoot.spec.kubernetes.kube_api_server = Some(KubeApiServerConfig {
                event_ttl: Some(Duration::from_hours(25)),
                requests: Some(ApiServerRequests {
                    max_mutating_inflight: Some(-1),
                    ..Default::default()
                }),
                encryption_config: Some(EncryptionConfig {
                    provider: EncryptionProvider {
                        type_: Some("rot13".into()),
                    },
                    ..Default::default()
                }),
                service_account_config: Some(ServiceAccountConfig {
                    max_token_expiration: Some(Duration::from_hours(1)),
                    ..Default::default()
                }),
                enable_anonymous_authentication: Some(true),
                ..Default::default()
            });
        },
        &[
            r#"spec.kubernetes.kubeAPIServer.eventTTL: Invalid value: "25h0m0s": must be between 0s and 24h0m0s"#,
            "spec.kubernetes.kubeAPIServer.requests.maxMutatingInflight: Invalid value: -1: must be greater than or equal to 0",
            r#"spec.kubernetes.kubeAPIServer.encryptionConfig.provider.type: Unsupported value: "rot13": supported values: "aescbc", "aesgcm", "secretbox""#,
            r#"spec.kubernetes.kubeAPIServer.serviceAccountConfig.maxTokenExpiration: Invalid value: "1h0m0s": must be between 720h and 2160h (30 to 90 days)"#,
            "spec.kubernetes.kubeAPIServer.enableAnonymousAuthentication: Forbidden: not supported from Kubernetes 1.35 on: use spec.kubernetes.kubeAPIServer.structuredAuthentication",
        ],
    );
}

#[test]
fn addons_are_gone_with_1_35() {
    check(
        shoot_with_workers(),
        |shoot| shoot.spec.addons = Some(Addons::default()),
        &["spec.addons: Forbidden: not supported from Kubernetes 1.35 on: install the addons yourself"],
    );
    check(
        shoot_with_workers(),
        |shoot| {
            shoot.spec.kubernetes.version = "1.34.9".into();
            shoot.spec.addons = Some(Addons::default());
        },
        &[],
    );
}

#[test]
fn finalizers_of_gardener_are_gardeners() {
    let mut shoot = workerless_shoot();
    shoot.metadata.finalizers = Some(vec!["mine.example/finalizer".into(), "gardener".into()]);
    assert_errors(&validate_shoot(&shoot), &[]);
    assert_errors(
        &validate_shoot_creation(&shoot),
        &[
            r#"metadata.finalizers[1]: Forbidden: finalizer "gardener" cannot be added on creation: Gardener adds it itself"#,
        ],
    );
}

#[test]
fn what_is_listed_is_named_once() {
    check(
        workerless_shoot(),
        |shoot| {
            let extension = Extension {
                type_: "audit".into(),
                ..Default::default()
            };
            shoot.spec.extensions = vec![extension.clone(), extension, Extension::default()];
            shoot.spec.tolerations = vec![Toleration::default()];
            shoot.spec.dns = Some(Dns {
                domain: Some("No.Domain".into()),
                ..Default::default()
            });
            let mut resource = NamedResourceReference {
                name: "config".into(),
                ..Default::default()
            };
            resource.resource_ref.kind = "Pod".into();
            shoot.spec.resources = vec![resource];
        },
        &[
            "spec.tolerations[0].key: Required value: must specify the key of a taint",
            r#"spec.dns.domain: Invalid value: "No.Domain": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#,
            "spec.extensions[2].type: Required value: must specify the type of the extension",
            r#"spec.extensions[1].type: Duplicate value: "audit""#,
            r#"spec.resources[0].resourceRef.kind: Unsupported value: "Pod": supported values: "ConfigMap", "Secret", "WorkloadIdentity""#,
            "spec.resources[0].resourceRef.name: Required value: must specify the name of the object",
        ],
    );
}
