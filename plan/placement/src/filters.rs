//! The chain of filters that a seed must pass.
//!
//! In: the request and one seed. Out: nothing, or the first reason against it. Absent: regions and numbers of shoots,
//! which are compared between seeds ([`crate::place`]).

use api::core::v1beta1::{ConditionStatus, FailureToleranceType, Seed, SeedSelector, Shoot};
use apimachinery::selector::LabelSelection;

use crate::reason::Reason;
use crate::{Request, carried, networks};

type Filter = fn(&Request<'_>, &Seed) -> Result<(), Reason>;

/// In this order: what is wrong with the seed itself first, then what does not match the shoot.
const FILTERS: [Filter; 13] = [
    not_deleting,
    visible,
    ready,
    not_stopped,
    selected_by_cloud_profile,
    selected_by_shoot,
    provider_type,
    zones,
    access_restrictions,
    domain,
    disjoint_networks,
    taints,
    capacity,
];

/// How many zones a control plane needs that survives the loss of one.
const ZONES_FOR_ZONE_TOLERANCE: usize = 3;

/// Runs the chain for one seed.
pub(crate) fn check(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    FILTERS.iter().try_for_each(|filter| filter(request, seed))
}

fn not_deleting(_: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    require(seed.metadata.deletion_timestamp.is_none(), || Reason::Deleting)
}

fn visible(_: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let scheduling = seed
        .spec
        .settings
        .as_ref()
        .and_then(|settings| settings.scheduling.as_ref());
    require(scheduling.is_none_or(|scheduling| scheduling.visible), || {
        Reason::NotVisible
    })
}

fn ready(_: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let mut wanted = vec!["GardenletReady", "SeedSystemComponentsHealthy"];
    if seed.spec.backup.is_some() {
        wanted.push("BackupBucketsReady");
    }
    for condition in wanted {
        match condition_status(seed, condition) {
            Some(ConditionStatus::True) => {}
            other => {
                let status = other.map_or_else(|| "missing".to_owned(), ToString::to_string);
                return Err(Reason::NotReady {
                    condition: condition.to_owned(),
                    status,
                });
            }
        }
    }
    Ok(())
}

fn not_stopped(_: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let stopped = condition_status(seed, "EmergencyStopShootReconciliations") == Some(&ConditionStatus::True);
    require(!stopped, || Reason::EmergencyStop)
}

fn selected_by_cloud_profile(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    require(selects(request.cloud_profile.seed_selector.as_ref(), seed), || {
        Reason::CloudProfileSelector
    })
}

fn selected_by_shoot(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    require(selects(request.shoot.spec.seed_selector.as_ref(), seed), || {
        Reason::ShootSelector
    })
}

/// Seeds of the shoot's own provider, unless the cloud profile or the shoot names others (`*` is any).
fn provider_type(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let actual = &seed.spec.provider.type_;
    for selector in [&request.cloud_profile.seed_selector, &request.shoot.spec.seed_selector] {
        let types = selector
            .as_ref()
            .map(|selector| selector.provider_types.as_slice())
            .unwrap_or_default();
        if !types.is_empty() {
            let fits = types.iter().any(|wanted| wanted == "*" || wanted == actual);
            require(fits, || wrong_provider(actual, &types.join(" or ")))?;
        }
    }
    let named = [&request.cloud_profile.seed_selector, &request.shoot.spec.seed_selector]
        .into_iter()
        .any(|selector| {
            selector
                .as_ref()
                .is_some_and(|selector| !selector.provider_types.is_empty())
        });
    let wanted = &request.shoot.spec.provider.type_;
    require(named || actual == wanted, || wrong_provider(actual, wanted))
}

fn wrong_provider(actual: &str, wanted: &str) -> Reason {
    Reason::ProviderType {
        actual: actual.to_owned(),
        wanted: wanted.to_owned(),
    }
}

fn zones(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let Some(control_plane) = &request.shoot.spec.control_plane else {
        return Ok(());
    };
    let zones = &seed.spec.provider.zones;
    if let Some(zone) = control_plane.zones.iter().find(|zone| !zones.contains(zone)) {
        return Err(Reason::MissingZone { zone: zone.clone() });
    }
    let tolerance = control_plane
        .high_availability
        .as_ref()
        .map(|ha| &ha.failure_tolerance.type_);
    let enough = tolerance != Some(&FailureToleranceType::Zone) || zones.len() >= ZONES_FOR_ZONE_TOLERANCE;
    require(enough, || Reason::TooFewZones {
        actual: zones.len(),
        wanted: ZONES_FOR_ZONE_TOLERANCE,
    })
}

fn access_restrictions(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let offered = |name: &str| {
        seed.spec
            .access_restrictions
            .iter()
            .any(|restriction| restriction.name == name)
    };
    let wanted = request
        .shoot
        .spec
        .access_restrictions
        .iter()
        .map(|with_options| &with_options.access_restriction.name);
    match wanted.into_iter().find(|name| !offered(name)) {
        None => Ok(()),
        Some(name) => Err(Reason::AccessRestriction {
            restriction: name.clone(),
        }),
    }
}

/// A shoot without a DNS provider of its own uses a default domain; the seed must have it, if it lists any.
fn domain(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let Some(dns) = &request.shoot.spec.dns else {
        return Ok(());
    };
    let (Some(domain), true) = (&dns.domain, dns.providers.is_empty()) else {
        return Ok(());
    };
    let defaults = &seed.spec.dns.defaults;
    let offered = defaults.iter().any(|default| is_below(domain, &default.domain));
    require(defaults.is_empty() || offered, || Reason::Domain {
        domain: domain.clone(),
    })
}

fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

fn disjoint_networks(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    match &request.shoot.spec.networking {
        Some(networking) => networks::check_disjoint(networking, &seed.spec.networks),
        None => Ok(()),
    }
}

fn taints(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let untolerated = seed
        .spec
        .taints
        .iter()
        .find(|taint| !tolerates(request.shoot, &taint.key, taint.value.as_deref()));
    match untolerated {
        None => Ok(()),
        Some(taint) => Err(Reason::Taint {
            taint: taint.key.clone(),
        }),
    }
}

/// A toleration without a value tolerates every value of its key.
fn tolerates(shoot: &Shoot, key: &str, value: Option<&str>) -> bool {
    shoot
        .spec
        .tolerations
        .iter()
        .any(|toleration| toleration.key == key && (toleration.value.is_none() || toleration.value.as_deref() == value))
}

fn capacity(request: &Request<'_>, seed: &Seed) -> Result<(), Reason> {
    let Some(quantity) = seed.status.allocatable.get("shoots") else {
        return Ok(());
    };
    // Not a whole number: nobody can say what it means, so it limits nothing.
    let Ok(allocatable) = quantity.0.parse::<usize>() else {
        return Ok(());
    };
    let carried = carried(request, seed);
    require(carried < allocatable, || Reason::Full { carried, allocatable })
}

fn selects(selector: Option<&SeedSelector>, seed: &Seed) -> bool {
    // A selector that is no selector selects nothing; validation has told its author.
    selector.is_none_or(|selector| {
        LabelSelection::from_selector(Some(&selector.label_selector))
            .is_ok_and(|selection| selection.matches_optional(seed.metadata.labels.as_ref()))
    })
}

fn condition_status<'a>(seed: &'a Seed, condition_type: &str) -> Option<&'a ConditionStatus> {
    seed.status
        .conditions
        .iter()
        .find(|condition| condition.type_ == condition_type)
        .map(|condition| &condition.status)
}

fn require(holds: bool, otherwise: impl FnOnce() -> Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
