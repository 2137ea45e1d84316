//! Defaults of Seeds.

use std::collections::BTreeMap;

use apimachinery::meta::Quantity;

use super::fill;
use crate::core::v1beta1::{
    IpFamily, Seed, SeedSettingDependencyWatchdogProber, SeedSettingDependencyWatchdogWeeder,
    SeedSettingExcessCapacityReservationConfig, SeedSettingLoadBalancerServicesZonalIngress,
    SeedSettingPersistentVolumeClaimAutoscaler, SeedSettingScheduling, SeedSettingTopologyAwareRouting,
    SeedSettingVerticalPodAutoscaler, SeedSettings, SeedSpec,
};

/// Fills in what a Seed leaves open.
pub fn set_defaults_seed(seed: &mut Seed) {
    set_defaults_seed_spec(&mut seed.spec);
}

/// Fills in what the spec of a Seed leaves open; also for the spec in a gardenlet's configuration.
pub fn set_defaults_seed_spec(spec: &mut SeedSpec) {
    if spec.networks.ip_families.is_empty() {
        spec.networks.ip_families.push(IpFamily::Ipv4);
    }
    let settings = spec.settings.get_or_insert_with(SeedSettings::default);
    let reservation = settings.excess_capacity_reservation.get_or_insert_default();
    if reservation.enabled.unwrap_or(true) && reservation.configs.is_empty() {
        reservation.configs.push(one_control_plane());
    }
    fill(&mut settings.scheduling, SeedSettingScheduling { visible: true });
    let balancers = settings.load_balancer_services.get_or_insert_default();
    fill(
        &mut balancers.zonal_ingress,
        SeedSettingLoadBalancerServicesZonalIngress { enabled: Some(true) },
    );
    settings
        .vertical_pod_autoscaler
        .get_or_insert_with(|| SeedSettingVerticalPodAutoscaler {
            enabled: true,
            ..Default::default()
        });
    fill(
        &mut settings.persistent_volume_claim_autoscaler,
        SeedSettingPersistentVolumeClaimAutoscaler { enabled: false },
    );
    let watchdog = settings.dependency_watchdog.get_or_insert_default();
    fill(
        &mut watchdog.weeder,
        SeedSettingDependencyWatchdogWeeder { enabled: true },
    );
    fill(
        &mut watchdog.prober,
        SeedSettingDependencyWatchdogProber { enabled: true },
    );
    fill(
        &mut settings.topology_aware_routing,
        SeedSettingTopologyAwareRouting { enabled: false },
    );
}

/// Room for one control plane of moderate size.
fn one_control_plane() -> SeedSettingExcessCapacityReservationConfig {
    let resources = BTreeMap::from([
        ("cpu".to_owned(), Quantity("2".to_owned())),
        ("memory".to_owned(), Quantity("6Gi".to_owned())),
    ]);
    SeedSettingExcessCapacityReservationConfig {
        resources,
        ..Default::default()
    }
}
