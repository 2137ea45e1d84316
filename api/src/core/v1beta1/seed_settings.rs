//! Settings of a Seed.

use std::collections::BTreeMap;

use apimachinery::api_type;
use apimachinery::meta::Quantity;
use k8s_openapi::api::core::v1::Toleration;

/// Settings of a seed.
#[api_type]
pub struct SeedSettings {
    /// Room kept free for control planes to come.
    #[api(tag = 1)]
    pub excess_capacity_reservation: Option<SeedSettingExcessCapacityReservation>,
    /// Whether the scheduler may choose this seed.
    #[api(tag = 2)]
    pub scheduling: Option<SeedSettingScheduling>,
    /// Its load balancers.
    #[api(tag = 4)]
    pub load_balancer_services: Option<SeedSettingLoadBalancerServices>,
    /// Its vertical pod autoscaler.
    #[api(tag = 5)]
    pub vertical_pod_autoscaler: Option<SeedSettingVerticalPodAutoscaler>,
    /// Its dependency watchdog.
    #[api(tag = 7)]
    pub dependency_watchdog: Option<SeedSettingDependencyWatchdog>,
    /// Whether traffic stays in its zone.
    #[api(tag = 8)]
    pub topology_aware_routing: Option<SeedSettingTopologyAwareRouting>,
    /// How zones of a control plane are chosen.
    #[api(tag = 9)]
    pub zone_selection: Option<SeedSettingZoneSelection>,
    /// Whether full volumes grow.
    #[api(tag = 10)]
    pub persistent_volume_claim_autoscaler: Option<SeedSettingPersistentVolumeClaimAutoscaler>,
}

/// Room kept free for control planes to come.
#[api_type]
pub struct SeedSettingExcessCapacityReservation {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: Option<bool>,
    /// How much, and where.
    #[api(tag = 2, omitempty)]
    pub configs: Vec<SeedSettingExcessCapacityReservationConfig>,
}

/// One reservation.
#[api_type]
pub struct SeedSettingExcessCapacityReservationConfig {
    /// How much is kept free.
    #[api(tag = 1)]
    pub resources: BTreeMap<String, Quantity>,
    /// Labels a node must have.
    #[api(tag = 2, omitempty)]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that are tolerated.
    #[api(tag = 3, omitempty)]
    pub tolerations: Vec<Toleration>,
}

/// Scheduling of Shoots to the seed.
#[api_type]
pub struct SeedSettingScheduling {
    /// Whether the scheduler may choose this seed.
    #[api(tag = 1)]
    pub visible: bool,
}

/// Settings of the seed's load balancers.
#[api_type]
pub struct SeedSettingLoadBalancerServices {
    /// Annotations to set.
    #[api(tag = 1, omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Whether clients' addresses are kept (`Local`) or not (`Cluster`).
    #[api(tag = 2)]
    pub external_traffic_policy: Option<String>,
    /// Settings that differ per zone.
    #[api(tag = 3, omitempty)]
    pub zones: Vec<SeedSettingLoadBalancerServicesZones>,
    /// Whether the PROXY protocol may be spoken.
    #[api(tag = 4)]
    pub proxy_protocol: Option<LoadBalancerServicesProxyProtocol>,
    /// Whether each zone has an ingress of its own.
    #[api(tag = 5)]
    pub zonal_ingress: Option<SeedSettingLoadBalancerServicesZonalIngress>,
    /// Class of the load balancers.
    #[api(tag = 6)]
    pub class: Option<String>,
}

/// Load balancer settings of one zone.
#[api_type]
pub struct SeedSettingLoadBalancerServicesZones {
    /// Name of the zone.
    #[api(tag = 1)]
    pub name: String,
    /// Annotations to set.
    #[api(tag = 2, omitempty)]
    pub annotations: BTreeMap<String, String>,
    /// Whether clients' addresses are kept (`Local`) or not (`Cluster`).
    #[api(tag = 3)]
    pub external_traffic_policy: Option<String>,
    /// Whether the PROXY protocol may be spoken.
    #[api(tag = 4)]
    pub proxy_protocol: Option<LoadBalancerServicesProxyProtocol>,
}

/// Ingress per zone.
#[api_type]
pub struct SeedSettingLoadBalancerServicesZonalIngress {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: Option<bool>,
}

/// Whether load balancers may speak the PROXY protocol.
#[api_type]
pub struct LoadBalancerServicesProxyProtocol {
    /// Whether they may.
    #[api(tag = 1)]
    pub allowed: bool,
}

/// Vertical pod autoscaler of the seed.
#[api_type]
pub struct SeedSettingVerticalPodAutoscaler {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: bool,
    /// Feature gates to switch on or off, by name.
    #[api(tag = 2, omitempty)]
    pub feature_gates: BTreeMap<String, bool>,
    /// Most resources a pod is given.
    #[api(tag = 3, omitempty)]
    pub max_allowed: BTreeMap<String, Quantity>,
}

/// Settings of the dependency watchdog.
#[api_type]
pub struct SeedSettingDependencyWatchdog {
    /// Restarts pods that wait for something that is back.
    #[api(tag = 3)]
    pub weeder: Option<SeedSettingDependencyWatchdogWeeder>,
    /// Stops controllers of shoots whose API server is out of the nodes' reach.
    #[api(tag = 4)]
    pub prober: Option<SeedSettingDependencyWatchdogProber>,
}

/// Settings of the weeder.
#[api_type]
pub struct SeedSettingDependencyWatchdogWeeder {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: bool,
}

/// Settings of the prober.
#[api_type]
pub struct SeedSettingDependencyWatchdogProber {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: bool,
}

/// Routing that prefers the own zone.
#[api_type]
pub struct SeedSettingTopologyAwareRouting {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: bool,
}

/// How zones of a control plane are chosen.
#[api_type]
pub struct SeedSettingZoneSelection {
    /// Whether the wish of the Shoot is a preference or a must.
    #[api(tag = 1, values = "Prefer, Enforce")]
    pub mode: ZoneSelectionMode,
}

/// How binding the choice of zones is.
#[api_type]
pub enum ZoneSelectionMode {
    /// Other zones are taken if need be.
    Prefer,
    /// No other zone is taken.
    Enforce,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// Growing of volumes that fill up.
#[api_type]
pub struct SeedSettingPersistentVolumeClaimAutoscaler {
    /// Whether this is switched on.
    #[api(tag = 1)]
    pub enabled: bool,
}
