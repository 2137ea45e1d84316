//! Defaults of Shoots.

use apimachinery::Duration;

use super::{add_toleration, autoscaling, fill, maintenance, shoot_workers};
use crate::{
    constants::{CLOUD_PROFILE_KIND, DEFAULT_SCHEDULER_NAME, GARDEN_NAMESPACE, SEED_TAINT_PROTECTED},
    core::v1beta1::{
        ApiServerLogging, ApiServerRequests, CloudProfileReference, EncryptionConfig, EncryptionProviderType, IpFamily,
        KubeApiServerConfig, Maintenance, Networking, Shoot, ShootPurpose,
    },
    validation::version::at_least,
};

/// Fills in what a Shoot leaves open. `random` chooses the hour of its maintenance, if it names none.
pub fn set_defaults_shoot(shoot: &mut Shoot, random: u64) {
    let has_workers = !shoot.spec.provider.workers.is_empty();
    if shoot.metadata.namespace.as_deref() == Some(GARDEN_NAMESPACE) {
        add_toleration(&mut shoot.spec.tolerations, SEED_TAINT_PROTECTED);
    }
    let spec = &mut shoot.spec;
    fill(&mut spec.purpose, ShootPurpose::Evaluation);
    fill(&mut spec.scheduler_name, DEFAULT_SCHEDULER_NAME.to_owned());
    if let Some(reference) = &mut spec.cloud_profile
        && reference.kind.is_empty()
    {
        reference.kind = CLOUD_PROFILE_KIND.to_owned();
    }
    maintenance::maintenance(
        spec.maintenance.get_or_insert_with(Maintenance::default),
        has_workers,
        random,
    );
    let networking = spec.networking.get_or_insert_with(Networking::default);
    if networking.ip_families.is_empty() {
        networking.ip_families.push(IpFamily::Ipv4);
    }
    kube_api_server(
        spec.kubernetes
            .kube_api_server
            .get_or_insert_with(KubeApiServerConfig::default),
    );
    if let Some(options) = &mut spec.kubernetes.cluster_autoscaler {
        autoscaling::cluster_autoscaler(options);
    }
    if let Some(options) = &mut spec.kubernetes.vertical_pod_autoscaler {
        autoscaling::vertical_pod_autoscaler(options);
    }
    if has_workers {
        shoot_workers::set_defaults(spec);
    }
}

fn kube_api_server(config: &mut KubeApiServerConfig) {
    let requests = config.requests.get_or_insert_with(ApiServerRequests::default);
    fill(&mut requests.max_non_mutating_inflight, 400);
    fill(&mut requests.max_mutating_inflight, 200);
    fill(&mut config.event_ttl, Duration::from_hours(1));
    let logging = config.logging.get_or_insert_with(ApiServerLogging::default);
    fill(&mut logging.verbosity, 2);
    let encryption = config.encryption_config.get_or_insert_with(EncryptionConfig::default);
    fill(&mut encryption.provider.type_, EncryptionProviderType::Aescbc);
}

/// Keeps the old field `cloudProfileName` and `cloudProfile` in step, as long as the Kubernetes version allows the old one.
pub fn sync_cloud_profile(shoot: &mut Shoot) {
    let spec = &mut shoot.spec;
    if let Some(name) = spec.cloud_profile_name.as_deref().filter(|name| !name.is_empty())
        && spec.cloud_profile.is_none()
    {
        spec.cloud_profile = Some(CloudProfileReference {
            kind: CLOUD_PROFILE_KIND.to_owned(),
            name: name.to_owned(),
        });
    }
    let Some(reference) = &spec.cloud_profile else { return };
    let old_field_allowed = !at_least(&spec.kubernetes.version, 1, 34);
    spec.cloud_profile_name =
        (old_field_allowed && reference.kind == CLOUD_PROFILE_KIND).then(|| reference.name.clone());
}
